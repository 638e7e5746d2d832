"""The quickstart's bookkeeping: what is done, what is to do again, where to continue."""

import sys

import pytest

from nanochat.checkpoint_manager import save_checkpoint
from nanochat.common import UserError
from nanochat.quickstart import runner
from nanochat.quickstart.plan import BASE, MID, SFT, TAG, Step, make_steps
from nanochat.quickstart.runner import Journal, command_text, resume_flags, run_step, run_steps

STEPS = [Step(name, f"do {name}", ("some.module", f"--{name}")) for name in ("a", "b", "c")]


@pytest.fixture
def commands(monkeypatch):
    """Run nothing; note the steps that would have run."""
    ran = []

    def note(step, number, count):
        ran.append(step.name)
        return 1.0

    monkeypatch.setattr(runner, "run_step", note)
    return ran


def test_a_second_run_does_nothing_again(commands):
    assert run_steps(STEPS) == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert run_steps(STEPS) == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert commands == ["a", "b", "c"]


def test_it_continues_at_the_first_unfinished_step(commands, monkeypatch):
    note = runner.run_step

    def fail_at_b(step, number, count):
        if step.name == "b":
            raise UserError("the step 'b' failed")
        return note(step, number, count)

    monkeypatch.setattr(runner, "run_step", fail_at_b)
    with pytest.raises(UserError):
        run_steps(STEPS)
    monkeypatch.setattr(runner, "run_step", note)
    run_steps(STEPS)
    assert commands == ["a", "b", "c"]


def test_a_changed_step_and_all_after_it_run_again(commands):
    run_steps(STEPS)
    changed = [STEPS[0], Step("b", "do b", ("some.module", "--other")), STEPS[2]]
    run_steps(changed)
    assert commands == ["a", "b", "c", "b", "c"]
    run_steps(STEPS)
    assert commands == ["a", "b", "c", "b", "c", "b", "c"]


def test_a_damaged_journal_only_costs_time(commands, base_dir):
    run_steps(STEPS)
    (base_dir / "quickstart.json").write_text('{"a": {"argv"')
    assert Journal().steps == {}
    run_steps(STEPS)
    assert commands == ["a", "b", "c"] * 2


def test_a_failing_command_is_named_with_its_status():
    step = Step("broken", "break", ("nanochat.no_such_module",))
    with pytest.raises(UserError, match=r"'broken' failed \(status 1\)"):
        run_step(step, 1, 1)


def test_an_interrupted_command_is_an_interruption(monkeypatch, tmp_path):
    (tmp_path / "stops.py").write_text("import sys; sys.exit(130)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run_step(Step("stops", "stop", ("stops",)), 1, 1)


@pytest.mark.parametrize(
    ("meta", "flags"),
    [
        ({"complete": False, "user_config": {"minutes": 2.5}}, ("--resume_from_step=7",)),
        ({"complete": False, "user_config": {}}, ()),
        ({"complete": True, "user_config": {"minutes": 2.5}}, ()),
        ({"complete": False, "user_config": {"minutes": 9.0}}, ()),
    ],
)
def test_only_an_incomplete_checkpoint_of_the_same_budget_is_continued(base_dir, meta, flags):
    directory = base_dir / "mid_checkpoints" / TAG
    save_checkpoint(str(directory), 7, {}, None, meta)
    step = Step("mid", "train", ("scripts.mid_train", "--minutes=2.5"), "mid")
    assert resume_flags(step) == flags


def test_whole_minutes_are_recognised_too(base_dir):
    (step,) = (step for step in make_steps(10, 200) if step.stage == "base")
    meta = {"complete": False, "user_config": {"minutes": 10 * BASE}}
    save_checkpoint(str(base_dir / "base_checkpoints" / TAG), 3, {}, None, meta)
    assert resume_flags(step) == ("--resume_from_step=3",)


def test_the_time_is_split_without_a_rest():
    assert pytest.approx(1.0) == BASE + MID + SFT
    minutes = [
        float(flag.partition("=")[2])
        for step in make_steps(10, 200)
        for flag in step.argv
        if flag.startswith("--minutes=")
    ]
    assert sum(minutes) == pytest.approx(10)


def test_printed_commands_can_be_typed():
    text = command_text(("scripts.chat_eval", "--task-name=A|B"))
    assert text == "python -m scripts.chat_eval '--task-name=A|B'"
    assert sys.executable not in text
