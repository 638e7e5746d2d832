import itertools
import weakref
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat import engine as engine_module
from nanochat.common import UserError
from nanochat.engine import Engine, KVCache, sample_next_token, use_calculator
from nanochat.gpt import GPT, GPTConfig
from nanochat.infer.kv_cache import RaggedKVCache

SPECIAL = (
    "<|python_start|>",
    "<|python_end|>",
    "<|output_start|>",
    "<|output_end|>",
    "<|assistant_end|>",
    "<|bos|>",
)
BYTES = 256
START, END, OUTPUT, OUTPUT_END, STOP, BOS = range(BYTES, BYTES + len(SPECIAL))
VOCAB = BYTES + len(SPECIAL)


class StandInTokenizer:
    """Knows the six special tokens that the engine may ask for, and bytes; `first` is their id."""

    def __init__(self, first=BYTES):
        self.special = {name: first + index for index, name in enumerate(SPECIAL)}

    def encode_special(self, name):
        return self.special[name]

    def get_bos_token_id(self):
        return self.special["<|bos|>"]

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        return bytes(token for token in ids if token < BYTES).decode(errors="replace")


@dataclass
class StandInConfig:
    n_head: int = 2
    n_kv_head: int = 1
    n_embd: int = 4
    n_layer: int = 2
    sequence_len: int = 64


class StandInModel:
    """Continues each row as `script(row, ids so far)` says, reading those ids from the cache.

    The ids are stored as keys, so that a wrong cache gives a wrong continuation. `calls` counts
    the forward passes. Without a script all logits are equal.
    """

    def __init__(self, script=None, vocab=VOCAB, **config):
        self.config = StandInConfig(**config)
        self.script, self.vocab, self.calls = script, vocab, 0

    def get_device(self):
        return "cpu"

    def forward(self, ids, kv_cache):
        self.calls += 1
        B, T = ids.shape
        pos_B = torch.as_tensor(kv_cache.get_pos()).expand(B).tolist()
        stored = ids[:, None, :, None].float().expand(B, 1, T, 2)
        for layer in range(self.config.n_layer):
            keys, values = kv_cache.insert_kv(layer, stored, -stored)
            assert torch.equal(keys, -values)
        logits = torch.zeros(B, T, self.vocab)
        if self.script is not None:
            for row, pos in enumerate(pos_B):
                history = keys[row, 0, : pos + T, 0].int().tolist()
                logits[row, -1, self.script(row, history)] = 1000.0
        return logits


def reciting(*lines):
    """A model that says a blank after the one prompt token; row r then recites line r.

    (The prompt runs once for all rows, so they cannot differ at temperature 0 before that.) What
    is due where a token is forced is lost; at its end a line's last id is repeated.
    """

    def script(row, history):
        line = lines[row % len(lines)]
        return 32 if len(history) == 1 else line[min(len(history) - 2, len(line) - 1)]

    return StandInModel(script)


def tiny_gpt(n_kv_head=4, vocab_size=300, sequence_len=64, seed=0):
    """A random model whose attention matters: every weight counts and every logit differs."""
    torch.manual_seed(seed)
    config = GPTConfig(
        sequence_len, vocab_size, n_layer=3, n_head=4, n_kv_head=n_kv_head, n_embd=32
    )
    model = GPT(config)
    model.init_weights()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model.eval()


def unstoppable(model):
    """An engine whose special ids lie outside the model's vocabulary, so that nothing ends."""
    return Engine(model, StandInTokenizer(first=model.config.vocab_size))


PROMPT = [5, 17, 250, 3, 99, 42, 7]


# --- against the plain forward pass ---------------------------------------------------------------


@pytest.mark.parametrize("n_kv_head", [4, 2, 1])
def test_greedy_generation_equals_the_model_without_a_cache(n_kv_head):
    model = tiny_gpt(n_kv_head)
    naive = list(model.generate(PROMPT, max_tokens=30, temperature=0))
    assert len(set(naive)) > 10, "a repetitive continuation would prove little"
    steps = list(unstoppable(model).generate(PROMPT, num_samples=3, max_tokens=30, temperature=0))
    assert [column for column, _ in steps] == [[token] * 3 for token in naive]
    assert {mask for _, masks in steps for mask in masks} == {1}


