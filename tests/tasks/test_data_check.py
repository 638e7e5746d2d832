"""Counts against their definitions, shares, and what is shown."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat.conversation import render
from tasks.common import turn
from tasks.data_check.check import Checker, FileCheck
from tasks.data_check.preview import loss_view, printable
from tasks.data_check.report import Findings
from tasks.data_check.shares import MIXTURES, estimate_shares, mixture_size
from tasks.mixtures import quickstart_mid, quickstart_sft

TOOL = [{"type": "python", "text": "1+1"}, {"type": "python_output", "text": "2"}]


@pytest.fixture
def write(tmp_path):
    def write(*conversations, name="own.jsonl"):
        path = tmp_path / name
        path.write_text(
            "\n".join(x if isinstance(x, str) else json.dumps(x) for x in conversations)
        )
        return str(path)

    return write


def test_counts(write, tiny_tokenizer):
    system = {"messages": [{"role": "system", "content": "S"}, *turn("a", TOOL)["messages"]]}
    path = write(turn("question", "yes"), "", system, "{", turn("dog", "fox " * 9))
    found = Checker(tiny_tokenizer).check(path, 2.0)
    assert (found.conversations, found.messages, found.errors) == (3, 7, 1)
    assert (found.with_system, found.with_parts) == (1, 1)
    assert found.first_errors[0][0] == 4
    assert found.trained_characters == len("yes" + "1+1" + "fox " * 9)
    assert found.characters == len("question" + "S" + "a" + "2" + "dog") + found.trained_characters


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=9), context=st.integers(2, 40))
def test_tokens_against_the_renderer(tmp_path_factory, tiny_tokenizer, lengths, context):
    path = tmp_path_factory.mktemp("own") / "own.jsonl"
    chats = [turn("question " * (n % 4 + 1), "yes " * n) for n in lengths]
    path.write_text("\n".join(map(json.dumps, chats)))
    for every_token in (False, True):
        checker = Checker(tiny_tokenizer, context, every_token=every_token, show=2)
        found = checker.check(str(path))
        cut = [render(tiny_tokenizer, chat, context) for chat in chats]
        masks = [[1] * len(ids) if every_token else mask for ids, mask in cut]
        whole = [len(render(tiny_tokenizer, chat, 10**6)[0]) for chat in chats]
        assert found.lengths == whole
        assert found.trained_tokens == sum(map(sum, masks))
        assert found.cut == sum(length > context for length in whole)
        assert found.lost == sum(not any(mask) for mask in masks)
        assert [line for line, _, _ in found.previews] == [1, 2][: len(lengths)]


def test_quantiles_are_of_the_nearest_rank():
    found = FileCheck("x", lengths=list(range(200, 0, -1)))
    assert found.quantiles() == {"p50": 100, "p90": 180, "p99": 198, "max": 200}
    assert FileCheck("x", lengths=[7]).quantiles() == {"p50": 7, "p90": 7, "p99": 7, "max": 7}
    assert FileCheck("x").quantiles() == {}


def test_duplicates_and_other_answers_over_all_files(write):
    first = write(
        turn("A", "1"), turn("B", "1"), turn("A", "1"), turn("A", "2"), name="first.jsonl"
    )
    again = {"messages": [*turn("B", "1")["messages"], *turn("C", "3")["messages"]], "id": 7}
    second = write({**turn("B", "1"), "id": 8}, again, name="second.jsonl")
    checker = Checker()
    found = checker.check(first)
    assert (found.duplicates, found.first_duplicates) == (1, [(3, f"{first}:1")])
    assert (found.conflicts, found.first_conflicts) == (1, [(4, f"{first}:1")])
    found = checker.check(second)
    assert (found.duplicates, found.first_duplicates) == (1, [(1, f"{first}:2")])
    assert found.conflicts == 0  # the same answer, however it goes on


def test_a_system_message_is_part_of_the_question(write):
    chats = {
        (system, answer): [{"role": "system", "content": system}, *turn("A", answer)["messages"]]
        for system in ("S", "T")
        for answer in ("1", "2")
    }
    found = Checker().check(
        write(chats["S", "1"], chats["T", "2"], chats["S", "2"], turn("A", "3"))
    )
    assert found.first_conflicts == [(3, f"{found.path}:1")]


def test_every_error_is_counted_and_some_are_listed(write):
    path = write(*["{"] * 30, turn("A", "1"))
    findings = Findings(Checker(max_errors=4), [(path, 1.0)], "sft", "nanochat")
    text = findings.text()
    assert findings.errors == 30 and "30 errors\n" in text
    assert re.findall(r"line (\d+): not a line of JSON", text) == ["1", "2", "3", "4"]
    assert "and 26 more" in text and text.endswith("30 errors: training refuses such files")


@pytest.mark.parametrize("content", [None, "", "\n \n"])
def test_a_missing_or_empty_file_is_an_error(tmp_path, content):
    path = tmp_path / "own.jsonl"
    if content is not None:
        path.write_text(content)
    findings = Findings(Checker(), [(str(path), 1.0)], "sft", "nanochat")
    assert findings.errors == 1
    assert ("no file" if content is None else "the file is empty") in findings.text()


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_nothing_in_a_file_is_a_crash(tmp_path_factory, tiny_tokenizer, data):
    path = tmp_path_factory.getbasetemp() / "strange.jsonl"
    path.write_bytes(data)
    findings = Findings(Checker(tiny_tokenizer), [(str(path), 1.0)], "sft", "nanochat")
    assert findings.errors >= 1
    json.dumps(findings.values())
    findings.text().encode()


# -- shares ---------------------------------------------------------------------------------------


def test_shares_are_parts_of_one_whole():
    rows, characters = mixture_size("sft", "nanochat", every_token=False)
    assert rows == 22_443  # ARC twice, GSM8K, SmolTalk, identity, spelling twice
    small = FileCheck("small", 2.0, conversations=10, trained_characters=1_000)
    large = FileCheck("large", 1.0, conversations=rows, trained_characters=characters)
    of_small, of_large = estimate_shares([small, large], "sft", "nanochat", False)
    assert of_large["rows"] == pytest.approx(rows / (2 * rows + 20))
    assert of_small["trained"] == pytest.approx(2_000 / (2 * characters + 2_000))
    small.epochs = of_small["epochs_for_5_percent"]
    assert estimate_shares([small, large], "sft", "nanochat", False)[0]["trained"] == pytest.approx(
        0.05
    )
    empty = FileCheck("empty")
    assert estimate_shares([empty], "mid", "quickstart", True)[0]["epochs_for_5_percent"] is None


def test_a_small_share_is_warned_of_and_a_large_one_not(write):
    path = write(*[turn(f"{i}", "x" * 2000) for i in range(150)])
    text = Findings(Checker(), [(path, 1.0)], "sft", "nanochat").text()
    (epochs,) = re.findall(rf"under 5%.*{re.escape(path)}:(\d+) would be 5%", text)
    for times, warned in ((int(epochs) - 1, True), (int(epochs), False)):
        text = Findings(Checker(), [(path, float(times))], "sft", "nanochat").text()
        assert ("under 5%" in text) == warned
        assert f"used {times} times" in text
    path = write(*[turn(f"{i}", "x" * 2000) for i in range(10)])
    text = Findings(Checker(), [(path, 1.0)], "sft", "nanochat").text()
    (needed,) = re.findall(r"under 5%.*; ([\d,]+) conversations such as these would be 5%", text)
    assert 150 < int(needed.replace(",", "")) < 10 * 150


def test_the_quickstarts_rows(tiny_corpus):
    for stage, mixture in (("mid", quickstart_mid), ("sft", quickstart_sft)):
        rows = sum(data.rows for data in MIXTURES[stage, "quickstart"])
        assert len(mixture()) == pytest.approx(rows, rel=0.02)  # few human chats in miniature


# -- what is shown --------------------------------------------------------------------------------


def view(tokenizer, conversation, context=1000, **options):
    return loss_view(tokenizer, *render(tokenizer, conversation, None), context, **options)


def test_what_is_trained_on_stands_out(tiny_tokenizer):
    shown = view(tiny_tokenizer, turn("What is 1+1?", [*TOOL, {"type": "text", "text": "2"}]))
    assert shown.split("\n") == [
        "<|bos|>",
        "<|user_start|>What is 1+1?<|user_end|>",
        "<|assistant_start|>",
        "[[<|python_start|>1+1<|python_end|>]]",
        "<|output_start|>2<|output_end|>",
        "[[2<|assistant_end|>]]",
    ]
    coloured = view(tiny_tokenizer, turn("Hi", "Ho"), colour=True).split("\n")
    assert coloured[-1] == "\033[32mHo<|assistant_end|>\033[0m"
    assert all(line.startswith("\033[90m") for line in coloured[:-1])


@given(answer=st.text(min_size=1).filter(str.strip), width=st.integers(20, 60))
def test_lines_fit_and_nothing_is_left_out(tiny_tokenizer, answer, width):
    shown = view(tiny_tokenizer, turn("Hi", answer), width=width)
    assert all(len(line) <= width for line in shown.split("\n"))
    whole = printable(answer.encode(errors="replace").decode())
    assert "".join(whole.split()) in "".join(shown.split())


def test_what_is_cut_off_is_counted(tiny_tokenizer):
    ids, mask = render(tiny_tokenizer, turn("Hi", "Ho ho"), None)
    shown = loss_view(tiny_tokenizer, ids, mask, 4)
    assert "Ho" not in shown
    assert f"cut here: {len(ids) - 4} more tokens, {sum(mask)} of them trained on" in shown


def test_files_cannot_steer_the_terminal(tiny_tokenizer, write):
    evil = "\033]0;title\007\rgone\u202e\ud800"
    path = write(turn(evil, evil), json.dumps([evil, evil])[:-1])
    text = Findings(Checker(tiny_tokenizer), [(path, 1.0)], "sft", "nanochat").text()
    assert "\\x1b]0;title\\x07\\rgone\\u202e" in text
    assert not set("\033\007\r\u202e\ud800") & set(text)


def test_values_say_the_same(write, tiny_tokenizer):
    path = write(turn("Hi", "yes " * 50), turn("Hi", "no"), "{")
    findings = Findings(Checker(tiny_tokenizer, 20), [(path, 1.0)], "mid", "quickstart")
    (file,) = json.loads(json.dumps(findings.values()))["files"]
    assert (file["conversations"], file["errors"], file["conflicting_answers"]) == (2, 1, 1)
    assert file["first_errors"][0]["line"] == 3
    assert file["first_conflicting_answers"] == [{"line": 2, "first": f"{path}:1"}]
    assert file["tokens"]["conversations_cut"] == 1 and file["tokens"]["context"] == 20
    assert 0 < file["estimated_share"]["trained"] < 0.01
    assert (
        Findings(Checker(), [(path, 1.0)], "mid", "quickstart").values()["files"][0]["tokens"]
        is None
    )
