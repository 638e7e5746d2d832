import dataclasses

import pytest
import torch

from nanochat.common import UserError
from nanochat.distributed import Dist
from nanochat.evals.chat import chat_core, num_problems, run_categorical_eval, run_generative_eval
from tasks.common import Task, turn


class Echo(Task):
    """Question i is to be answered with the number i."""

    eval_type = "generative"

    def __init__(self, count=10, length=1, **view):
        super().__init__(**view)
        self.count, self.length = count, length

    def num_examples(self):
        return self.count

    def get_example(self, index):
        return turn("?" * self.length, str(index), letters=("A", "B", "C"), index=index)

    def evaluate(self, conversation, completion):
        return completion == conversation["messages"][-1]["content"]


@dataclasses.dataclass
class Config:
    sequence_len: int = 64


class Model:
    config = Config()


class StubEngine:
    """Answers prompt n with `answers[n]`, and remembers how it was asked."""

    def __init__(self, tokenizer, answers):
        self.tokenizer, self.answers, self.model = tokenizer, answers, Model()
        self.calls = []

    def stream_many(self, prompts, max_tokens, temperature, batch_size):
        self.calls.append((max_tokens, temperature, batch_size))
        for index in reversed(range(len(prompts))):
            yield index, self.tokenizer.encode(self.answers[index])

    def generate_batch(self, tokens, num_samples, max_tokens, temperature, top_k, seed):
        self.calls.append((num_samples, max_tokens, temperature, top_k, seed))
        samples = [self.answers[len(self.calls) - 1], *["no"] * (num_samples - 1)][::-1]
        sequences = [[*tokens, *self.tokenizer.encode(sample)] for sample in samples]
        return sequences, None


def test_greedy_answers_are_decoded_together(tiny_tokenizer):
    engine = StubEngine(tiny_tokenizer, ["0", "1", "wrong", "", "4"])
    progress = []
    figures = run_generative_eval(
        Echo(5), tiny_tokenizer, engine, max_new_tokens=9, batch_size=3,
        progress=lambda *counts: progress.append(counts),
    )  # fmt: skip
    assert engine.calls == [(9, 0.0, 3)]
    assert (figures["accuracy"], figures["passed"], figures["total"]) == (0.6, 3, 5)
    assert [(e["completion"], e["passed"]) for e in figures["examples"]] == [
        ("0", True), ("1", True), ("wrong", False), ("", False),
    ]  # fmt: skip
    assert progress[-1] == (3, 5, 5)


def test_any_right_sample_passes(tiny_tokenizer):
    engine = StubEngine(tiny_tokenizer, ["0", "1", "wrong", "3"])
    figures = run_generative_eval(
        Echo(4), tiny_tokenizer, engine, num_samples=3, temperature=0.7, top_k=5, seed=100
    )
    assert figures["accuracy"] == 0.75
    assert [call[0] for call in engine.calls] == [3] * 4
    assert len({call[-1] for call in engine.calls}) == 4  # every problem has its own seed


@pytest.mark.parametrize("limit", [0, -1, None])
def test_all_problems_unless_limited(limit):
    assert num_problems(Echo(7), limit) == 7 and num_problems(Echo(7), 3) == 3


def test_no_problems_is_no_result(tiny_tokenizer):
    figures = run_generative_eval(Echo(0), tiny_tokenizer, StubEngine(tiny_tokenizer, []))
    assert figures["accuracy"] is None and figures["total"] == 0
    figures = run_categorical_eval(Echo(0), tiny_tokenizer, LetterModel(tiny_tokenizer))
    assert figures["accuracy"] is None


def test_questions_that_do_not_fit_are_failed_not_fatal(tiny_tokenizer):
    engine = StubEngine(tiny_tokenizer, ["0"])
    figures = run_generative_eval(Echo(3, length=200), tiny_tokenizer, engine)
    assert (figures["accuracy"], figures["total"], figures["too_long"]) == (0.0, 3, 3)
    model = LetterModel(tiny_tokenizer)
    figures = run_categorical_eval(Echo(3, length=200), tiny_tokenizer, model)
    assert (figures["accuracy"], figures["total"], figures["too_long"]) == (0.0, 3, 3)


def test_outcomes_are_those_of_each_problem(tiny_tokenizer):
    class SomeTooLong(Letters):
        def get_example(self, index):
            example = super().get_example(index)
            long = {"role": "user", "content": "x" * 200} if index % 3 == 1 else {}
            return {
                **example,
                "messages": [{**example["messages"][0], **long}, *example["messages"][1:]],
            }

    expected = {index: index % 3 != 1 for index in range(7)}
    model = LetterModel(tiny_tokenizer)
    figures = run_categorical_eval(SomeTooLong(7), tiny_tokenizer, model, batch_size=2)
    assert figures["outcomes"] == expected
    fitting = [index for index in expected if expected[index]]
    answers = ["ABC"[index % 3] if index != 5 else "no" for index in fitting]
    engine = StubEngine(tiny_tokenizer, answers)
    figures = run_generative_eval(SomeTooLong(7), tiny_tokenizer, engine)
    assert figures["outcomes"] == {**expected, 5: False}
    assert figures["passed"] == 4 and figures["total"] == 7
    ranks = [TwoRanks(rank, rank, 2, torch.device("cpu")) for rank in (0, 1)]
    parts = [run_categorical_eval(SomeTooLong(7), tiny_tokenizer, model, 2, dist=rank)["outcomes"]
             for rank in ranks]  # fmt: skip
    assert not set(parts[0]) & set(parts[1]) and parts[0] | parts[1] == expected


