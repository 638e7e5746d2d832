"""Little stories of plain facts, and questions about one of them."""

import random
import re
from typing import NamedTuple

from tasks.people import names
from tasks.story_templates import THINGS

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
    """One sentence about {n}, and (question, answer) pairs; {a} {b} are drawn from `values`."""

    sentences: tuple[str, ...]
    questions: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, ...], ...]


FACTS = (
    Fact(
        ("{n} has a {a} {b}.", "{n} owns a {a} {b}.", "The {a} {b} belongs to {n}."),
        (
            ("Who has the {a} {b}?", "{n}"),
            ("Whose {b} is {a}?", "{n}"),
            ("What color is the {b} of {n}?", "{a}"),
            ("What does {n} have?", "a {a} {b}"),
        ),
        (COLOURS, TOYS),
    ),
    Fact(
        ("{n} is in the {a}.", "{n} went to the {a}.", "{n} is at the {a} now."),
        (
            ("Where is {n}?", "the {a}"),
            ("Who is in the {a}?", "{n}"),
            ("In which place is {n}?", "the {a}"),
        ),
        (PLACES,),
    ),
    Fact(
        ("{n} lives in {a}.", "{n} comes from {a}.", "The home of {n} is in {a}."),
        (
            ("Where does {n} live?", "{a}"),
            ("Who lives in {a}?", "{n}"),
            ("Where is the home of {n}?", "{a}"),
        ),
        (CITIES,),
    ),
    Fact(
        ("{n} is a {a}.", "{n} works as a {a}.", "{n} is a {a} and lives in {b}."),
        (
            ("What is {n}'s job?", "{a}"),
            ("Who is a {a}?", "{n}"),
            ("Who works as a {a}?", "{n}"),
            ("What does {n} work as?", "{a}"),
        ),
        (JOBS, CITIES),
    ),
    Fact(
        ("{n} has a {a} called {b}.", "The {a} of {n} is called {b}.", "{b} is {n}'s {a}."),
        (
            ("What is the name of {n}'s {a}?", "{b}"),
            ("What is {n}'s {a} called?", "{b}"),
            ("What animal does {n} have?", "{a}"),
            ("Who has a {a}?", "{n}"),
            ("Whose pet is {b}?", "{n}"),
        ),
        (
            PETS,
            ("Rex", "Luna", "Coco", "Spot", "Milo", "Lucky", "Snowy", "Fluffy", "Tiger", "Biscuit"),
        ),
    ),
    Fact(
        ("On {a} {n} ate {b}.", "{n} cooked {b} on {a}.", "{n} had {b} for dinner on {a}."),
        (
            ("What did {n} eat on {a}?", "{b}"),
            ("When did {n} eat {b}?", "{a}"),
            ("On which day did {n} have {b}?", "{a}"),
            ("Who had {b}?", "{n}"),
        ),
        (DAYS, MEALS),
    ),
    Fact(
        ("{n} likes {a}.", "{n} loves {a}.", "The hobby of {n} is {a}."),
        (
            ("What does {n} like?", "{a}"),
            ("Who likes {a}?", "{n}"),
            ("What is {n}'s hobby?", "{a}"),
        ),
        (HOBBIES,),
    ),
    Fact(
        ("{n} bought {a} {b}.", "{n} found {a} {b} on the way home.", "{n} has {a} {b}."),
        (
            ("How many {b} does {n} have?", "{a}"),
            ("Who has {a} {b}?", "{n}"),
            ("What does {n} have?", "{a} {b}"),
        ),
        (SMALL_NUMBERS, THINGS),
    ),
    Fact(
        ("{n} was born in {b}.", "{n} was born in {b} in {a}.", "In {b}, {n} was born in {a}."),
        (
            ("When was {n} born?", "{b}"),
            ("Who was born in {b}?", "{n}"),
            ("In which year was {n} born?", "{b}"),
        ),
        (CITIES, tuple(str(year) for year in range(1900, 2010))),
    ),
    Fact(
        ("{n} put the {b} in the {a}.", "{n} left the {b} in the {a}."),
        (
            ("Where is the {b}?", "the {a}"),
            ("Where did {n} put the {b}?", "the {a}"),
            ("Who put the {b} in the {a}?", "{n}"),
            ("What did {n} put in the {a}?", "the {b}"),
        ),
        (PLACES, TOYS),
    ),
    Fact(
        ("{n} will visit {a} on {b}.", "On {b}, {n} goes to {a}.", "{n} travels to {a} on {b}."),
        (
            ("When does {n} go to {a}?", "{b}"),
            ("Where does {n} go on {b}?", "{a}"),
            ("Who goes to {a}?", "{n}"),
        ),
        (CITIES, DAYS),
    ),
)


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


def story(rng: random.Random, split: str) -> tuple[str, str, str]:
    """Return (passage, question, answer) of a story about two to four people.

    Either all facts are of one kind (who lives where?) or each is of its own. No name, colour,
    thing or place occurs twice, so that exactly one answer is right.
    """
    people = rng.sample(names(split), rng.choice((2, 3, 3, 4)))
    kind = rng.choice(FACTS)
    lines, asked, taken = [], [], set(people)
    for person in people:
        fact = kind if rng.random() < 0.6 else rng.choice(FACTS)
        slots = _unmentioned(rng, fact, taken) | {"n": person}
        lines.append(rng.choice(fact.sentences).format(**slots))
        asked += [[(q.format(**slots), a.format(**slots)) for q, a in fact.questions]]
    question, answer = rng.choice(rng.choice(asked))
    passage = " ".join(lines)
    return tuple(
        re.sub(r"\b(a|A) (?=[aeiou])", r"\1n ", part) for part in (passage, question, answer)
    )
