"""Sums, differences, products and quotients, phrased in many ways and worked out by the tool."""

import random
from typing import NamedTuple

from nanochat.tools.calculator import use_calculator
from tasks.common import Conversation, GeneratedTask, text, tool_call, turn
from tasks.people import draw, draw_multiple

# {a} and {b} are the operands in the order of the expression; {e} is the expression itself
PHRASES = {
    "+": (
        "{a} plus {b}",
        "the sum of {a} and {b}",
        "{a} added to {b}",
        "!Add {a} and {b}",
        "!Add {a} to {b}",
        "?What do I get when I add {a} and {b}",
        "?What is the total of {a} and {b}",
    ),
    "-": (
        "{a} minus {b}",
        "the difference between {a} and {b}",
        "{a} less {b}",
        "!Subtract {b} from {a}",
        "!Take {b} away from {a}",
        "?What is left if I take {b} from {a}",
        "?What do I get when I subtract {b} from {a}",
    ),
    "*": (
        "{a} times {b}",
        "the product of {a} and {b}",
        "{a} multiplied by {b}",
        "!Multiply {a} by {b}",
        "!Multiply {a} and {b}",
        "?What do I get when I multiply {a} by {b}",
    ),
    "/": (
        "{a} divided by {b}",
        "the quotient of {a} and {b}",
        "{a} over {b}",
        "!Divide {a} by {b}",
        "!Split {a} into {b} equal parts",
        "?What do I get when I divide {a} by {b}",
    ),
}
SIGNS = {"+": ("+",), "-": ("-",), "*": ("*", "x", "×"), "/": ("/", "÷")}
OPENERS = (
    "What is {}?", "What's {}?", "what is {}", "whats {}", "How much is {}?", "how much is {}",
    "Calculate {}.", "calculate {}", "Compute {}.", "Work out {}.", "Tell me {}.", "Find {}.",
    "Can you calculate {}?", "Can you tell me {}?", "Could you work out {}?", "Please compute {}.",
    "I need to know {}.", "Do you know what {} is?", "Quick question: what is {}?", "Solve {}",
)  # fmt: skip
BARE = ("{}", "{}", "{} =", "{}=", "{} = ?", "{}?", "{} is what?", "{} equals?")


class Sum(NamedTuple):
    """Two operands and the operation between them."""

    a: int
    op: str
    b: int


def plain(result: int | float) -> str:
    """Return a result as people write it: no `.0`, and two decimals of a number without end."""
    whole, _, decimals = str(result).partition(".")
    if decimals in ("", "0"):
        return whole
    return f"{whole}.{decimals[:2] if len(decimals) > 4 else decimals}"


class Arithmetic(GeneratedTask):
    """One calculation in words or signs; the tool works it out. Some have three operands."""

    def make(self, rng: random.Random) -> Conversation:
        if rng.random() < 0.1:
            question, expression = self._three(rng)
        else:
            numbers = self._draw(rng)
            question, expression = self._ask(rng, numbers), f"{numbers.a}{numbers.op}{numbers.b}"
        result = use_calculator(expression)
        final = plain(result)
        end = "." if float(final) == result else "..."  # 0.66... goes on
        answer = text(f"The answer is {final}{end}\n#### {final}")
        return turn(question, [*tool_call(expression, str(result)), answer])

    def _number(self, rng: random.Random, longest: int, shortest: int = 2) -> int:
        digits = rng.randint(shortest, longest)
        return draw(rng, self.split, 10 ** (digits - 1) if digits > 1 else 2, 10**digits - 1)

    def _larger(self, rng: random.Random, longest: int) -> int:
        """Draw an operand which in the test split is always a held-out number."""
        return self._number(rng, longest, 1 if self.split == "train" and rng.random() < 0.2 else 2)

    def _draw(self, rng: random.Random) -> Sum:
        op = rng.choice("++--**/")
        if op == "+":
            pair = [self._larger(rng, 4), self._number(rng, 4, shortest=1)]
            rng.shuffle(pair)
            return Sum(pair[0], op, pair[1])
        if op == "-":
            pair = sorted((self._larger(rng, 4), self._number(rng, 4, shortest=1)))
            small, large = pair if rng.random() < 0.93 else reversed(pair)
            return Sum(large, op, small)
        if op == "*":
            pair = [self._larger(rng, 3), self._number(rng, 2, shortest=1)]
            rng.shuffle(pair)
            return Sum(pair[0], op, pair[1])
        return self._quotient(rng)

    def _quotient(self, rng: random.Random) -> Sum:
        """Draw a division that comes out whole, with few decimals, or now and then without end."""
        kind = rng.random()
        if kind < 0.3:
            return Sum(self._number(rng, 3), "/", rng.choice((2, 4, 5, 8)))
        if kind < 0.4:
            return Sum(self._number(rng, 3), "/", rng.choice((3, 6, 7, 9)))
        divisor = rng.choice((self._number(rng, 1, shortest=1), self._number(rng, 2)))
        return Sum(draw_multiple(rng, self.split, divisor), "/", divisor)

    def _ask(self, rng: random.Random, numbers: Sum) -> str:
        if rng.random() < 0.4:
            return self._in_signs(rng, f"{{}}{numbers.op}{{}}", numbers.a, numbers.b)
        phrase = rng.choice(PHRASES[numbers.op]).format(a=numbers.a, b=numbers.b)
        if phrase[0] == "?":
            question = phrase[1:] + rng.choice(("?", "?", ""))
        elif phrase[0] == "!":
            question = rng.choice(("", "", "Please ", "Can you "))
            question += phrase[1:] if not question else phrase[1].lower() + phrase[2:]
            question += "?" if question.startswith("Can") else rng.choice((".", ""))
        else:
            question = rng.choice(OPENERS).format(phrase)
        return question.lower() if rng.random() < 0.15 else question

    def _in_signs(self, rng: random.Random, pattern: str, *operands: int) -> str:
        """Write an expression with the signs and spaces people use, bare or in a question."""
        space, question = rng.choice(("", " ", " ")), ""
        expression = pattern.format(*operands)
        for character in expression:
            sign = rng.choice(SIGNS.get(character, (character,)))
            question += f"{space}{sign}{space}" if character in SIGNS else character
        return rng.choice(OPENERS if rng.random() < 0.5 else BARE).format(question)

    def _three(self, rng: random.Random) -> tuple[str, str]:
        pattern = rng.choice(("{}+{}+{}", "{}+{}-{}", "{}*{}+{}", "({}+{})*{}", "{}-{}-{}"))
        operands = (self._number(rng, 3), self._number(rng, 2), self._number(rng, 2, shortest=1))
        return self._in_signs(rng, pattern, *operands), pattern.format(*operands)
