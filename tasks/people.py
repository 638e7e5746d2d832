"""First names and numbers for generated tasks, in halves that train and test do not share."""

import functools
import random

from nanochat.data.split import in_split
from tasks.words import blend

_SHE = (
    "Ada Alice Amy Ana Anna Beth Bella Carla Clara Cora Daisy Dana Dora Ella Elsa Emma Eva Fay "
    "Flora Gina Grace Hana Helen Ida Inga Iris Ivy Jane Jenny Joan Julia Kara Kate Kim Lara Laura "
    "Lena Lily Lisa Lola Lucy Maya Mary Mia Mina Molly Nadia Nina Nora Olga Olive Paula Petra Rita "
    "Rosa Ruby Ruth Sara Sofia Sue Tara Tina Vera Wendy Yara Zoe Agnes Beatrice Celia Diana Edith "
    "Fatima Greta Holly Irene Jasmine Karen Linda Maria Naomi Ophelia Priya Rachel Sally Tess Una "
    "Victoria Willa Yoko Zelda"
)
_HE = (
    "Adam Alan Alex Ali Andy Ben Bill Bob Boris Carl Chris Cole Dan David Dean Eli Emil Eric "
    "Felix Finn Frank Fred Gabe George Gus Hank Harry Hugo Ian Ivan Jack Jake James Jim Joe "
    "John Jon Karl Ken Kurt Lars Leo Liam Louis Luke Marc Mark Matt Max Mike Nick Noah Oleg "
    "Omar Oscar Otto Owen Pablo Paul Pete Phil Ralph Ray Rob Ron Sam Sean Seth Simon Steve "
    "Ted Theo Tim Tom Tony Troy Umar Victor Walt Will Yuri Zack Arthur Bruno Caleb Diego "
    "Edgar Farid Gary Henry Igor Jonas Kevin Larry Martin Neil Oliver Peter Quinn Robert "
    "Stanley Thomas Vincent William"
)
PRONOUNS = dict.fromkeys(_SHE.split(), ("she", "her")) | dict.fromkeys(_HE.split(), ("he", "his"))


@functools.cache
def names(split: str) -> tuple[str, ...]:
    """Return the first names of a split; every seventh or so is for tests."""
    return tuple(name for name in PRONOUNS if in_split(f"name {name}", split, percent=15))


def some_people(rng: random.Random, split: str, count: int) -> list[str]:
    """Draw different names; every second of the train split is made up of two names."""
    people = rng.sample(names(split), count)
    if split == "train":
        taken = {*PRONOUNS, *people}
        for index in range(count):
            if rng.random() < 0.5:
                people[index] = blend(rng, names(split), taken)
                taken.add(people[index])
    return people


@functools.cache
def numbers(split: str, low: int, high: int) -> tuple[int, ...]:
    """Return the numbers low ... high of a split; those below 10 belong to both."""
    span = range(low, high + 1)
    return tuple(n for n in span if n < 10 or in_split(f"number {n}", split, percent=10))


def draw(rng: random.Random, split: str, low: int, high: int) -> int:
    """Draw a number low ... high of the split; the range must hold one."""
    return rng.choice(numbers(split, low, high))


def draw_multiple(rng: random.Random, split: str, divisor: int, largest: int = 99) -> int:
    """Draw a multiple of `divisor` of at least 10 in the split, the quotient 2 ... `largest`."""
    start = rng.randint(2, largest)
    for factor in (*range(start, largest + 1), *range(2, largest * 10)):
        multiple = divisor * factor
        if multiple >= 10 and in_split(f"number {multiple}", split, percent=10):
            return multiple
    raise ValueError(f"no multiple of {divisor} in the {split} split")
