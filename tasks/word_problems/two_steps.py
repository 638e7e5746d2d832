"""Stories of two steps; {x} is the result of the first."""

from tasks.word_problems import questions as ask
from tasks.word_problems.story import Story

_GAINS_AND_LOSSES = (
    Story(
        (
            "{n} has {a} {o}. {m} gives {n} {b} more. Then {n} loses {c}.",
            "{n} had {a} {o} and bought {b}. Later {he} gave {c} to {m}.",
            "{n} had {a} {o}, found {b} and lost {c}.",
            "{n} has {a} {o}. {He} gets {b} more and then gives away {c}.",
        ),
        ask.HAS_LEFT + ask.HAS_NOW,
        (("Total", "{a}+{b}"), ("Left", "{x}-{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} to {m} and then buys {c} more.",
            "{n} had {a} {o} and sold {b}. Later {he} bought {c} more.",
            "{n} had {a} {o}, lost {b} and found {c}.",
            "{n} has {a} {o}. {He} gives away {b} and then gets {c} more.",
        ),
        ask.HAS_NOW,
        (("Left", "{a}-{b}"), ("Now", "{x}+{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} gives {b} to {m} and {c} to a friend.",
            "{n} had {a} {o} and sold {b}. Later {he} gave {c} to {m}.",
            "{n} had {a} {o}, lost {b} and sold {c}.",
            "{n} has {a} {o}. {He} gives away {b} and then loses {c}.",
        ),
        ask.HAS_LEFT + ask.HAS_NOW,
        (("After the first", "{a}-{b}"), ("Left", "{x}-{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} gives {n} {b} more. Then {n} finds {c}.",
            "{n} had {a} {o} and bought {b}. Later {he} got {c} from {m}.",
            "{n} had {a} {o}, found {b} and bought {c}.",
            "{n} has {a} {o}. {He} gets {b} more and then buys {c} more.",
        ),
        ask.HAS_NOW + ask.HAS_IN_TOTAL,
        (("First two", "{a}+{b}"), ("Total", "{x}+{c}")),
    ),
    Story(
        (
            "{n} has {a} {o}, {m} has {b} and their friend has {c}.",
            "{n} finds {a} {o} in the morning, {b} at noon and {c} in the evening.",
            "{n} puts {a} {o} on a table, {m} adds {b}, and a friend adds {c}.",
            "There are {a} {o} in one box, {b} in another and {c} on the table.",
        ),
        ask.IS_THAT + ask.ARE_THERE,
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
        ),
        ask.HAS_NOW + ask.HAS_IN_TOTAL,
        (("In all of them", "{a}*{b}"), ("Total", "{x}+{c}")),
        (20, 40, 99),
    ),
    Story(
        (
            "{n} has {a} boxes with {b} {o} in each and gives {c} {o} to {m}.",
            "{n} has {a} bags. There are {b} {o} in each. {He} loses {c} {o}.",
            "There are {b} {o} in each of {n}'s {a} bags. Then {he} sells {c} {o}.",
            "{n} fills {a} bags with {b} {o} each and then takes out {c} {o} for {m}.",
        ),
        ask.HAS_LEFT + ask.HAS_NOW,
        (("In all of them", "{a}*{b}"), ("Left", "{x}-{c}")),
        (20, 40, 99),
    ),
)

_COMPARISONS = (
    Story(
        (
            "{n} has {a} {o}. {m} has {b} more than {n}.",
            "{m} has {b} more {o} than {n}, who has {a}.",
            "{n} has {a} {o}, and {m} has {b} more than that.",
            "{n} has {a} {o}. That is {b} fewer than {m} has.",
        ),
        ask.TOGETHER,
        (("{m}", "{a}+{b}"), ("Together", "{a}+{x}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} fewer than {n}.",
            "{m} has {b} fewer {o} than {n}, who has {a}.",
            "{n} has {a} {o}, and {m} has {b} fewer than that.",
            "{n} has {a} {o}. That is {b} more than {m} has.",
        ),
        ask.TOGETHER,
        (("{m}", "{a}-{b}"), ("Together", "{a}+{x}")),
    ),
    Story(
        (
            "{n} has {a} {o}. {m} has {b} times as many as {n}.",
            "{m} has {b} times as many {o} as {n}, who has {a}.",
            "{n} has {a} {o}, and {m} has {b} times that number.",
            "{n} owns {a} {o}. {m} owns {b} times as many.",
        ),
        ask.TOGETHER,
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
        ),
        ask.EACH,
        (("Total", "{a}+{b}"), ("Each", "{x}/{c}")),
        (99, 99, 9),
    ),
    Story(
        (
            "{n} has {a} {o}. {He} keeps {b} and shares the rest equally among {c} friends.",
            "{n} has {a} {o} and gives away {b}. {He} shares the rest equally among {c} friends.",
            "{n} has {a} {o}, and {m} takes {b}. {c} friends share the rest equally.",
            "{n} sells {b} of {his} {a} {o} and puts the rest into {c} equal piles.",
        ),
        ask.EACH,
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
        ),
        ask.MONEY,
        (("For one", "{a}+{b}"), ("Total", "{x}*{c}")),
        (60, 40, 20),
        " dollars",
    ),
    Story(
        (
            "{n} has {c} dollars. {He} buys {a} {o} at {b} dollars each.",
            "{n} goes to a shop with {c} dollars and buys {a} {o} for {b} dollars each.",
            "{n} buys {a} boxes of {o} at {b} dollars each. Before that {he} had {c} dollars.",
            "One box of {o} costs {b} dollars. {n} has {c} dollars and buys {a} boxes.",
        ),
        ask.MONEY_LEFT,
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
        ),
        ask.PAGES_LEFT,
        (("Read", "{a}*{b}"), ("Left", "{c}-{x}")),
        (12, 30, 400),
        " pages",
    ),
)

_RIDES = (
    Story(
        (
            "A bus starts with {a} people. {b} get off, and then {c} get on.",
            "A bus starts with {a} people. At one stop {b} get off, and at the next {c} get on.",
            "There are {a} people on a train. At a station {b} leave, and {c} come in.",
            "A boat carries {a} people. First {b} people get off and then {c} get on.",
        ),
        ask.PEOPLE,
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