@pytest.mark.parametrize("option", [{"num_samples": 0}, {"max_new_tokens": 0}])
def test_impossible_settings_are_refused(tiny_tokenizer, option):
    with pytest.raises(UserError, match="at least one"):
        run_generative_eval(Echo(1), tiny_tokenizer, StubEngine(tiny_tokenizer, ["0"]), **option)


@dataclasses.dataclass(frozen=True)
class TwoRanks(Dist):
    """Rank `rank` of two, whose sums include what the other rank would add."""

    other: tuple[int, ...] = (0, 0, 0)

    def all_reduce_sum(self, tensor):
        return tensor + torch.tensor(self.other, dtype=tensor.dtype)


def test_ranks_share_the_problems(tiny_tokenizer):
    seen = []

    class Recording(Echo):
        def evaluate(self, conversation, completion):
            seen.append(conversation["index"])
            return True

    totals = []
    for rank in (0, 1):
        dist = TwoRanks(rank, rank, 2, torch.device("cpu"))
        engine = StubEngine(tiny_tokenizer, ["x"] * 5)
        totals.append(run_generative_eval(Recording(5), tiny_tokenizer, engine, dist=dist)["total"])
    assert sorted(seen) == list(range(5)) and totals == [3, 2]


def test_figures_are_summed_over_ranks(tiny_tokenizer):
    dist = TwoRanks(0, 0, 2, torch.device("cpu"), other=(1, 0, 2))
    engine = StubEngine(tiny_tokenizer, ["0", "no", "4"])
    figures = run_generative_eval(Echo(5), tiny_tokenizer, engine, dist=dist)
    assert (figures["passed"], figures["total"]) == (3, 5)


class Letters(Echo):
    """The right letter is the question's last character; questions differ in length."""

    def get_example(self, index):
        letter = "ABC"[index % 3]
        return turn(f"{'x' * index} {letter}", letter, letters=("A", "B", "C"))


class LetterModel:
    """Gives the highest logit to a digit, and among letters to the last one of the prompt."""

    config = Config()

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.batches = []

    def get_device(self):
        return torch.device("cpu")

    def __call__(self, idx_BT):
        self.batches.append(tuple(idx_BT.shape))
        logits_BTV = torch.zeros(*idx_BT.shape, self.tokenizer.get_vocab_size())
        logits_BTV[:, :, self.tokenizer.encode("7")[0]] = 9.0
        end = self.tokenizer.encode_special("<|assistant_start|>")
        for row, ids in enumerate(idx_BT.tolist()):
            last = ids.index(end)
            logits_BTV[row, last, ids[last - 2]] = 5.0
        return logits_BTV


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_letters_are_chosen_at_the_last_position_of_each_prompt(tiny_tokenizer, batch_size):
    model = LetterModel(tiny_tokenizer)
    figures = run_categorical_eval(Letters(9), tiny_tokenizer, model, batch_size=batch_size)
    assert figures["accuracy"] == 1.0 and figures["total"] == 9
    assert [rows for rows, _ in model.batches] == [1] * 9 if batch_size == 1 else True


def test_a_letter_must_be_one_token(tiny_tokenizer):
    class Long(Letters):
        def get_example(self, index):
            return turn("?", "A", letters=("A", "Zq"))

    with pytest.raises(UserError, match="one token"):
        run_categorical_eval(Long(1), tiny_tokenizer, LetterModel(tiny_tokenizer))


def test_batches_are_strided_over_ranks(tiny_tokenizer):
    totals = []
    for rank in (0, 1):
        dist = TwoRanks(rank, rank, 2, torch.device("cpu"))
        model = LetterModel(tiny_tokenizer)
        figures = run_categorical_eval(Letters(9), tiny_tokenizer, model, batch_size=2, dist=dist)
        totals.append(figures["total"])
    assert totals == [5, 4]


def test_chat_core():
    baselines = {"a": 0.25, "b": 0.0}
    assert chat_core({"a": 0.25, "b": 0.5}, baselines) == 0.25
    assert chat_core({"a": 1.0, "b": 1.0, "other": 0.0}, baselines) == 1.0
    assert chat_core({"a": 1.0}, baselines) is None
    assert chat_core({"a": 1.0, "b": None}, baselines) is None
