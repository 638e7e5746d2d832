"""Story problems as data: facts told in several ways, questions, and the steps that answer them.

Slots: {n} and {m} are names, {he} {He} {his} go with {n}; {o} are things; {a} {b} {c} quantities.
In the steps {x} is the result of the first one. A step is (what it finds, expression).

Stories share pools of questions, and tell what differs in the same plain words, so that neither
the question alone nor a single word gives the steps away. A question must fit all facts of its
story: where {m} acts too it says {n}, for {he} could be either.
"""

from typing import NamedTuple

THINGS = (
    "apples", "books", "coins", "marbles", "stickers", "pencils", "cookies", "eggs", "cards",
    "stamps", "shells", "flowers", "balloons", "oranges", "pears", "buttons", "stones", "cups",
    "hats", "toys", "candles", "beads", "plums", "tickets", "postcards", "nuts", "cherries",
    "leaves", "ribbons", "badges", "muffins", "lemons", "dolls", "pens", "keys", "photos",
)  # fmt: skip


class Story(NamedTuple):
    """One kind of problem; `limits` are the largest {a}, {b}, {c}; `unit` follows the result."""

    facts: tuple[str, ...]
    questions: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    limits: tuple[int, ...] = (300, 100, 60)
    unit: str = " {o}"
