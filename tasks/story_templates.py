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


# --- Questions about the things that {n} has ---

_HAS_NOW = (  # after gains and after losses
    "How many {o} does {n} have now?",
    "How many {o} does {n} have then?",
    "How many {o} does {n} have at the end?",
    "How many {o} does {n} have after that?",
    "How many {o} does {n} own now?",
    "So how many {o} does {n} have?",
)
_HAS_IN_TOTAL = (
    "How many {o} does {n} have in total?",
    "How many {o} does {n} have altogether?",
    "How many {o} does {n} have in all?",
)
_HAS_LEFT = (
    "How many {o} are left?",
    "How many {o} remain?",
    "How many {o} does {n} have left?",
    "How many {o} does {n} still have?",
)

# --- Questions about things, whoever has them ---

_IS_THAT = (  # also when the things are gone
    "How many {o} is that in total?",
    "How many {o} is that altogether?",
    "How many {o} is that in all?",
    "How many {o} does that make?",
    "How many {o} does that make in total?",
    "What is the total number of {o}?",
)
_ARE_THERE = (
    "How many {o} are there in total?",
    "How many {o} are there altogether?",
    "How many {o} are there in all?",
)
_TOGETHER = (
    "How many {o} do they have together?",
    "How many {o} do they have in total?",
    "How many {o} do they have altogether?",
    "How many {o} do {n} and {m} have together?",
    "How many {o} do {n} and {m} have in total?",
    "How many {o} do the two have in all?",
    "How many {o} is that altogether?",
    "What is the total number of {o}?",
)
_DIFFERENCE = (
    "How many more {o} does {n} have than {m}?",
    "How many fewer {o} does {m} have than {n}?",
    "How many more {o} does {m} need to have as many as {n}?",
    "How many {o} does {m} need to catch up with {n}?",
    "By how many {o} is {n} ahead of {m}?",
    "By how many {o} is {m} behind {n}?",
)
_MISSING = (
    "How many more {o} does {n} need?",
    "How many {o} does {n} still need?",
    "How many more {o} does {n} have to get?",
    "How many more {o} must {n} find?",
    "How many {o} are missing?",
    "How many {o} are still missing?",
)
_EACH = (  # a share may be a person's or a pile
    "How many {o} does each one get?",
    "How many {o} go to each one?",
    "How many {o} is that for each?",
    "How many {o} is that for each one?",
    "How many {o} are there for each?",
    "How many {o} are in each share?",
    "How many {o} does each share have?",
)

# --- Questions about money, miles, ages, pages, people, bags and boxes ---

_MONEY = (  # earned or paid
    "How many dollars is that in total?",
    "How many dollars is that altogether?",
    "How many dollars is that in all?",
    "How much money is that?",
    "How much money is that in total?",
    "How much money is that altogether?",
    "What is the total in dollars?",
)
_EARNS = (
    "How many dollars does {n} earn?",
    "How much money does {n} earn?",
    "How much does {n} earn in total?",
)
_MONEY_LEFT = (
    "How many dollars are left?",
    "How many dollars does {n} have left?",
    "How many dollars does {n} still have?",
    "How many dollars does {n} have now?",
    "How much money is left?",
    "How much money does {n} have left?",
    "How much money does {n} still have?",
)
_MILES = (
    "How many miles is that in total?",
    "How many miles is that altogether?",
    "How many miles is that in all?",
    "How many miles does {n} go in total?",
    "How far does {n} go in total?",
    "How far does {n} go altogether?",
)
_AGE = (
    "How old is {m}?",
    "How old is {m} now?",
    "How many years old is {m}?",
    "What is the age of {m}?",
    "What age is {m}?",
    "What is {m}'s age?",
)
_PAGES_LEFT = (
    "How many pages are left?",
    "How many pages are left to read?",
    "How many pages does {n} have left?",
    "How many pages does {n} have left to read?",
    "How many pages does {n} still have to read?",
    "How many pages has {n} not read yet?",
)
_PEOPLE = (  # for anything that people ride on
    "How many people are there now?",
    "How many people are there then?",
    "How many people are on it now?",
    "How many people are on it at the end?",
    "How many people are on it after that?",
    "How many people does it carry now?",
    "How many people does it carry then?",
)
_BAGS = (
    "How many bags is that?",
    "How many bags are needed?",
    "How many bags does {n} need?",
    "How many bags does {n} fill?",
    "How many bags can {n} fill?",
    "How many bags can be filled?",
)
_BOXES_LEFT = (
    "How many boxes are left?",
    "How many boxes remain?",
    "How many boxes does {n} have left?",
    "How many boxes does {n} still have?",
    "How many boxes does {n} have now?",
    "How many boxes does {n} have at the end?",
)

