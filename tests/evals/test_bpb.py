import lzma
import math
import os
import socket

import pytest
import torch
import torch.multiprocessing as multiprocessing
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat import distributed
from nanochat.common import UserError
from nanochat.evals.bpb import compression_baseline, evaluate_bpb
from nanochat.gpt import GPT, GPTConfig

V, T = 11, 6
TOKEN_BYTES = torch.tensor([1, 1, 1, 2, 3, 5, 7, 4, 1, 0, 0], dtype=torch.int32)


def tiny_model():
    torch.manual_seed(0)
    config = GPTConfig(sequence_len=T, vocab_size=V, n_layer=1, n_head=1, n_kv_head=1, n_embd=8)
    model = GPT(config)
    model.init_weights()
    torch.nn.init.normal_(model.lm_head.weight)
    return model


def random_batches(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    for _ in range(count):
        ids = torch.randint(0, V, (2, T + 1), generator=rng)
        targets = ids[:, 1:].clone()
        targets[torch.rand(targets.shape, generator=rng) < 0.2] = -1
        yield ids[:, :-1], targets


def plain_bpb(model, batches):
    """The definition, one position at a time."""
    nats, total_bytes = 0.0, 0
    for inputs, targets in batches:
        log_probabilities = model(inputs).log_softmax(dim=-1)
        for b in range(inputs.size(0)):
            for t in range(inputs.size(1)):
                target = targets[b, t].item()
                if target >= 0 and TOKEN_BYTES[target] > 0:
                    nats -= log_probabilities[b, t, target].item()
                    total_bytes += TOKEN_BYTES[target].item()
    return nats / math.log(2) / total_bytes


def test_equals_the_definition():
    model = tiny_model()
    batches = list(random_batches(3))
    assert evaluate_bpb(model, batches, 3, TOKEN_BYTES) == pytest.approx(
        plain_bpb(model, batches), rel=1e-6
    )


def test_uses_exactly_the_given_number_of_batches():
    model = tiny_model()
    batches = list(random_batches(3))
    expected = evaluate_bpb(model, batches[:2], 2, TOKEN_BYTES)
    stream = iter(batches)
    assert evaluate_bpb(model, stream, 2, TOKEN_BYTES) == expected
    assert len(list(stream)) == 1


def test_a_uniform_model_over_bytes_needs_8_bits():
    class Uniform:
        def __call__(self, inputs, targets, loss_reduction):
            return torch.full((targets.numel(),), math.log(256))

    batch = (torch.zeros(2, 3, dtype=torch.long),) * 2
    assert evaluate_bpb(Uniform(), [batch], 1, torch.ones(1)) == pytest.approx(8.0)


def test_special_and_masked_targets_count_on_neither_side_even_when_infinite():
    class Spiky:
        def __call__(self, inputs, targets, loss_reduction):
            return torch.tensor([math.inf, 2.0, math.inf])

    batch = (torch.zeros(1, 3, dtype=torch.long), torch.tensor([[9, 5, -1]]))
    assert evaluate_bpb(Spiky(), [batch], 1, TOKEN_BYTES) == pytest.approx(2 / math.log(2) / 5)


def test_no_bytes_at_all_is_infinity():
    targets = torch.full((2, T), -1)
    assert evaluate_bpb(tiny_model(), [(targets.abs(), targets)], 1, TOKEN_BYTES) == math.inf


def test_too_little_data_is_a_clear_error():
    with pytest.raises(UserError, match="at least one batch"):
        evaluate_bpb(tiny_model(), random_batches(1), 0, TOKEN_BYTES)
    with pytest.raises(UserError, match="ended after 1 of 2"):
        evaluate_bpb(tiny_model(), random_batches(1), 2, TOKEN_BYTES)


def _one_rank(rank, port, results):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist = distributed.init("cpu")
    mine = list(random_batches(4))[rank::2]
    results[rank] = evaluate_bpb(tiny_model(), mine, 2, TOKEN_BYTES, dist)
    dist.close()


@pytest.mark.slow
def test_two_ranks_agree_with_one():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(_one_rank, (port, results), nprocs=2)
        expected = evaluate_bpb(tiny_model(), random_batches(4), 4, TOKEN_BYTES)
        assert results[0] == results[1] == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.text(min_size=1), min_size=1))
@settings(max_examples=20)
def test_compression_baseline_is_the_size_xz_gives(texts):
    data = "".join(texts).encode()
    bits = compression_baseline(texts) * len(data)
    assert bits == pytest.approx(8 * len(lzma.compress(data, preset=9)))


def test_compression_baseline_is_as_strong_as_xz_gets():
    rng = torch.Generator().manual_seed(0)
    words = torch.randint(0, 500, (20_000,), generator=rng).tolist()
    text = " ".join(f"w{word}" for word in words)
    weak, strong = (8 * len(lzma.compress(text.encode(), preset=p)) / len(text) for p in (0, 9))
    assert compression_baseline([text]) == strong < 0.99 * weak


def test_repetitive_text_compresses_below_random_text():
    repeated = compression_baseline(["the cat sat on the mat. "] * 500)
    rng = torch.Generator().manual_seed(0)
    noise = "".join(chr(65 + i) for i in torch.randint(0, 26, (12_000,), generator=rng).tolist())
    assert repeated < 0.2 < 4 < compression_baseline([noise])
    with pytest.raises(UserError, match="at least one byte"):
        compression_baseline([])
