import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.conversation import validate_messages
from tasks.common import (
    Chained,
    GeneratedTask,
    Task,
    TaskMixture,
    TaskSequence,
    extract_answer,
    render_mc,
    same_final_answer,
    turn,
)


class Numbers(Task):
    """Example i says i."""

    def __init__(self, count=10, **view):
        super().__init__(**view)
        self.count = count

    def num_examples(self):
        return self.count

    def get_example(self, index):
        return turn(f"{self.count}:{index}?", str(index))


def said(task):
    return [task[i]["messages"][0]["content"] for i in range(len(task))]


@given(st.integers(0, 12), st.none() | st.integers(0, 14), st.integers(1, 5))
def test_a_view_is_a_slice(start, stop, step):
    if stop is not None and stop < start:
        with pytest.raises(UserError, match="slice"):
            Numbers(start=start, stop=stop, step=step)
        return
    task = Numbers(start=start, stop=stop, step=step)
    assert said(task) == said(Numbers())[start:stop:step]


@pytest.mark.parametrize("view", [{"start": -1}, {"step": 0}, {"start": 3, "stop": 2}])
def test_impossible_views_are_refused(view):
    with pytest.raises(UserError):
        Numbers(**view)


def test_indices_outside_the_view_are_refused():
    task = Numbers(stop=4)
    for index in (4, -1, 400):
        with pytest.raises(IndexError):
            task[index]
    for index in ("0", 1.0, True, slice(2)):
        with pytest.raises(TypeError):
            task[index]


def test_a_mixture_holds_everything_in_one_fixed_order():
    mixture = TaskMixture([Numbers(30), Numbers(20), Numbers(20)])
    once = said(mixture)
    assert sorted(once) == sorted(said(Numbers(30)) + 2 * said(Numbers(20)))
    assert once == said(TaskMixture([Numbers(30), Numbers(20), Numbers(20)]))
    assert once != sorted(once)
    assert [(name, rows) for name, rows, _ in mixture.shares()] == [
        ("Numbers", 30), ("Numbers", 20), ("Numbers", 20),
    ]  # fmt: skip
    assert said(TaskMixture([Numbers(30), Numbers(20), Numbers(20)], start=5, stop=9)) == once[5:9]


def test_a_sequence_keeps_the_order():
    assert said(TaskSequence([Numbers(3), Numbers(2)])) == said(Numbers(3)) + said(Numbers(2))


def test_chained_conversations_are_whole_tasks_in_a_row():
    for conversation in Chained([Numbers(30), Numbers(0)], size=20):
        messages = conversation["messages"]
        validate_messages(messages)
        assert len(messages) in (4, 6)
        for user, assistant in zip(messages[::2], messages[1::2], strict=True):
            assert user["content"] == f"30:{assistant['content']}?"


class Draws(GeneratedTask):
    def make(self, rng):
        return rng.random()


def test_seeds_are_the_contracts_and_disjoint():
    assert list(Draws(3)) == [random.Random(i).random() for i in range(3)]
    assert list(Draws(3, "test")) == [random.Random(10_000_000 + i).random() for i in range(3)]
    assert len(Draws(10_000_000)) == 10_000_000
    for size in (-1, 10_000_001):  # more would reach the other split's seeds
        with pytest.raises(UserError, match="size"):
            Draws(size)


def test_the_multiple_choice_prompt_is_the_contract():
    assert render_mc("Why?", ["A", "B"], ["because", "so"]) == (
        "Multiple Choice question: Why?\n- because=A\n- so=B\n\n"
        "Respond only with the letter of the correct answer."
    )


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("text #### 42", "42"),
        ("#### -1,234.5\n#### 7", "-1234.5"),
        ("####42", None),
        ("#### none", None),
        ("", None),
        ("#### 7<|assistant_end|>", "7"),
    ],
)
def test_extract_answer(completion, answer):
    assert extract_answer(completion) == answer


def test_a_missing_answer_is_never_right():
    assert not same_final_answer(turn("?", "no number"), "no number")
    assert not same_final_answer(turn("?", "#### 1"), "1")
    assert same_final_answer(turn("?", "#### 1"), "so #### 1")
