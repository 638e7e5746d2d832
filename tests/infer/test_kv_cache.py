import pytest
import torch

from nanochat.infer.kv_cache import KVCache, RaggedKVCache

LAYERS, HEADS, SIZE = 3, 2, 4


def entries(rows, count, seed=0):
    """Keys and values of `count` positions for every layer: (L, 2, B, G, T, D)."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(LAYERS, 2, rows, HEADS, count, SIZE, generator=rng)


def insert(cache, new):
    """Insert in every layer; return what the last one answered, (2, B, G, S, D)."""
    for layer, (keys, values) in enumerate(new):
        seen = cache.insert_kv(layer, keys, values)
    return torch.stack(seen)


def filled(rows, count, seq_len, seed=0):
    cache = KVCache(rows, HEADS, seq_len, SIZE, LAYERS)
    insert(cache, entries(rows, count, seed))
    return cache


def test_storage_is_allocated_by_the_first_insertion_with_its_dtype():
    cache = KVCache(2, HEADS, 8, SIZE, LAYERS)
    assert cache.kv_cache is None
    assert cache.get_pos() == 0
    insert(cache, entries(2, 3).bfloat16())
    assert cache.kv_cache.shape == (LAYERS, 2, 2, HEADS, 8, SIZE)
    assert cache.kv_cache.dtype == torch.bfloat16
    assert cache.get_pos() == 3


def test_insertion_returns_everything_so_far_and_moves_after_the_last_layer():
    cache, new = KVCache(1, HEADS, 8, SIZE, LAYERS), entries(1, 5)
    insert(cache, new[..., :3, :])
    for layer in range(LAYERS):
        assert cache.get_pos() == 3
        keys, values = cache.insert_kv(layer, *new[layer, ..., 3:, :])
        assert torch.equal(keys, new[layer, 0])
        assert torch.equal(values, new[layer, 1])
    assert cache.get_pos() == 5


def test_growth_keeps_the_contents_of_every_layer():
    cache, new = KVCache(2, HEADS, 4, SIZE, LAYERS), entries(2, 5)
    insert(cache, new[..., :4, :])
    insert(cache, new[..., 4:, :])
    assert cache.kv_cache.shape[4] == 2048  # 5 + 1024, rounded up to a multiple of 1024
    assert torch.equal(cache.kv_cache[..., :5, :], new)
    insert(cache, entries(2, 2043))
    assert cache.kv_cache.shape[4] == 2048
    insert(cache, entries(2, 1))
    assert cache.kv_cache.shape[4] == 4096
    assert torch.equal(cache.kv_cache[..., :5, :], new)


def test_a_first_insertion_may_be_longer_than_the_cache():
    cache, new = KVCache(1, HEADS, 4, SIZE, LAYERS), entries(1, 6)
    insert(cache, new)
    assert torch.equal(cache.kv_cache[..., :6, :], new)


def test_attention_mask():
    cache = KVCache(1, HEADS, 8, SIZE, LAYERS)
    assert cache.attention_mask(1) is None
    assert cache.attention_mask(3) == "causal"
    insert(cache, entries(1, 2))
    assert cache.attention_mask(1) is None
    expected = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert cache.attention_mask(3).tolist() == torch.tensor(expected).bool().tolist()


def test_prefill_copies_one_row_to_all():
    prompt = filled(1, 3, seq_len=3)
    cache = KVCache(4, HEADS, 10, SIZE, LAYERS)
    cache.prefill(prompt)
    assert cache.get_pos() == 3
    assert torch.equal(cache.kv_cache[..., :3, :], entries(1, 3).expand(-1, -1, 4, -1, -1, -1))
    insert(cache, entries(4, 1, seed=1))
    assert torch.equal(prompt.kv_cache, entries(1, 3)), "the source must not be shared"


def test_prefill_copies_equally_many_rows():
    cache = KVCache(2, HEADS, 10, SIZE, LAYERS)
    cache.prefill(filled(2, 3, seq_len=10))
    assert torch.equal(cache.kv_cache[..., :3, :], entries(2, 3))


@pytest.mark.parametrize(
    "source",
    [
        KVCache(3, HEADS, 4, SIZE, LAYERS),
        KVCache(1, HEADS + 1, 4, SIZE, LAYERS),
        KVCache(1, HEADS, 4, SIZE + 1, LAYERS),
        KVCache(1, HEADS, 4, SIZE, LAYERS + 1),
        KVCache(1, HEADS, 9, SIZE, LAYERS),
    ],
    ids=["rows", "heads", "head size", "layers", "longer"],
)
def test_prefill_refuses_what_does_not_fit(source):
    with pytest.raises(ValueError, match="cache"):
        KVCache(2, HEADS, 8, SIZE, LAYERS).prefill(source)


def test_prefill_needs_an_empty_cache_and_reset_makes_one():
    cache = filled(1, 2, seq_len=8)
    with pytest.raises(ValueError, match="empty"):
        cache.prefill(filled(1, 3, seq_len=8))
    cache.reset()
    assert cache.get_pos() == 0
    cache.prefill(filled(1, 3, seq_len=8, seed=1))
    assert torch.equal(cache.kv_cache[..., :3, :], entries(1, 3, seed=1))


@pytest.mark.parametrize("shape", [(1, HEADS, 1, SIZE), (2, 1, 1, SIZE), (2, HEADS, 1, 1)])
def test_keys_that_would_be_broadcast_are_refused(shape):
    cache = KVCache(2, HEADS, 8, SIZE, LAYERS)
    with pytest.raises(ValueError, match="expected keys"):
        cache.insert_kv(0, torch.zeros(shape), torch.zeros(shape))
    with pytest.raises(ValueError, match="expected keys"):
        ragged(1, 2).insert_kv(0, torch.zeros(shape), torch.zeros(shape))


def ragged(*counts, batch_size=4, seq_len=8):
    """A cache whose row r holds `counts[r]` positions of `entries(seed=r)`."""
    cache = RaggedKVCache(batch_size, HEADS, seq_len, SIZE, LAYERS)
    for row, count in enumerate(counts):
        assert cache.add_row(filled(1, count, seq_len=count, seed=row)) == row
    return cache


def test_rows_have_positions_and_contents_of_their_own():
    cache = ragged(3, 1, 2)
    assert cache.get_pos().tolist() == [3, 1, 2]
    assert cache.get_pos().dtype == torch.int64
    new = entries(3, 1, seed=9)
    seen = insert(cache, new)
    assert seen.shape == (2, 3, HEADS, 4, SIZE)
    assert cache.get_pos().tolist() == [4, 2, 3]
    for row, count in enumerate((3, 1, 2)):
        old = filled(1, count, seq_len=count, seed=row).kv_cache[-1, :, 0]
        assert torch.equal(seen[:, row, :, :count], old)
        assert torch.equal(seen[:, row, :, count], new[-1, :, row, :, 0])


def test_rows_may_take_several_tokens_at_once():
    at_once, one_by_one = ragged(3, 1), ragged(3, 1)
    new = entries(2, 3, seed=9)
    insert(at_once, new)
    for index in range(3):
        insert(one_by_one, new[..., index : index + 1, :])
    assert torch.equal(at_once.kv_cache, one_by_one.kv_cache)
    assert at_once.get_pos().tolist() == one_by_one.get_pos().tolist() == [6, 4]


def test_ragged_mask_hides_what_lies_beyond_each_row():
    cache = ragged(2, 1)
    mask = cache.attention_mask(1)
    assert mask.dtype == torch.bool
    assert mask.shape == (2, 1, 1, 3)
    assert mask[:, 0, 0].tolist() == [[True, True, True], [True, True, False]]
    chunk = cache.attention_mask(2)
    assert chunk.shape == (2, 1, 2, 4)
    assert chunk.sum(-1)[:, 0].tolist() == [[3, 4], [2, 3]]
    assert ragged(2, 2).attention_mask(1) is None
    assert ragged(2, 2).attention_mask(2).sum(-1)[:, 0].tolist() == [[3, 4], [3, 4]]


def test_a_dropped_row_is_replaced_by_the_last():
    cache = ragged(3, 1, 2)
    cache.drop_row(0)
    assert cache.get_pos().tolist() == [2, 1]
    assert torch.equal(cache.kv_cache[:, :, 0, :, :2], entries(1, 2, seed=2)[:, :, 0])
    assert torch.equal(cache.kv_cache[:, :, 1, :, :1], entries(1, 1, seed=1)[:, :, 0])
    cache.drop_row(1)
    assert cache.get_pos().tolist() == [2]
    assert cache.add_row(filled(1, 4, seq_len=4, seed=7)) == 1
    assert torch.equal(cache.kv_cache[:, :, 1, :, :4], entries(1, 4, seed=7)[:, :, 0])
    with pytest.raises(ValueError, match="row"):
        cache.drop_row(2)


def test_ragged_growth_keeps_the_contents():
    cache = ragged(4, 1, seq_len=4)
    insert(cache, entries(2, 1, seed=9))
    assert cache.kv_cache.shape[4] == 2048
    assert torch.equal(cache.kv_cache[:, :, 0, :, :4], entries(1, 4, seed=0)[:, :, 0])
    assert torch.equal(cache.kv_cache[:, :, 1, :, :1], entries(1, 1, seed=1)[:, :, 0])


def test_a_full_ragged_cache_takes_no_more_rows():
    cache = ragged(1, 1, batch_size=2)
    with pytest.raises(ValueError, match="in use"):
        cache.add_row(filled(1, 1, seq_len=1))
    cache.reset()
    assert cache.add_row(filled(1, 1, seq_len=1)) == 0


def test_unused_storage_is_zero_because_masked_values_still_meet_the_softmax():
    assert not ragged(2, 1).kv_cache[:, :, 1, :, 1:].any()