@pytest.mark.parametrize("n_kv_head", [4, 2])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_many_prompts_together_equal_one_at_a_time(n_kv_head, batch_size):
    model = tiny_gpt(n_kv_head)
    rng = torch.Generator().manual_seed(0)
    prompts = [
        torch.randint(0, 300, (length,), generator=rng).tolist()
        for length in (1, 9, 4, 30, 9, 2, 17)
    ]
    engine = unstoppable(model)
    together = engine.generate_many(prompts, max_tokens=20, batch_size=batch_size)
    assert together == [list(model.generate(p, max_tokens=20, temperature=0)) for p in prompts]


@pytest.mark.parametrize("n_kv_head", [4, 2])
@pytest.mark.parametrize("chunks", [(1, 8), (4, 1, 4), (3, 3, 3), (1,) * 9])
@torch.no_grad()
def test_prefill_in_chunks_equals_one_pass(n_kv_head, chunks):
    model = tiny_gpt(n_kv_head)
    ids = torch.randint(0, 300, (2, 9), generator=torch.Generator().manual_seed(1))
    cache = KVCache(2, n_kv_head, 9, 8, 3)
    logits = [model.forward(chunk, kv_cache=cache) for chunk in ids.split(chunks, dim=1)]
    torch.testing.assert_close(torch.cat(logits, dim=1), model.forward(ids))


@torch.no_grad()
def test_ragged_rows_take_chunks_like_rows_on_their_own():
    model = tiny_gpt()
    rng = torch.Generator().manual_seed(1)
    rows = [torch.randint(0, 300, (1, length), generator=rng) for length in (9, 5)]
    cache = RaggedKVCache(2, 4, 16, 8, 3)
    for ids in rows:
        prompt = KVCache(1, 4, ids.size(1) - 3, 8, 3)
        model.forward(ids[:, :-3], kv_cache=prompt)
        cache.add_row(prompt)
    logits = model.forward(torch.cat([ids[:, -3:] for ids in rows]), kv_cache=cache)
    plain = torch.cat([model.forward(ids)[:, -3:] for ids in rows])
    torch.testing.assert_close(logits, plain)


# --- rows and their ends --------------------------------------------------------------------------


def test_first_tokens_of_equal_logits_differ_between_samples():
    engine = Engine(StandInModel(), StandInTokenizer())
    column, _ = next(
        engine.generate([1, 2], num_samples=16, max_tokens=1, temperature=1.0, seed=42)
    )
    assert len(set(column)) > 8


def test_the_seed_decides():
    engine = Engine(StandInModel(), StandInTokenizer())
    options = {"num_samples": 4, "max_tokens": 5}
    first = engine.generate_batch([1], seed=1, **options)
    assert engine.generate_batch([1], seed=1, **options) == first
    assert engine.generate_batch([1], seed=2, **options) != first


def test_top_k_zero_means_off():
    engine = Engine(StandInModel(), StandInTokenizer())
    options = {"num_samples": 8, "max_tokens": 3}
    assert engine.generate_batch([1], top_k=0, **options) == engine.generate_batch([1], **options)


def test_generation_ends_when_every_row_has():
    lines = [65, STOP, 66], [BOS], [67, 68, 69, STOP]
    model = reciting(*lines)
    steps = list(Engine(model, StandInTokenizer()).generate([1], 3, max_tokens=50, temperature=0))
    assert [column[2] for column, _ in steps] == [32, *lines[2]]
    assert model.calls == 5, "the last column needs no forward pass"