# The question decides whether these are added or subtracted.
_TWO_OWNERS = (
    "{n} has {a} {o} and {m} has {b} {o}.",
    "{n} has {a} {o}. {m} has {b}.",
    "{m} has {b} {o}, and {n} has {a}.",
    "{m} owns {b} {o}, while {n} owns {a}.",
    "{n} has {a} {o} in a box, and {m} has {b} {o} in a bag.",
    "There are {a} {o} in {n}'s box and {b} in {m}'s.",
)

_SUMS = (
    Story(
        (
            "{n} has {a} {o} and gets {b} more.",
            "{n} has {a} {o}. {m} gives {n} {b} more.",
            "{n} had {a} {o} and then bought {b} more.",
            "{n} gets {b} {o} from {m}. Before that {n} had {a}.",
            "Today {n} found {b} {o}. Before that {he} had {a}.",
            "{n} had {a} {o}. Then {he} found {b} in a box.",
            "{m} has {b} {o} and gives them all to {n}, who had {a} before.",
        ),
        _HAS_NOW + _HAS_IN_TOTAL,
        (("Total", "{a}+{b}"),),
    ),
    Story(
        (
            "There are {a} {o} in one box and {b} {o} in another.",
            "{n} puts {a} {o} on a table and {m} adds {b}.",
            "{n} packs {a} {o} into a bag. {m} puts {b} more into the same bag.",
            "A shop has {a} big {o} and {b} small ones.",
            "One bag holds {a} {o}. Another bag holds {b}.",
            "{a} {o} are in a bag, and {b} more are on the table.",
        ),
        _IS_THAT + _ARE_THERE,
        (("Total", "{a}+{b}"),),
    ),
    Story(  # the words of losses, but what is asked for is their sum
        (
            "A shop sold {a} {o} in the morning and {b} in the afternoon.",
            "{n} sells {a} {o} on Monday and {b} on Tuesday.",
            "{n} gives {a} {o} to {m} and {b} to a friend.",
            "{n} lost {a} {o} in May and {b} in June.",
            "Yesterday {n} used {a} {o}, and today {he} used {b}.",
            "{n} gives away {a} {o}, and {m} gives away {b}.",
        ),
        _IS_THAT,
        (("Total", "{a}+{b}"),),
    ),
    Story(_TWO_OWNERS, _TOGETHER, (("Total", "{a}+{b}"),)),
    Story(
        (
            "{n} is {a} years old. {m} is {b} years older.",
            "{m} is {b} years older than {n}, who is {a}.",
            "{n} is {a}. {m} is {b} years older than {n}.",
            "{n}, who is {a}, is {b} years younger than {m}.",
            "When {n} was born, {m} was {b} years old. Now {n} is {a}.",
            "{n} is {a} years old and has a friend, {m}, who is {b} years older.",
        ),
        _AGE,
        (("Age", "{a}+{b}"),),
        (60, 30),
        " years",
    ),
)

