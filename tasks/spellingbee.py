"""Spelling words and counting their letters, by hand and with the calculator.

python -m tasks.spellingbee        prints ten samples
"""

import random
import string
from collections.abc import Mapping, Sequence

from tasks.common import Conversation, GeneratedTask, text, tool_call, turn
from tasks.spellingbee_templates import ALL_LANGUAGES
from tasks.words import words


def spell(word: str) -> str:
    """Return the word and its letters as `word:w,o,r,d`."""
    return f"{word}:{','.join(word)}"


class SpellingBee(GeneratedTask):
    """How many times does a letter occur in a word? Counted by hand, then with the tool."""

    def __init__(
        self,
        size: int = 1000,
        split: str = "train",
        templates: Sequence[str] = ALL_LANGUAGES,
        **view,
    ):
        super().__init__(size, split, **view)
        self.templates = templates
        self.words = words(split)

    def make(self, rng: random.Random) -> Conversation:
        word = rng.choice(self.words)
        letter = rng.choice(word if rng.random() < 0.9 else string.ascii_lowercase)
        question = self._question(rng, word, letter)
        return turn(question, self._answer(word, letter))

    def _question(self, rng: random.Random, word: str, letter: str) -> str:
        template = rng.choice(self.templates)
        if rng.random() < 0.3:
            template = template.lower()
        letter_quote, word_quote = rng.choice(("", "'", '"')), rng.choice(("", "'", '"'))
        question = template.format(
            l=f"{letter_quote}{letter}{letter_quote}", w=f"{word_quote}{word}{word_quote}"
        )
        return question + "?" if rng.random() < 0.5 else question

    @staticmethod
    def _answer(word: str, letter: str) -> list[dict[str, str]]:
        lines, count = [], 0
        for position, character in enumerate(word, 1):
            line = f"{position}:{character}"
            if character == letter:
                count += 1
                line += f" hit! count={count}"
            lines.append(line)
        by_hand = f"By hand, looking for {letter}:\n{spell(word)}\n"
        return [
            text(by_hand + "\n".join(lines) + f"\nThat makes {count}.\n\n"),
            text("With Python: "),
            *tool_call(f"'{word}'.count('{letter}')", str(count)),
            text(f"\n\nThe answer is {count}.\n\n#### {count}"),
        ]


class SimpleSpelling(GeneratedTask):
    """Spell a word: practice for the tokens' letters, in one fixed phrasing."""

    def __init__(self, size: int = 1000, split: str = "train", **view):
        super().__init__(size, split, **view)
        self.words = list(words(split))
        random.Random(42).shuffle(self.words)

    def make(self, rng: random.Random) -> Conversation:
        word = rng.choice(self.words)
        return turn(f"Spell the word: {word}", spell(word))

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        return completion.strip() == conversation["messages"][-1]["content"]


def main() -> None:
    """Print ten samples."""
    task = SpellingBee(10)
    for index in range(len(task)):
        user, assistant = task[index]["messages"]
        answer = "".join(
            f"[{part['text']}]" if part["type"].startswith("python") else part["text"]
            for part in assistant["content"]
        )
        print(f"--- user: {user['content']}\n--- assistant: {answer}\n")


if __name__ == "__main__":
    from nanochat.command_line import run

    run(main)
