import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.tools.calculator import MAX_BITS, MAX_DEPTH, MAX_LENGTH, use_calculator


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12/60", 0.2),
        ("1+2", 3),
        ("5//2", 2),
        ("'strawberry'.count('r')", 3),
        ("'important'.count('t')", 2),
        ("'a,b,c'.count(',')", 2),
        ('"don\'t".count("\'")', 1),
        ("'don\\'t'.count('t')", 1),
        ("'evaluate open files'.count('e')", 4),
        ("('abca').count('a') * 10", 20),
        ("'ab\\n'.count('n')", 0),
        ("'naïve'.count('ï')", 1),
        ("1,000*3", 3000),
        ("1,234,567.5", 1234567.5),
        ("12,345 - 1,000", 11345),
        ("-7 // 2", -4),
        ("-(2+3)*+4", -20),
        (".5 + 1.", 1.5),
        ("2e3", 2000.0),
        ("  (1 + 2)\t* 3\n", 9),
        ("0.1+0.2", 0.1 + 0.2),
    ],
)
def test_gives_the_value_of_permitted_expressions(expression, value):
    result = use_calculator(expression)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "expression",
    [
        "2**8",
        "2* *8",
        "1/0",
        "1//0",
        "1.5/0.0",
        "",
        "   ",
        "5 % 3",
        "x",
        "True",
        "None + 1",
        "'abc'",
        "'a' + 'b'",
        "'a' * 3",
        "'a'.count",
        "'a'.upper()",
        "'a'.counts('a')",
        "'a'.count()",
        "'a'.count('a', 'b')",
        "'a'.count(1)",
        "'a'.count('a'.count('a'))",
        "5 .count('a')",
        "len('a')",
        "__import__('os')",
        "'a'.__class__",
        "[1][0]",
        "(1, 2)",
        "1,2",
        "1,00",
        "1,0000",
        "1234,567",
        "1,000.5.5",
        "007",
        "1_000",
        "0x10",
        "1j",
        "f'{1}'",
        "b'a'.count(b'a')",
        "1 if 1 else 2",
        "1 < 2",
        "lambda: 1",
        "1; 2",
        "1\n+2",
        "'a\\d'.count('d')",
        "'\ud800'.count('a')",
        "\x00",
        "١+١",
        "(" * 150,
        "1 (" * 100 + ")" * 100,
    ],
)
def test_refuses_everything_else(expression):
    assert use_calculator(expression) is None


def test_bounds_length_depth_and_size():
    assert use_calculator("1" + " " * (MAX_LENGTH - 2) + "+1") is None
    assert use_calculator("+".join(["1"] * MAX_DEPTH)) == MAX_DEPTH
    assert use_calculator("+".join(["1"] * (MAX_DEPTH + 2))) is None
    assert use_calculator("-" * (MAX_DEPTH + 1) + "1") is None
    largest = 2**MAX_BITS - 1
    assert use_calculator(str(largest)) == largest
    assert use_calculator(f"{largest}+1") is None
    assert use_calculator("*".join(["9" * 70] * 7)) is None
    assert use_calculator("1e300*1e300") is None
    assert use_calculator("1e999") is None
    assert use_calculator("1e999-1e999") is None


def test_works_in_a_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(use_calculator("6*7")))
    thread.start()
    thread.join()
    assert results == [42]


@given(st.text(max_size=60) | st.text(alphabet="0123456789+-*/(). ,'\"\\count\n", max_size=600))
def test_never_raises(expression):
    value = use_calculator(expression)
    assert value is None or type(value) in (int, float)


numbers = st.integers(0, 10**6).map(str) | st.floats(0.001, 1e6).map(str)
expressions = st.recursive(
    numbers,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", " / ", " // "]), inner).map("".join)
        | inner.map("({})".format)
        | inner.map("-{}".format)
    ),
    max_leaves=8,
)


@given(expressions)
def test_agrees_with_python(expression):
    try:
        expected = eval(expression)
    except ZeroDivisionError:
        expected = None
    assert use_calculator(expression) == expected


quotable = st.text(st.characters(exclude_characters="\\\n\r\0", exclude_categories=["Cs"]))


@given(quotable.filter(lambda text: "'" not in text), quotable.filter(lambda text: "'" not in text))
def test_counts_like_python(text, part):
    expression = f"'{text}'.count('{part}')"
    expected = text.count(part) if len(expression) <= MAX_LENGTH else None
    assert use_calculator(expression) == expected


@given(st.integers(0, 10**30), st.integers(1, 10**6))
def test_reads_thousands_separators(a, b):
    assert use_calculator(f"{a:,} * {b:,}") == a * b