@pytest.mark.parametrize("include_end", [False, True])
def test_batch_returns_prompt_and_answer_and_optionally_the_end(include_end):
    model = reciting([65, STOP, 66], [BOS], [67, 68, 69, 70, 71, 72])
    sequences, masks = Engine(model, StandInTokenizer()).generate_batch(
        [1], 3, include_end=include_end, max_tokens=5, temperature=0
    )
    end = include_end
    assert sequences == [[1, 32, 65] + [STOP] * end, [1, 32] + [BOS] * end, [1, 32, 67, 68, 69, 70]]
    assert masks == [[0, 1, 1] + [1] * end, [0, 1] + [1] * end, [0, 1, 1, 1, 1, 1]]


def test_completions_come_as_they_are_finished_and_return_in_order():
    def script(row, history):
        return STOP if len(history) >= 3 * history[0] else 65

    prompts = [[9], [2], [1], [4, 4]]
    engine = Engine(StandInModel(script), StandInTokenizer())
    stream = list(engine.stream_many(prompts, max_tokens=50, batch_size=2))
    assert [index for index, _ in stream] == [1, 2, 3, 0]
    lengths = [26, 5, 2, 10]
    assert engine.generate_many(prompts, max_tokens=50, batch_size=2) == [[65] * n for n in lengths]
    assert [len(c) for c in engine.generate_many(prompts, max_tokens=4)] == [4, 4, 2, 4]
    assert engine.generate_many([], max_tokens=4) == []


def test_rows_that_ended_cost_nothing_more():
    def script(row, history):
        return STOP if history[0] == 1 else 65

    widths = []

    class Spy(StandInModel):
        def forward(self, ids, kv_cache):
            widths.append(ids.size(0))
            return super().forward(ids, kv_cache)

    Engine(Spy(script), StandInTokenizer()).generate_many([[1], [2], [1], [2]], max_tokens=3)
    assert widths == [1, 1, 1, 1, 2, 2]


# --- the calculator in every row ------------------------------------------------------------------


def call(expression):
    return [START, *expression.encode(), END]


def result(text):
    return [OUTPUT, *text.encode(), OUTPUT_END]


def test_each_row_of_a_prompt_has_its_own_tool_call():
    pad = [46] * 8  # sampled where tokens are forced, and discarded
    lines = [
        [*call("12/60"), *pad[:5], 65, STOP],
        [66, *call("'berry'.count('r')"), *pad[:3], STOP],
        [67, *call("2**8"), 68, STOP],
        [69, STOP],
    ]
    engine = Engine(reciting(*lines), StandInTokenizer())
    sequences, masks = engine.generate_batch([1], 4, max_tokens=60, temperature=0)
    assert sequences == [
        [1, 32, *call("12/60"), *result("0.2"), 65],
        [1, 32, 66, *call("'berry'.count('r')"), *result("2")],
        [1, 32, 67, *call("2**8"), 68],
        [1, 32, 69],
    ]
    assert masks[0] == [0] + [1] * 8 + [0] * 5 + [1]
    assert masks[1] == [0] + [1] * 22 + [0] * 3
    assert set(masks[2][1:]) == set(masks[3][1:]) == {1}


def test_generation_may_end_inside_a_forced_result():
    engine = Engine(reciting([*call("100+23"), 65]), StandInTokenizer())
    sequences, masks = engine.generate_batch([1], max_tokens=10, temperature=0)
    assert sequences == [[1, 32, *call("100+23"), OUTPUT]]
    assert masks == [[0, *[1] * 9, 0]]


SMALL = StandInTokenizer(first=4)  # ids 0-3 are text, 4-9 special: ends and tool calls are frequent
SMALL.decode = lambda ids: "+".join(str(token) for token in ids)
SMALL.encode = lambda text: [int(digit) % 4 for digit in text]


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    prompts=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), max_size=8),
    batch_size=st.integers(1, 5),
    max_tokens=st.none() | st.integers(0, 12),
)
def test_many_prompts_with_tools_and_ends_equal_one_at_a_time(
    seed, prompts, batch_size, max_tokens
):
    def script(row, history):
        return hash((seed, *history)) % 10

    engine = Engine(StandInModel(script, vocab=10, sequence_len=16), SMALL)
    together = engine.generate_many(prompts, max_tokens=max_tokens, batch_size=batch_size)
    for prompt, completion in zip(prompts, together, strict=True):
        (alone,), _ = engine.generate_batch(prompt, max_tokens=max_tokens, temperature=0)
        assert completion == alone[len(prompt) :]


