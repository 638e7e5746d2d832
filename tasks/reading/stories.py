"""Little stories of plain facts, and questions about one of them."""

import random
import re
from typing import NamedTuple

from tasks.people import some_people
from tasks.word_problems.story import THINGS

COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "purple", "orange", "grey")
TOYS = (
    "ball", "book", "cup", "hat", "bag", "kite", "bike", "lamp", "coat", "pen", "box", "key",
    "chair", "car", "drum", "scarf", "umbrella", "phone", "watch", "boat", "guitar", "spoon",
    "bottle", "shirt", "ring", "clock", "camera", "map", "candle", "basket", "ladder", "rope",
)  # fmt: skip
PLACES = (
    "kitchen", "garden", "school", "library", "park", "office", "garage", "bedroom", "bathroom",
    "market", "museum", "station", "hotel", "theater", "hospital", "bakery", "cellar", "forest",
    "castle", "church", "farm", "harbor", "attic", "restaurant", "stadium", "zoo",
)  # fmt: skip
CITIES = (
    "Paris", "London", "Rome", "Madrid", "Berlin", "Vienna", "Oslo", "Lisbon", "Dublin", "Athens",
    "Cairo", "Delhi", "Tokyo", "Boston", "Chicago", "Toronto", "Sydney", "Lima", "Moscow",
    "Warsaw", "Prague", "Geneva", "Milan", "Naples", "Texas", "Canada", "Brazil", "Kenya", "Peru",
)  # fmt: skip
JOBS = (
    "teacher", "doctor", "farmer", "cook", "painter", "singer", "driver", "nurse", "pilot",
    "writer", "baker", "lawyer", "dentist", "gardener", "actor", "sailor", "builder", "tailor",
    "judge", "scientist", "waiter", "dancer", "engineer", "poet",
)  # fmt: skip
PETS = (
    "dog", "cat", "horse", "rabbit", "parrot", "turtle", "hamster", "goat", "duck", "fish", "pony",
    "mouse", "snake", "frog", "sheep", "cow", "goose", "donkey",
)  # fmt: skip
MEALS = (
    "soup", "pizza", "rice", "pasta", "salad", "fish", "cake", "bread", "cheese", "curry",
    "pancakes", "potatoes", "beans", "noodles", "chicken", "ice cream", "apple pie", "eggs",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOBBIES = (
    "swimming", "reading", "dancing", "painting", "chess", "football", "tennis", "fishing",
    "singing", "cooking", "running", "music", "hiking", "gardening", "skiing", "drawing",
)  # fmt: skip
SMALL_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")


class Fact(NamedTuple):
    """One sentence about {n}, and questions; {a} {b} are drawn from `values`.

    Each question comes with its answer and with the whole sentence that an assistant says.
    """

    sentences: tuple[str, ...]
    questions: tuple[tuple[str, str, str], ...]
    values: tuple[tuple[str, ...], ...]


FACTS = (
    Fact(
        ("{n} has a {a} {b}.", "{n} owns a {a} {b}.", "The {a} {b} belongs to {n}."),
        (
            ("Who has the {a} {b}?", "{n}", "The {a} {b} belongs to {n}."),
            ("Whose {b} is {a}?", "{n}", "The {a} {b} belongs to {n}."),
            ("What color is the {b} of {n}?", "{a}", "The {b} of {n} is {a}."),
            ("What does {n} have?", "a {a} {b}", "{n} has a {a} {b}."),
        ),
        (COLOURS, TOYS),
    ),
    Fact(
        ("{n} is in the {a}.", "{n} went to the {a}.", "{n} is at the {a} now."),
        (
            ("Where is {n}?", "the {a}", "{n} is in the {a}."),
            ("Who is in the {a}?", "{n}", "In the {a} is {n}."),
            ("In which place is {n}?", "the {a}", "{n} is in the {a}."),
        ),
        (PLACES,),
    ),
    Fact(
        ("{n} lives in {a}.", "{n} comes from {a}.", "The home of {n} is in {a}."),
        (
            ("Where does {n} live?", "{a}", "{n} lives in {a}."),
            ("Who lives in {a}?", "{n}", "In {a} lives {n}."),
            ("Where is the home of {n}?", "{a}", "The home of {n} is in {a}."),
        ),
        (CITIES,),
    ),
    Fact(
        ("{n} is a {a}.", "{n} works as a {a}.", "{n} is a {a} and lives in {b}."),
        (
            ("What is {n}'s job?", "{a}", "{n} is a {a}."),
            ("Who is a {a}?", "{n}", "The {a} is {n}."),
            ("Who works as a {a}?", "{n}", "The {a} is {n}."),
            ("What does {n} work as?", "{a}", "{n} is a {a}."),
        ),
        (JOBS, CITIES),
    ),
    Fact(
        ("{n} has a {a} called {b}.", "The {a} of {n} is called {b}.", "{b} is {n}'s {a}."),
        (
            ("What is the name of {n}'s {a}?", "{b}", "The {a} of {n} is called {b}."),
            ("What is {n}'s {a} called?", "{b}", "The {a} of {n} is called {b}."),
            ("What animal does {n} have?", "{a}", "{n} has a {a}."),
            ("Who has a {a}?", "{n}", "The {a} belongs to {n}."),
            ("Whose pet is {b}?", "{n}", "{b} belongs to {n}."),
        ),
        (
            PETS,
            ("Rex", "Luna", "Coco", "Spot", "Milo", "Lucky", "Snowy", "Fluffy", "Tiger", "Biscuit"),
        ),
    ),
    Fact(
        ("On {a} {n} ate {b}.", "{n} cooked {b} on {a}.", "{n} had {b} for dinner on {a}."),
        (
            ("What did {n} have on {a}?", "{b}", "On {a} {n} had {b}."),
            ("When did {n} have {b}?", "{a}", "{n} had {b} on {a}."),
            ("On which day did {n} have {b}?", "{a}", "{n} had {b} on {a}."),
            ("Who had {b}?", "{n}", "The one with {b} was {n}."),
        ),
        (DAYS, MEALS),
    ),
    Fact(
        ("{n} likes {a}.", "{n} loves {a}.", "The hobby of {n} is {a}."),
        (
            ("What does {n} like?", "{a}", "{n} likes {a}."),
            ("Who likes {a}?", "{n}", "The one who likes {a} is {n}."),
            ("What is {n}'s hobby?", "{a}", "The hobby of {n} is {a}."),
        ),
        (HOBBIES,),
    ),
    Fact(
        ("{n} bought {a} {b}.", "{n} found {a} {b} on the way home.", "{n} has {a} {b}."),
        (
            ("How many {b} does {n} have?", "{a}", "{n} has {a} {b}."),
            ("Who has {a} {b}?", "{n}", "The {a} {b} belong to {n}."),
            ("What does {n} have?", "{a} {b}", "{n} has {a} {b}."),
        ),
        (SMALL_NUMBERS, THINGS),
    ),
    Fact(
        ("{n} was born in {b}.", "{n} was born in {b} in {a}.", "In {b}, {n} was born in {a}."),
        (
            ("When was {n} born?", "{b}", "{n} was born in {b}."),
            ("Who was born in {b}?", "{n}", "In {b}, {n} was born."),
            ("In which year was {n} born?", "{b}", "{n} was born in {b}."),
        ),
        (CITIES, tuple(str(year) for year in range(1900, 2010))),
    ),
    Fact(
        ("{n} put the {b} in the {a}.", "{n} left the {b} in the {a}."),
        (
            ("Where is the {b}?", "the {a}", "The {b} is in the {a}."),
            ("Where did {n} put the {b}?", "the {a}", "{n} put the {b} in the {a}."),
            ("Who put the {b} in the {a}?", "{n}", "The {b} was put there by {n}."),
            ("What did {n} put in the {a}?", "the {b}", "In the {a} {n} put the {b}."),
        ),
        (PLACES, TOYS),
    ),
    Fact(
        ("{n} will visit {a} on {b}.", "On {b}, {n} goes to {a}.", "{n} travels to {a} on {b}."),
        (
            ("When does {n} go to {a}?", "{b}", "{n} goes to {a} on {b}."),
            ("Where does {n} go on {b}?", "{a}", "On {b}, {n} goes to {a}."),
            ("Who goes to {a}?", "{n}", "The one who goes to {a} is {n}."),
        ),
        (CITIES, DAYS),
    ),
)


class Asked(NamedTuple):
    """A question, the few words of the passage that answer it, and the sentence to say."""

    question: str
    answer: str
    sentence: str


def _unmentioned(rng: random.Random, fact: Fact, taken: set[str]) -> dict[str, str]:
    """Draw the fact's values among those that no other fact of the story has."""
    slots = {}
    for slot, values in zip("ab", fact.values, strict=False):
        value = rng.choice(values)
        while value in taken:
            value = rng.choice(values)
        taken.add(value)
        slots[slot] = value
    return slots


class Story(NamedTuple):
    """A passage, and for each of its facts the questions that are about it."""

    passage: str
    asked: list[list[Asked]]


def story(rng: random.Random, split: str) -> Story:
    """Return a story about two to four people.

    Either all facts are of one kind (who lives where?) or each is of its own. No name, colour,
    thing or place occurs twice, so that exactly one answer is right.
    """
    people = some_people(rng, split, rng.choice((2, 3, 3, 4)))
    kind = rng.choice(FACTS)
    lines, asked, taken = [], [], set(people)
    for person in people:
        fact = kind if rng.random() < 0.6 else rng.choice(FACTS)
        slots = _unmentioned(rng, fact, taken) | {"n": person}
        lines.append(_with_article(rng.choice(fact.sentences).format(**slots)))
        asked.append(
            [Asked(*(_with_article(t.format(**slots)) for t in about)) for about in fact.questions]
        )
    return Story(" ".join(lines), asked)


def _with_article(text: str) -> str:
    """Write "an" where a vowel follows."""
    return re.sub(r"\b(a|A) (?=[aeiou])", r"\1n ", text)
