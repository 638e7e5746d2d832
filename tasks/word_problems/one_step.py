"""Stories of one step."""

from tasks.word_problems import questions as ask
from tasks.word_problems.story import Story

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
        ask.HAS_NOW + ask.HAS_IN_TOTAL,
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
        ask.IS_THAT + ask.ARE_THERE,
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
        ask.IS_THAT,
        (("Total", "{a}+{b}"),),
    ),
    Story(_TWO_OWNERS, ask.TOGETHER, (("Total", "{a}+{b}"),)),
    Story(
        (
            "{n} is {a} years old. {m} is {b} years older.",
            "{m} is {b} years older than {n}, who is {a}.",
            "{n} is {a}. {m} is {b} years older than {n}.",
            "{n}, who is {a}, is {b} years younger than {m}.",
            "When {n} was born, {m} was {b} years old. Now {n} is {a}.",
            "{n} is {a} years old and has a friend, {m}, who is {b} years older.",
        ),
        ask.AGE,
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
        ask.HAS_LEFT + ask.HAS_NOW,
        (("Left", "{a}-{b}"),),
    ),
    Story(_TWO_OWNERS, ask.DIFFERENCE, (("Difference", "{a}-{b}"),)),
    Story(
        (
            "{n} wants to have {a} {o}. So far {he} has {b}.",
            "{n} has {b} {o} and wants to have {a}.",
            "{n} needs {a} {o} but has only {b}.",
            "{n} needs {a} {o}. {m} gives {n} the first {b}.",
            "{n} has found {b} of the {a} {o} that {he} needs.",
            "So far {n} has {b} {o}, but {he} needs {a}.",
        ),
        ask.MISSING,
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
        ask.AGE,
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
            "{n} pays {b} dollars for a box of {o}. Before that {he} had {a} dollars.",
            "{n} goes to a shop with {a} dollars and buys {o} for {b} dollars.",
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
            "Each of {a} children brings {b} {o}.",
            "{a} friends have {b} {o} each.",
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
            "Each of {a} friends pays {b} dollars for a ticket.",
            "{n} gives {b} dollars to each of {a} friends.",
        ),
        ask.MONEY,
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
        ask.MONEY + ask.EARNS,
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
            "{n} gives {a} {o} to {b} children, the same number to each.",
            "There are {a} {o}, and {b} friends share all of them equally.",
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
            "{n} has {a} {o} and some bags. Each bag holds {b} {o}.",
            "{b} {o} fit into one bag, and {n} packs {a} {o}.",
        ),
        ask.BAGS,
        (("Bags", "{a}/{b}"),),
        (600, 20),
        " bags",
    ),
)

ONE_STEP = _SUMS + _DIFFERENCES + _PRODUCTS + _QUOTIENTS
