import pytest

from nanochat.infer.tool_state import RowState, ToolTokens
from nanochat.tokenizer import RustBPETokenizer

START, END = "<|python_start|>", "<|python_end|>"
OUTPUT, OUTPUT_END = "<|output_start|>", "<|output_end|>"


@pytest.fixture(scope="module")
def tokenizer():
    return RustBPETokenizer.train_from_iterator(["no merges"], 265)


def ids_of(tokenizer, *pieces):
    """Encode pieces of text and names of special tokens."""
    special = tokenizer.get_special_tokens()
    spans = [[tokenizer.encode_special(p)] if p in special else tokenizer.encode(p) for p in pieces]
    return [token for span in spans for token in span]


def run(tokenizer, sampled):
    """Feed sampled ids until nothing is sampled or forced any more; filler is `~`."""
    state = RowState(ToolTokens(tokenizer))
    filler = tokenizer.encode("~")[0]
    taken = [state.advance(token) for token in sampled]
    while (last := state.advance(filler)) != (filler, 1):
        taken.append(last)
    return taken, state


def check(tokenizer, sampled, forced):
    taken, _ = run(tokenizer, ids_of(tokenizer, *sampled))
    assert [token for token, mask in taken if mask == 1] == ids_of(tokenizer, *sampled)
    assert [token for token, mask in taken if mask == 0] == ids_of(tokenizer, *forced)


def test_a_call_forces_its_result(tokenizer):
    check(tokenizer, ["so ", START, "12/60", END], [OUTPUT, "0.2", OUTPUT_END])
    check(tokenizer, [START, "'banana'.count('a')", END], [OUTPUT, "3", OUTPUT_END])
    check(tokenizer, [START, "0.1+0.2", END], [OUTPUT, "0.30000000000000004", OUTPUT_END])


def test_refused_or_empty_expressions_inject_nothing(tokenizer):
    check(tokenizer, [START, "2**8", END, "x"], [])
    check(tokenizer, [START, END, "1+1"], [])


def test_a_second_start_empties_the_buffer(tokenizer):
    check(tokenizer, [START, "999", START, "1+2", END], [OUTPUT, "3", OUTPUT_END])


def test_an_end_in_text_is_ignored(tokenizer):
    check(tokenizer, ["1+2", END, "3"], [])
    check(tokenizer, [START, "1+2"], [])


def test_text_after_a_call_is_not_collected(tokenizer):
    tokens = ToolTokens(tokenizer)
    state = RowState(tokens)
    for token in ids_of(tokenizer, START, "1", END):
        state.advance(token)
    forced = [state.advance(0) for _ in ids_of(tokenizer, OUTPUT, "1", OUTPUT_END)]
    assert {mask for _, mask in forced} == {0}
    for token in ids_of(tokenizer, "5", END):
        assert state.advance(token) == (token, 1)
    assert state.advance(0) == (0, 1)


def test_what_is_sampled_while_a_token_is_forced_has_no_effect(tokenizer):
    state = RowState(ToolTokens(tokenizer))
    for token in ids_of(tokenizer, START, "7", END):
        state.advance(token)
    distractions = ids_of(tokenizer, "<|assistant_end|>", START, "9")
    taken = [state.advance(token) for token in distractions]
    assert taken == [(token, 0) for token in ids_of(tokenizer, OUTPUT, "7", OUTPUT_END)]
    assert not state.finished
    assert state.advance(65) == (65, 1)


@pytest.mark.parametrize("end", ["<|assistant_end|>", "<|bos|>"])
@pytest.mark.parametrize("before", [[], [START, "1+1"]])
def test_an_ending_token_finishes_the_row_in_every_state(tokenizer, end, before):
    _, state = run(tokenizer, ids_of(tokenizer, *before))
    assert not state.finished
    ending = tokenizer.encode_special(end)
    assert state.advance(ending) == (ending, 1)
    assert state.finished
    for token in ids_of(tokenizer, START, "1+1", END, "after"):
        assert state.advance(token) == (token, 1)