_DIFFERENCES = (
    Story(
        (
            "{n} has {a} {o} and gives away {b}.",
            "{n} has {a} {o}. {He} gives {b} of them to {m}.",
            "{n} had {a} {o} but lost {b}.",
            "{m} takes {b} of the {a} {o} that {n} has.",
            "Today {n} used {b} {o}. Before that {he} had {a}.",
            "{n} had {a} {o}. Then {he} sold {b} of them.",
            "{m} gets {b} {o} from {n}, who had {a} before.",
        ),
        _HAS_LEFT + _HAS_NOW,
        (("Left", "{a}-{b}"),),
    ),
    Story(_TWO_OWNERS, _DIFFERENCE, (("Difference", "{a}-{b}"),)),
    Story(
        (
            "{n} wants to have {a} {o}. So far {he} has {b}.",
            "{n} has {b} {o} and wants to have {a}.",
            "{n} needs {a} {o} but has only {b}.",
            "{n} needs {a} {o}. {m} gives {n} the first {b}.",
            "{n} has found {b} of the {a} {o} that {he} needs.",
            "So far {n} has {b} {o}, but {he} needs {a}.",
        ),
        _MISSING,
        (("Missing", "{a}-{b}"),),
    ),
    Story(
        (
            "{n} is {a} years old. {m} is {b} years younger.",
            "{m} is {b} years younger than {n}, who is {a}.",
            "{n} is {a}. {m} is {b} years younger than {n}.",
            "{n}, who is {a}, is {b} years older than {m}.",
            "When {m} was born, {n} was {b} years old. Now {n} is {a}.",
            "{n} is {a} years old and has a friend, {m}, who is {b} years younger.",
        ),
        _AGE,
        (("Age", "{a}-{b}"),),
        (60, 30),
        " years",
    ),
    Story(
        (
            "A book has {a} pages. {n} has read {b} of them.",
            "{n} has read {b} pages of a book with {a} pages.",
            "{n} is reading a book of {a} pages and has read {b} so far.",
            "So far {n} has read {b} pages. The book has {a} pages.",
            "Of the {a} pages of a book, {n} has read {b}.",
        ),
        _PAGES_LEFT,
        (("Left", "{a}-{b}"),),
        (600, 300),
        " pages",
    ),
    Story(
        (
            "{n} has {a} dollars and spends {b}.",
            "{n} had {a} dollars but lost {b}.",
            "{n} has {a} dollars. {He} gives {b} dollars to {m}.",
            "Of {his} {a} dollars, {n} spends {b} on {o}.",
            "{n} pays {b} dollars for a box of {o}. Before that {he} had {a} dollars.",
            "{n} goes to a shop with {a} dollars and buys {o} for {b} dollars.",
        ),
        _MONEY_LEFT,
        (("Left", "{a}-{b}"),),
        (300, 100),
        " dollars",
    ),
)

_PRODUCTS = (
    Story(
        (
            "{n} has {a} bags with {b} {o} in each.",
            "There are {b} {o} in every box, and {n} has {a} boxes.",
            "{n} packs {a} boxes. Each box holds {b} {o}.",
            "{n} puts {b} {o} into each of {a} boxes.",
            "Each of {a} children brings {b} {o}.",
            "{a} friends have {b} {o} each.",
        ),
        _IS_THAT + _ARE_THERE,
        (("Total", "{a}*{b}"),),
        (40, 60),
    ),
    Story(
        (
            "One box of {o} costs {b} dollars. {n} buys {a} boxes.",
            "{n} buys {a} boxes of {o} at {b} dollars each.",
            "{n} buys {a} {o} for {b} dollars each.",
            "{n} sells {a} {o} at {b} dollars each.",
            "Each of {a} friends pays {b} dollars for a ticket.",
            "{n} gives {b} dollars to each of {a} friends.",
        ),
        _MONEY,
        (("Money", "{a}*{b}"),),
        (40, 60),
        " dollars",
    ),
    Story(
        (
            "{n} works {a} hours and earns {b} dollars an hour.",
            "{n} works {a} hours for {b} dollars an hour.",
            "For {b} dollars an hour, {n} works {a} hours in a shop.",
            "{n} earns {b} dollars a day. {He} works for {a} days.",
            "An hour of work pays {b} dollars. {n} works {a} hours.",
            "{n} gets {b} dollars for every hour and works {a} hours in May.",
        ),
        _MONEY + _EARNS,
        (("Money", "{a}*{b}"),),
        (40, 60),
        " dollars",
    ),
    Story(
        (
            "{n} drives {b} miles every day for {a} days.",
            "For {a} days {n} rides {b} miles a day.",
            "Every day {n} drives {b} miles. {He} does this for {a} days.",
            "On each of {a} days {n} rides {b} miles.",
            "{n} makes {a} trips of {b} miles each.",
            "A trip to the city is {b} miles long. {n} makes {a} of these trips.",
        ),
        _MILES,
        (("Distance", "{a}*{b}"),),
        (30, 60),
        " miles",
    ),
)

