"""Stories of one step."""

from tasks.word_problems import questions as ask
from tasks.word_problems.story import Story

_SUMS = (
    Story(
        (
            "{n} has {a} {o} and gets {b} more.",
            "{n} has {a} {o}. {m} gives {n} {b} more.",
            "{n} had {a} {o} and then bought {b} more.",
            "{n} gets {b} {o} from {m}. Before that {n} had {a}.",
        ),
        ask.HAS_NOW + ask.HAS_IN_TOTAL,
        (("Total", "{a}+{b}"),),
    ),
    Story(
        (
            "There are {a} {o} in one box and {b} {o} in another.",
            "{n} puts {a} {o} on a table and {m} adds {b}.",
            "{n} packs {a} {o} into a bag. {m} puts {b} more into the same bag.",
            "A shop has {a} big {o} and {b} small ones.",
        ),
        ask.IS_THAT + ask.ARE_THERE,
        (("Total", "{a}+{b}"),),
    ),
    Story(
        (
            "{n} has {a} {o} and {m} has {b} {o}.",
            "{n} has {a} {o}. {m} has {b}.",
            "{m} has {b} {o}, and {n} has {a}.",
            "{m} owns {b} {o}, while {n} owns {a}.",
        ),
        ask.TOGETHER,
        (("Total", "{a}+{b}"),),
    ),
)

_DIFFERENCES = (
    Story(
        (
            "{n} has {a} {o} and gives away {b}.",
            "{n} has {a} {o}. {He} gives {b} of them to {m}.",
            "{n} had {a} {o} but lost {b}.",
            "{m} takes {b} of the {a} {o} that {n} has.",
        ),
        ask.HAS_LEFT + ask.HAS_NOW,
        (("Left", "{a}-{b}"),),
    ),
    Story(
        (
            "{n} wants to have {a} {o}. So far {he} has {b}.",
            "{n} has {b} {o} and wants to have {a}.",
            "{n} needs {a} {o} but has only {b}.",
            "{n} needs {a} {o}. {m} gives {n} the first {b}.",
        ),
        ask.MISSING,
        (("Missing", "{a}-{b}"),),
    ),
    Story(
        (
            "A book has {a} pages. {n} has read {b} of them.",
            "{n} has read {b} pages of a book with {a} pages.",
            "{n} is reading a book of {a} pages and has read {b} so far.",
            "So far {n} has read {b} pages. The book has {a} pages.",
        ),
        ask.PAGES_LEFT,
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
        ),
        ask.MONEY_LEFT,
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
        ),
        ask.IS_THAT + ask.ARE_THERE,
        (("Total", "{a}*{b}"),),
        (40, 60),
    ),
    Story(
        (
            "One box of {o} costs {b} dollars. {n} buys {a} boxes.",
            "{n} buys {a} boxes of {o} at {b} dollars each.",
            "{n} buys {a} {o} for {b} dollars each.",
            "{n} sells {a} {o} at {b} dollars each.",
        ),
        ask.MONEY,
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
        ),
        ask.MILES,
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
        ),
        ask.EACH,
        (("Each", "{a}/{b}"),),
        (600, 20),
    ),
    Story(
        (
            "{n} has {a} {o} and packs {b} into every bag.",
            "A bag holds {b} {o}. {n} has {a} {o} to pack.",
            "{n} packs {a} {o} into bags of {b}.",
            "{n} puts {a} {o} into bags, {b} in each.",
        ),
        ask.BAGS,
        (("Bags", "{a}/{b}"),),
        (600, 20),
        " bags",
    ),
)

ONE_STEP = _SUMS + _DIFFERENCES + _PRODUCTS + _QUOTIENTS
