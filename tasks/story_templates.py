"""Story problems as data: facts told in several ways, questions, and the steps that answer them.

Slots: {n} and {m} are names, {he} {He} {his} go with {n}; {o} are things; {a} {b} {c} quantities.
In the steps {x} is the result of the first one. A step is (what it finds, expression).
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


_TOTAL_QUESTIONS = (
    "How many {o} does {n} have now?",
    "How many {o} does {he} have in total?",
    "How many {o} is that altogether?",
)
_LEFT_QUESTIONS = (
    "How many {o} are left?",
    "How many {o} does {n} have left?",
    "How many {o} does {he} still have?",
)

ONE_STEP = (
    Story(
        (
            "{n} has {a} {o}. {m} gives {n} {b} more.",
            "{n} had {a} {o} and then bought {b} more.",
            "Today {n} found {b} {o}. Before that {he} had {a}.",
            "{n} gets {b} {o} from {m}. {He} already had {a} {o}.",
        ),
        _TOTAL_QUESTIONS,
        (("Total", "{a}+{b}"),),
    ),
    Story(
        (
            "There are {a} {o} in one box and {b} {o} in another.",
            "{n} puts {a} {o} on a table and {m} adds {b}.",
            "A shop sold {a} {o} in the morning and {b} in the afternoon.",
        ),
        ("How many {o} is that in all?", "How many {o} are there together?"),
        (("Total", "{a}+{b}"),),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} of them to {m}.",
            "{n} had {a} {o} but lost {b}.",
            "{m} takes {b} of the {a} {o} that {n} has.",
            "{n} used {b} {o}. {He} had {a} {o} at first.",
        ),
        _LEFT_QUESTIONS,
        (("Left", "{a}-{b}"),),
    ),
    Story(
        (
            "{n} has {a} {o} and {m} has {b} {o}.",
            "{m} owns {b} {o}, while {n} owns {a}.",
            "{n} counted {a} {o}. {m} counted {b}.",
        ),
        ("How many more {o} does {n} have than {m}?", "How many {o} does {m} need to catch up?"),
        (("Difference", "{a}-{b}"),),
    ),
    Story(
        (
            "{n} wants {a} {o}. So far {he} has {b}.",
            "{n} has collected {b} {o} and wants to have {a}.",
        ),
        ("How many more {o} does {he} need?", "How many {o} are still missing?"),
        (("Missing", "{a}-{b}"),),
    ),
    Story(
        (
            "{n} has {a} bags with {b} {o} in each.",
            "There are {b} {o} in every box, and {n} has {a} boxes.",
            "{n} packs {a} boxes. Each box holds {b} {o}.",
            "Each of {a} children brings {b} {o}.",
        ),
        ("How many {o} are there in total?", "How many {o} is that altogether?"),
        (("Total", "{a}*{b}"),),
        (40, 60),
    ),
    Story(
        (
            "One box of {o} costs {b} dollars. {n} buys {a} boxes.",
            "{n} buys {a} boxes of {o} at {b} dollars each.",
            "{n} works {a} hours and earns {b} dollars an hour.",
        ),
        ("How many dollars is that?", "How much money is that in total?"),
        (("Money", "{a}*{b}"),),
        (40, 60),
        " dollars",
    ),
    Story(
        (
            "{n} shares {a} {o} equally among {b} friends.",
            "{b} children share {a} {o} equally.",
            "{n} puts {a} {o} into {b} boxes, the same number in each.",
        ),
        ("How many {o} does each one get?", "How many {o} is that for each?"),
        (("Each", "{a}/{b}"),),
        (600, 20),
    ),
    Story(
        (
            "{n} has {a} {o} and packs {b} into every bag.",
            "A bag holds {b} {o}. {n} has {a} {o} to pack.",
        ),
        ("How many bags does {he} need?", "How many bags can {he} fill?"),
        (("Bags", "{a}/{b}"),),
        (600, 20),
        " bags",
    ),
    Story(
        (
            "{n} drives {b} miles every day for {a} days.",
            "For {a} days {n} walks {b} miles a day.",
            "Every day {n} rides {b} miles. {He} does this for {a} days.",
        ),
        ("How many miles is that in total?", "How far does {he} go altogether?"),
        (("Distance", "{a}*{b}"),),
        (30, 60),
        " miles",
    ),
    Story(
        (
            "{n} is {a} years old. {m} is {b} years older.",
            "{m} is {b} years older than {n}, who is {a}.",
        ),
        ("How old is {m}?", "What is the age of {m}?"),
        (("Age", "{a}+{b}"),),
        (60, 30),
        " years",
    ),
    Story(
        (
            "A book has {a} pages. {n} has read {b} of them.",
            "{n} has read {b} pages of a book with {a} pages.",
        ),
        ("How many pages are left?", "How many pages does {he} still have to read?"),
        (("Left", "{a}-{b}"),),
        (600, 300),
        " pages",
    ),
)

TWO_STEPS = (
    Story(
        (
            "{n} has {a} {o}. {m} gives {n} {b} more. Then {n} loses {c}.",
            "{n} had {a} {o} and bought {b}. Later {he} gave {c} to {m}.",
            "{n} finds {a} {o} on Monday and {b} on Tuesday. On Friday {he} sells {c}.",
        ),
        _LEFT_QUESTIONS,
        (("Total", "{a}+{b}"), ("Left", "{x}-{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} to {m} and then buys {c} more.",
            "{n} had {a} {o}, lost {b} and found {c}.",
            "Of {his} {a} {o}, {n} sold {b}. Then {m} gave {n} {c}.",
        ),
        ("How many {o} does {n} have now?", "How many {o} does {he} have at the end?"),
        (("Left", "{a}-{b}"), ("Now", "{x}+{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} to {m} and {c} to a friend.",
            "{n} had {a} {o}. On Monday {he} used {b} and on Tuesday {c}.",
            "Of the {a} {o} that {n} had, {m} took {b} and {c} were lost.",
        ),
        _LEFT_QUESTIONS,
        (("After the first", "{a}-{b}"), ("Left", "{x}-{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}, {m} has {b} and their friend has {c}.",
            "{n} picks {a} {o} in the morning, {b} at noon and {c} in the evening.",
            "A shop sells {a} {o} on Monday, {b} on Tuesday and {c} on Friday.",
        ),
        ("How many {o} is that altogether?", "How many {o} are there in all?"),
        (("First two", "{a}+{b}"), ("Total", "{x}+{c}")),
    ),
    Story(
        (
            "{n} buys {a} boxes with {b} {o} in each and gets {c} more from {m}.",
            "There are {b} {o} in each of {a} bags. {n} adds {c} {o}.",
            "{n} fills {a} bags with {b} {o} each. {c} {o} do not fit in.",
        ),
        ("How many {o} are there in total?", "How many {o} is that altogether?"),
        (("In all of them", "{a}*{b}"), ("Total", "{x}+{c}")),
        (20, 40, 99),
    ),
    Story(
        (
            "{n} buys {a} boxes with {b} {o} in each and gives {c} {o} to {m}.",
            "There are {b} {o} in each of {a} bags. {n} takes out {c}.",
            "{n} bakes {a} trays of {b} muffins, and {m} eats {c} of them.",
        ),
        ("How many are left?", "How many remain?", "How many are there then?"),
        (("In all of them", "{a}*{b}"), ("Left", "{x}-{c}")),
        (20, 40, 99),
        "",
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} more than {n}.",
            "{m} has {b} more {o} than {n}, who has {a}.",
            "{n} found {a} {o}, and {m} found {b} more than that.",
        ),
        ("How many {o} do they have together?", "How many {o} is that altogether?"),
        (("{m}", "{a}+{b}"), ("Together", "{a}+{x}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} fewer than {n}.",
            "{m} has {b} fewer {o} than {n}, who has {a}.",
        ),
        ("How many {o} do they have together?", "How many {o} is that altogether?"),
        (("{m}", "{a}-{b}"), ("Together", "{a}+{x}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} times as many.",
            "{m} has {b} times as many {o} as {n}, who has {a}.",
        ),
        ("How many {o} do they have together?", "How many {o} is that altogether?"),
        (("{m}", "{a}*{b}"), ("Together", "{a}+{x}")),
        (99, 9),
    ),
    Story(
        (
            "{n} has {a} red {o} and {b} blue ones. {He} shares them equally among {c} friends.",
            "{n} and {m} put their {a} and {b} {o} together and pack them into {c} equal bags.",
            "{c} children share {a} big {o} and {b} small ones equally.",
        ),
        ("How many {o} is that for each?", "How many {o} are in each share?"),
        (("Total", "{a}+{b}"), ("Each", "{x}/{c}")),
        (99, 99, 9),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} keeps {b} and shares the rest equally among {c} friends.",
            "Of {a} {o}, {b} are broken. {n} packs the others into {c} equal boxes.",
        ),
        ("How many {o} is that for each?", "How many {o} does each share have?"),
        (("Rest", "{a}-{b}"), ("Each", "{x}/{c}")),
        (300, 99, 9),
    ),
    Story(
        (
            "A ticket costs {a} dollars and a drink {b} dollars. {n} buys both for {c} people.",
            "Each of {c} friends pays {a} dollars for food and {b} dollars for a ticket.",
            "Every day {n} earns {a} dollars in a shop and {b} dollars at home, for {c} days.",
        ),
        ("How many dollars is that in total?", "How much money is that altogether?"),
        (("For one", "{a}+{b}"), ("Total", "{x}*{c}")),
        (60, 40, 20),
        " dollars",
    ),
    Story(
        (
            "{n} buys {a} {o} for {b} dollars each and pays with {c} dollars.",
            "{n} has {c} dollars. {He} buys {a} {o} at {b} dollars each.",
            "One of the {o} costs {b} dollars. {n} has {c} dollars and buys {a}.",
        ),
        ("How many dollars does {he} have left?", "How much money is left?"),
        (("Cost", "{a}*{b}"), ("Left", "{c}-{x}")),
        (15, 15, 300),
        " dollars",
    ),
    Story(
        (
            "{n} reads {b} pages a day for {a} days. The book has {c} pages.",
            "A book has {c} pages. {n} reads {b} pages every day for {a} days.",
        ),
        ("How many pages are left?", "How many pages does {he} still have to read?"),
        (("Read", "{a}*{b}"), ("Left", "{c}-{x}")),
        (12, 30, 400),
        " pages",
    ),
    Story(
        (
            "{n} packs {a} {o} into boxes of {b}. Then {he} sells {c} boxes.",
            "A box holds {b} {o}. {n} fills boxes with {a} {o} and gives {c} boxes to {m}.",
        ),
        ("How many boxes are left?", "How many boxes does {he} still have?"),
        (("Boxes", "{a}/{b}"), ("Left", "{x}-{c}")),
        (600, 12, 30),
        " boxes",
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b}. {m} gives all of them to {n}, who had {c} more at home.",
            "A bus starts with {a} people. At one stop {b} get on, and at the next {c} get on.",
        ),
        ("How many is that now?", "What is the total?"),
        (("First two", "{a}+{b}"), ("Total", "{x}+{c}")),
        (99, 60, 40),
        "",
    ),
    Story(
        (
            "A bus starts with {a} people. {b} get off, and then {c} get on.",
            "There are {a} people on a train. At a station {b} leave and {c} come in.",
        ),
        ("How many people are there now?", "How many people does it carry then?"),
        (("Left", "{a}-{b}"), ("Now", "{x}+{c}")),
        (300, 99, 99),
        " people",
    ),
    Story(
        (
            "{n} works {a} hours on Monday and {b} hours on Tuesday for {c} dollars an hour.",
            "For {c} dollars an hour, {n} works {a} hours in May and {b} hours in June.",
        ),
        ("How many dollars does {he} earn?", "How much money is that in total?"),
        (("Hours", "{a}+{b}"), ("Money", "{x}*{c}")),
        (40, 40, 40),
        " dollars",
    ),
)