# --- limits and errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "max_tokens"), [(10, 500), (10, None), (63, 5), (64, 5)])
def test_generation_ends_at_the_context(length, max_tokens):
    model = tiny_gpt()
    engine, prompt = unstoppable(model), [3] * length
    room = model.config.sequence_len - length
    assert len(list(engine.generate(prompt, max_tokens=max_tokens))) == room
    assert [len(c) for c in engine.generate_many([prompt, [4]], max_tokens)] == [
        room,
        min(63, max_tokens or 63),
    ]


def test_max_tokens_zero_gives_nothing():
    engine = Engine(StandInModel(), StandInTokenizer())
    assert list(engine.generate([1], max_tokens=0)) == []
    assert engine.generate_many([[1], [2]], max_tokens=0) == [[], []]
    assert engine.model.calls == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": [1] * 65}, r"65 tokens.* 64"),
        ({"tokens": []}, "non-empty"),
        ({"tokens": [1, "2"]}, "token ids"),
        ({"tokens": [1], "num_samples": 0}, "num_samples"),
        ({"tokens": [1], "max_tokens": -1}, "max_tokens"),
        ({"tokens": [1], "temperature": -0.5}, "temperature"),
        ({"tokens": [1], "top_k": -5}, "top_k"),
    ],
)
def test_bad_input_is_refused_before_any_work(arguments, message):
    engine = Engine(StandInModel(), StandInTokenizer())
    with pytest.raises(UserError, match=message):
        engine.generate(**arguments)
    with pytest.raises(UserError, match=message):
        engine.generate_batch(**arguments)
    if "num_samples" not in arguments:
        prompt = arguments.pop("tokens")
        with pytest.raises(UserError, match=message):
            engine.generate_many([[1], prompt], **arguments)
    assert engine.model.calls == 0


def test_a_prompt_that_is_too_long_is_named_by_its_number():
    engine = Engine(StandInModel(), StandInTokenizer())
    with pytest.raises(UserError, match="prompt 2 has 65 tokens"):
        engine.stream_many([[1], [2], [3] * 65])
    with pytest.raises(UserError, match="batch_size"):
        engine.stream_many([[1]], batch_size=0)


# --- resources ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["KVCache", "RaggedKVCache"])
def test_closing_early_frees_the_cache(monkeypatch, kind):
    made = []

    class Watched(getattr(engine_module, kind)):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(weakref.ref(self))

    monkeypatch.setattr(engine_module, kind, Watched)
    engine = Engine(StandInModel(), StandInTokenizer())
    if kind == "KVCache":
        stream = engine.generate([1, 2], num_samples=2, max_tokens=50)
    else:
        stream = engine.stream_many([[1], [2]], max_tokens=1, batch_size=1)
    next(stream)
    assert any(reference() is not None for reference in made)
    stream.close()
    assert all(reference() is None for reference in made)


def test_generation_records_no_gradients_and_leaves_the_mode_alone():
    modes = []

    class Spy(StandInModel):
        def forward(self, ids, kv_cache):
            modes.append(torch.is_inference_mode_enabled())
            return super().forward(ids, kv_cache)

    stream = Engine(Spy(), StandInTokenizer()).generate([1], max_tokens=5)
    for _ in itertools.islice(stream, 3):
        assert not torch.is_inference_mode_enabled(), "between steps the caller's mode counts"
    assert modes == [True] * 3


def test_names_that_users_import():
    assert use_calculator("1+1") == 2
    assert sample_next_token(torch.zeros(1, 3), torch.Generator(), 0.0).tolist() == [[0]]
    assert Engine(StandInModel(), StandInTokenizer()).end_tokens == {STOP, BOS}
