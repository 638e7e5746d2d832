import pytest

from nanochat.train.schedule import (
    Position,
    late_decay,
    linear_decay,
    warming_momentum,
    warmup_warmdown,
)


def at(step, num_steps):
    return Position(step, num_steps, step / num_steps)


def test_warmup_and_warmdown_reach_their_ends():
    multiplier = [warmup_warmdown(at(i, 100), 0.1, 0.4, 0.1) for i in range(101)]
    assert multiplier[0] == pytest.approx(0.1)
    assert multiplier[9] == pytest.approx(1.0)
    assert multiplier[10:61] == [1.0] * 51
    assert multiplier[80] == pytest.approx(0.5 + 0.5 * 0.1)
    assert multiplier[100] == pytest.approx(0.1)


def test_without_warmup_and_warmdown_the_rate_is_constant():
    assert {warmup_warmdown(at(i, 7), 0.0, 0.0, 0.0) for i in range(7)} == {1.0}


def test_mid_training_decays_late_and_to_zero():
    def multiplier(progress):
        return late_decay(Position(0, None, progress))

    assert multiplier(0.0) == multiplier(0.8) == 1.0
    assert multiplier(0.9) == pytest.approx(0.5)
    assert multiplier(1.0) == 0.0


def test_fine_tuning_counts_the_evaluating_pass():
    # N = 701 passes, 700 updates: multiplier 1 - i/701
    assert linear_decay(at(0, 700)) == 1.0
    assert linear_decay(at(699, 700)) == pytest.approx(1 - 699 / 701)


def test_momentum_warms_over_300_updates():
    assert warming_momentum(0) == pytest.approx(0.85)
    assert warming_momentum(150) == pytest.approx(0.90)
    assert warming_momentum(300) == warming_momentum(9999) == pytest.approx(0.95)
