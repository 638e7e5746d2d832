"""The paired difference against its definition, and how often it is wrong about chance."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.evals.paired import compare, table


def outcomes(both, lost, gained, neither):
    pairs = [(1, 1)] * both + [(1, 0)] * lost + [(0, 1)] * gained + [(0, 0)] * neither
    return [a == 1 for a, _ in pairs], [b == 1 for _, b in pairs]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_against_the_definition(pairs):
    change = compare([a for a, _ in pairs], [b for _, b in pairs])
    differences = [b - a for a, b in pairs]
    assert change.difference == pytest.approx(statistics.mean(differences))
    assert change.difference == pytest.approx(change.after - change.before)
    # half a problem in each cell, written out: the plain standard error of the larger sample
    doubled = [*differences * 2, 1, -1, 0, 0]
    mean = statistics.mean(doubled)
    error = statistics.pstdev(doubled) / math.sqrt(len(doubled) / 2)
    assert change.standard_error == pytest.approx(error)
    assert change.low == pytest.approx(max(-1, mean - 1.96 * error))
    assert change.high == pytest.approx(min(1, mean + 1.96 * error))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_backwards_it_is_the_opposite(pairs):
    forth = compare([a for a, _ in pairs], [b for _, b in pairs])
    back = compare([b for _, b in pairs], [a for a, _ in pairs])
    assert back.difference == -forth.difference and (back.low, back.high) == (
        -forth.high,
        -forth.low,
    )
    opposite = {"better": "worse", "worse": "better"}
    assert back.verdict == opposite.get(forth.verdict, "no clear change")


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ((50, 2, 30, 118), "better"),
        ((50, 30, 2, 118), "worse"),
        ((50, 20, 25, 105), "no clear change"),
        ((0, 0, 3, 0), "no clear change"),  # three of three, which chance does once in four times
        ((0, 0, 6, 194), "better"),
        ((200, 0, 0, 0), "no clear change"),
    ],
)
def test_verdicts(cells, verdict):
    assert compare(*outcomes(*cells)).verdict == verdict


def test_chance_is_rarely_taken_for_a_change():
    rng = random.Random(1)
    wrong = 0
    for _ in range(1000):
        before = [rng.random() < 0.5 for _ in range(100)]
        after = [was if rng.random() < 0.7 else rng.random() < 0.5 for was in before]
        wrong += compare(before, after).verdict != "no clear change"
    assert 20 <= wrong <= 70  # about one time in twenty


def test_the_same_problems_are_meant():
    with pytest.raises(ValueError):
        compare([True], [True, False])


def test_the_table_lines_up():
    shown = table({"SpellingBee": compare(*outcomes(50, 2, 30, 118)), "A": compare([True], [True])})
    head, _, first, second = shown.split("\n")
    assert head.split("  ")[0] == "task"
    assert first.split() == [
        "SpellingBee", "200", "26.0%", "40.0%", "+14.0%", "+8.6%", "to", "+19.1%", "better",
    ]  # fmt: skip
    assert second.endswith("no clear change")
    assert head.index("verdict") == first.index("better") == second.index("no clear")
