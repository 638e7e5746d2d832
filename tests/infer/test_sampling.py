import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.infer.sampling import sample_next_token


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(logits, count=4000, **options):
    rows = torch.tensor([logits]).expand(count, -1)
    return sample_next_token(rows, generator(), **options)[:, 0]


def test_temperature_zero_is_arg_max_and_draws_nothing():
    rng = generator()
    before = rng.get_state()
    ids = sample_next_token(torch.tensor([[1.0, 3.0, 2.0], [9.0, 0.0, 8.0]]), rng, temperature=0)
    assert ids.tolist() == [[1], [0]]
    assert torch.equal(rng.get_state(), before)


def test_frequencies_follow_the_softmax():
    ids = draws([0.0, math.log(2), math.log(5)])
    shares = torch.bincount(ids, minlength=3) / len(ids)
    assert shares.tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.03)


def test_temperature_flattens_and_sharpens():
    logits = [0.0, 1.0]
    share_of_best = [draws(logits, temperature=t).float().mean().item() for t in (0.2, 1.0, 5.0)]
    expected = [1 / (1 + math.exp(-1 / t)) for t in (0.2, 1.0, 5.0)]
    assert share_of_best == pytest.approx(expected, abs=0.03)


def test_top_k_keeps_the_likeliest_and_their_ids():
    logits = [0.5, 9.0, 0.0, 8.5, 0.2]
    assert set(draws(logits, top_k=2, temperature=3.0).tolist()) == {1, 3}
    assert set(draws(logits, top_k=1).tolist()) == {1}


@pytest.mark.parametrize("off", [None, 0, 5, 1000])
def test_top_k_off_or_larger_than_the_vocabulary_restricts_nothing(off):
    assert set(draws([0.1, 0.0, 0.2, 0.3, 0.0], top_k=off).tolist()) == {0, 1, 2, 3, 4}


def test_only_the_given_generator_is_used():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = draws([0.0] * 50, count=20)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, draws([0.0] * 50, count=20))


@pytest.mark.parametrize(
    "options", [{"temperature": -0.1}, {"temperature": math.nan}, {"temperature": math.inf}]
)
def test_impossible_temperatures_are_refused(options):
    with pytest.raises(UserError, match="temperature"):
        sample_next_token(torch.zeros(1, 3), generator(), **options)


def test_negative_top_k_is_refused():
    with pytest.raises(UserError, match="top_k"):
        sample_next_token(torch.zeros(1, 3), generator(), top_k=-1)


@given(
    st.lists(st.floats(-15, 15, width=32), min_size=2, max_size=20),
    st.floats(0, 1e30) | st.floats(0, 1e-30),
    st.none() | st.integers(0, 30),
)
def test_any_setting_gives_an_id_of_the_vocabulary(logits, temperature, top_k):
    ids = sample_next_token(torch.tensor([logits] * 3), generator(), temperature, top_k)
    assert ids.shape == (3, 1)
    assert 0 <= ids.min() <= ids.max() < len(logits)