_QUOTIENTS = (
    Story(
        (
            "{n} shares {a} {o} equally among {b} friends.",
            "{b} children share {a} {o} equally.",
            "{n} has {a} {o}. {He} shares them all equally among {b} friends.",
            "{n} puts {a} {o} into {b} equal piles.",
            "{n} gives {a} {o} to {b} children, the same number to each.",
            "There are {a} {o}, and {b} friends share all of them equally.",
        ),
        _EACH,
        (("Each", "{a}/{b}"),),
        (600, 20),
    ),
    Story(
        (
            "{n} has {a} {o} and packs {b} into every bag.",
            "A bag holds {b} {o}. {n} has {a} {o} to pack.",
            "{n} packs {a} {o} into bags of {b}.",
            "{n} puts {a} {o} into bags, {b} in each.",
            "{n} has {a} {o} and some bags. Each bag holds {b} {o}.",
            "{b} {o} fit into one bag, and {n} packs {a} {o}.",
        ),
        _BAGS,
        (("Bags", "{a}/{b}"),),
        (600, 20),
        " bags",
    ),
)

ONE_STEP = _SUMS + _DIFFERENCES + _PRODUCTS + _QUOTIENTS

_GAINS_AND_LOSSES = (
    Story(
        (
            "{n} has {a} {o}. {m} gives {n} {b} more. Then {n} loses {c}.",
            "{n} had {a} {o} and bought {b}. Later {he} gave {c} to {m}.",
            "{n} had {a} {o}, found {b} and lost {c}.",
            "{n} has {a} {o}. {He} gets {b} more and then gives away {c}.",
            "{n} finds {a} {o} on Monday and {b} on Tuesday. On Friday {he} sells {c}.",
            "{n} gets {b} {o} from {m}. {n} had {a} before. Then {n} sells {c}.",
        ),
        _HAS_LEFT + _HAS_NOW,
        (("Total", "{a}+{b}"), ("Left", "{x}-{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} to {m} and then buys {c} more.",
            "{n} had {a} {o} and sold {b}. Later {he} bought {c} more.",
            "{n} had {a} {o}, lost {b} and found {c}.",
            "{n} has {a} {o}. {He} gives away {b} and then gets {c} more.",
            "Of {his} {a} {o}, {n} sold {b}. Then {m} gave {n} {c}.",
            "{n} loses {b} of {his} {a} {o} on Monday. On Friday {he} finds {c} more.",
        ),
        _HAS_NOW,
        (("Left", "{a}-{b}"), ("Now", "{x}+{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} to {m} and {c} to a friend.",
            "{n} had {a} {o} and sold {b}. Later {he} gave {c} to {m}.",
            "{n} had {a} {o}, lost {b} and sold {c}.",
            "{n} has {a} {o}. {He} gives away {b} and then loses {c}.",
            "{n} had {a} {o}. On Monday {he} used {b} and on Tuesday {c}.",
            "Of the {a} {o} that {n} had, {m} took {b}, and {c} were lost.",
        ),
        _HAS_LEFT + _HAS_NOW,
        (("After the first", "{a}-{b}"), ("Left", "{x}-{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} gives {n} {b} more. Then {n} finds {c}.",
            "{n} had {a} {o} and bought {b}. Later {he} got {c} from {m}.",
            "{n} had {a} {o}, found {b} and bought {c}.",
            "{n} has {a} {o}. {He} gets {b} more and then buys {c} more.",
            "{n} gets {b} {o} from {m} and {c} from a friend. Before that {n} had {a}.",
            "{m} gives {b} {o} to {n}, who had {a} before. Then {n} finds {c} more.",
        ),
        _HAS_NOW + _HAS_IN_TOTAL,
        (("First two", "{a}+{b}"), ("Total", "{x}+{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}, {m} has {b} and their friend has {c}.",
            "{n} finds {a} {o} in the morning, {b} at noon and {c} in the evening.",
            "{n} puts {a} {o} on a table, {m} adds {b}, and a friend adds {c}.",
            "There are {a} {o} in one box, {b} in another and {c} on the table.",
            "A bag holds {a} red {o}, {b} blue ones and {c} green ones.",
            "A shop gets {a} {o} on Monday, {b} on Tuesday and {c} on Friday.",
        ),
        _IS_THAT + _ARE_THERE,
        (("First two", "{a}+{b}"), ("Total", "{x}+{c}")),
    ),
)

_BOXES = (
    Story(
        (
            "{n} has {a} boxes with {b} {o} in each and gets {c} more {o} from {m}.",
            "{n} has {a} bags. There are {b} {o} in each. {He} finds {c} more {o}.",
            "There are {b} {o} in each of {n}'s {a} bags. Then {he} buys {c} more {o}.",
            "{n} fills {a} bags with {b} {o} each and then finds {c} more {o}.",
            "{n} has {a} boxes of {b} {o}. {m} gives {n} {c} more {o}.",
            "{n} has {c} {o}. Then {he} buys {a} boxes with {b} {o} in each.",
        ),
        _HAS_NOW + _HAS_IN_TOTAL,
        (("In all of them", "{a}*{b}"), ("Total", "{x}+{c}")),
        (20, 40, 99),
    ),
    Story(
        (
            "{n} has {a} boxes with {b} {o} in each and gives {c} {o} to {m}.",
            "{n} has {a} bags. There are {b} {o} in each. {He} loses {c} {o}.",
            "There are {b} {o} in each of {n}'s {a} bags. Then {he} sells {c} {o}.",
            "{n} fills {a} bags with {b} {o} each and then takes out {c} {o} for {m}.",
            "{n} has {a} boxes of {b} {o}. {m} takes {c} {o} from {n}.",
            "{n} had {a} trays with {b} {o} on each, but {c} {o} were lost.",
        ),
        _HAS_LEFT + _HAS_NOW,
        (("In all of them", "{a}*{b}"), ("Left", "{x}-{c}")),
        (20, 40, 99),
    ),
    Story(
        (
            "{n} packs {a} {o} into boxes of {b}. Then {he} sells {c} boxes.",
            "A box holds {b} {o}. {n} fills boxes with {a} {o} and gives {c} boxes to {m}.",
            "{n} puts {a} {o} into boxes, {b} in each. {m} takes {c} of the boxes.",
            "{n} has {a} {o} and packs {b} into every box. {He} loses {c} boxes.",
            "{b} {o} fit into one box. {n} packs {a} {o} and gives away {c} boxes.",
        ),
        _BOXES_LEFT,
        (("Boxes", "{a}/{b}"), ("Left", "{x}-{c}")),
        (600, 12, 30),
        " boxes",
    ),
)

_COMPARISONS = (
    Story(
        (
            "{n} has {a} {o}. {m} has {b} more than {n}.",
            "{m} has {b} more {o} than {n}, who has {a}.",
            "{n} has {a} {o}, and {m} has {b} more than that.",
            "{n} has {a} {o}. That is {b} fewer than {m} has.",
            "{m} has as many {o} as {n} and {b} more. {n} has {a}.",
        ),
        _TOGETHER,
        (("{m}", "{a}+{b}"), ("Together", "{a}+{x}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} fewer than {n}.",
            "{m} has {b} fewer {o} than {n}, who has {a}.",
            "{n} has {a} {o}, and {m} has {b} fewer than that.",
            "{n} has {a} {o}. That is {b} more than {m} has.",
            "{m} needs {b} more {o} to have as many as {n}. {n} has {a}.",
        ),
        _TOGETHER,
        (("{m}", "{a}-{b}"), ("Together", "{a}+{x}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} times as many as {n}.",
            "{m} has {b} times as many {o} as {n}, who has {a}.",
            "{n} has {a} {o}, and {m} has {b} times that number.",
            "{n} owns {a} {o}. {m} owns {b} times as many.",
            "There are {a} {o} in {n}'s box and {b} times as many in {m}'s.",
        ),
        _TOGETHER,
        (("{m}", "{a}*{b}"), ("Together", "{a}+{x}")),
        (99, 9),
    ),
)

_SHARES = (
    Story(
        (
            "{n} has {a} red {o} and {b} blue ones. {He} shares them equally among {c} friends.",
            "{n} has {a} {o} and gets {b} more. {He} shares them all equally among {c} friends.",
            "{n} has {a} {o} and {m} has {b}. They share them all equally among {c} friends.",
            "{n} finds {a} {o} on Monday and {b} on Tuesday. {c} friends share them equally.",
            "{n} and {m} bring {a} and {b} {o} and put all of them into {c} equal piles.",
            "{c} children share {a} big {o} and {b} small ones equally.",
        ),
        _EACH,
        (("Total", "{a}+{b}"), ("Each", "{x}/{c}")),
        (99, 99, 9),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} keeps {b} and shares the rest equally among {c} friends.",
            "{n} has {a} {o} and gives away {b}. {He} shares the rest equally among {c} friends.",
            "{n} has {a} {o}, and {m} takes {b}. {c} friends share the rest equally.",
            "{n} sells {b} of {his} {a} {o} and puts the rest into {c} equal piles.",
            "Of {a} {o}, {b} are lost. {n} shares the others equally among {c} friends.",
            "{c} children have {a} {o}. They lose {b} and share the others equally.",
        ),
        _EACH,
        (("Rest", "{a}-{b}"), ("Each", "{x}/{c}")),
        (300, 99, 9),
    ),
)

_DOLLARS = (
    Story(
        (
            "A ticket costs {a} dollars and a drink {b} dollars. {n} buys both for {c} people.",
            "A book costs {a} dollars and a hat {b} dollars. {n} buys {c} of each.",
            "Each of {c} friends pays {a} dollars for food and {b} dollars for a ticket.",
            "{c} friends each buy a hat for {a} dollars and a book for {b} dollars.",
            "Every day {n} earns {a} dollars in a shop and {b} dollars at home, for {c} days.",
            "Every week {n} gets {a} dollars from {m} and {b} from a friend, for {c} weeks.",
        ),
        _MONEY,
        (("For one", "{a}+{b}"), ("Total", "{x}*{c}")),
        (60, 40, 20),
        " dollars",
    ),
    Story(
        (
            "{n} works {a} hours in May and {b} hours in June for {c} dollars an hour.",
            "For {c} dollars an hour, {n} works {a} hours one week and {b} hours the next.",
            "{n} earns {c} dollars an hour. {He} works {a} hours in May and {b} hours in June.",
            "{n} works {a} hours for {m} and {b} hours for a friend. An hour pays {c} dollars.",
            "An hour of work pays {c} dollars. {n} works {a} hours in a shop and {b} at home.",
            "{n} gets {c} dollars for every hour and works {a} hours one week and {b} the next.",
        ),
        _MONEY + _EARNS,
        (("Hours", "{a}+{b}"), ("Money", "{x}*{c}")),
        (40, 40, 40),
        " dollars",
    ),
    Story(
        (
            "{n} has {c} dollars. {He} buys {a} {o} at {b} dollars each.",
            "{n} goes to a shop with {c} dollars and buys {a} {o} for {b} dollars each.",
            "{n} buys {a} boxes of {o} at {b} dollars each. Before that {he} had {c} dollars.",
            "One box of {o} costs {b} dollars. {n} has {c} dollars and buys {a} boxes.",
            "{n} has {c} dollars and gives {b} dollars to each of {a} friends.",
            "Of {his} {c} dollars, {n} spends {b} dollars a day for {a} days.",
        ),
        _MONEY_LEFT,
        (("Cost", "{a}*{b}"), ("Left", "{c}-{x}")),
        (15, 15, 300),
        " dollars",
    ),
)

_PAGES = (
    Story(
        (
            "{n} reads {b} pages a day for {a} days. The book has {c} pages.",
            "A book has {c} pages. {n} reads {b} pages every day for {a} days.",
            "{n} has a book with {c} pages and reads {b} pages on each of {a} days.",
            "For {a} days {n} reads {b} pages a day of a book with {c} pages.",
            "Of the {c} pages of a book, {n} reads {b} every day for {a} days.",
        ),
        _PAGES_LEFT,
        (("Read", "{a}*{b}"), ("Left", "{c}-{x}")),
        (12, 30, 400),
        " pages",
    ),
    Story(
        (
            "{n} reads {a} pages on Monday and {b} on Tuesday. The book has {c} pages.",
            "A book has {c} pages. {n} reads {a} pages one day and {b} pages the next.",
            "{n} has a book with {c} pages and reads {a} pages on Monday and {b} on Friday.",
            "In the morning {n} reads {a} pages of a book with {c} pages, and at noon {b} more.",
            "Of the {c} pages of a book, {n} reads {a} on Monday and {b} on Tuesday.",
        ),
        _PAGES_LEFT,
        (("Read", "{a}+{b}"), ("Left", "{c}-{x}")),
        (99, 99, 400),
        " pages",
    ),
)

_RIDES = (
    Story(
        (
            "A bus starts with {a} people. {b} get on, and then {c} more get on.",
            "A bus starts with {a} people. At one stop {b} get on, and at the next {c} get on.",
            "There are {a} people on a train. At one station {b} come in, at the next {c}.",
            "A boat carries {a} people. First {b} and then {c} more people get on.",
            "{b} people get on a train which had {a} on it. Then {c} more get on.",
        ),
        _PEOPLE,
        (("First two", "{a}+{b}"), ("Total", "{x}+{c}")),
        (300, 99, 99),
        " people",
    ),
    Story(
        (
            "A bus starts with {a} people. {b} get off, and then {c} get on.",
            "A bus starts with {a} people. At one stop {b} get off, and at the next {c} get on.",
            "There are {a} people on a train. At a station {b} leave, and {c} come in.",
            "A boat carries {a} people. First {b} people get off and then {c} get on.",
            "{b} people get off a train which had {a} on it. Then {c} get on.",
        ),
        _PEOPLE,
        (("Left", "{a}-{b}"), ("Now", "{x}+{c}")),
        (300, 99, 99),
        " people",
    ),
)

TWO_STEPS = (
    *_GAINS_AND_LOSSES,
    *_BOXES,
    *_COMPARISONS,
    *_SHARES,
    *_DOLLARS,
    *_PAGES,
    *_RIDES,
)
