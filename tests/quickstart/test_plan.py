"""The quickstart's plan: what is spent on what."""

import pytest

from nanochat.quickstart import plan, table


def flags(step):
    return dict(flag.split("=", 1) for flag in step.argv if "=" in flag)


def test_the_stages_share_the_training_time():
    steps = {step.name: flags(step) for step in plan.make_steps(10, 200)}
    minutes = [float(steps[stage]["--minutes"]) for stage in ("base", "mid", "sft")]
    assert sum(minutes) == pytest.approx(10)
    assert minutes[2] > sum(minutes[:2])


def test_the_mid_model_answers_fewer_items_and_the_table_says_so():
    steps = {step.name: flags(step) for step in plan.make_steps(10, 200)}
    assert steps["mid-eval"]["--max-problems"] == "50"
    assert steps["sft-eval"]["--max-problems"] == "200"
    assert plan.mid_items(1) == 1


def test_the_table_tells_how_many_items_there_were(base_dir):
    text = table.figures_table(200, 2.4, 2.7)
    assert "| bits per byte of text (`xz -9`: 2.700) | 2.400 | | |" in text
    assert "Up to 200 items each (mid: 50)" in text
