"""Spelling words, asked for in many ways."""

import random
from collections.abc import Mapping

from tasks.common import Conversation, GeneratedTask, turn
from tasks.spellingbee import spell
from tasks.words import made_up_word, words

PHRASES = (
    "Spell the word: {}", "Spell the word {}", "Spell {}", "Spell: {}", "spell {}",
    "How do you spell {}?", "How do I spell {}?", "How is {} spelled?", "how do you spell {}",
    "How would you spell the word {}?", "Can you spell {}?", "Could you spell {} for me?",
    "Can you spell the word {} for me?", "Please spell {}.", "Please spell the word {}.",
    "What are the letters in {}?", "What letters are in {}?", "Which letters make up {}?",
    "Write {} letter by letter.", "List the letters of {}.", "Give me the letters of {}",
    "Tell me how to spell {}", "Tell me the spelling of {}.", "What is the spelling of {}?",
    "What's the spelling of {}?", "Break {} into letters.", "Split {} into its letters.",
    "I need the spelling of {}.", "I don't know how to spell {}. Can you help?", "{}: spell it",
    "Spell {} please", "Do you know how to spell {}?", "Spell out {}",
    "Spell out the word {} for me.",
)  # fmt: skip


class Spelling(GeneratedTask):
    """Spell a word: the answer is the word and its letters with commas.

    A third of the words of the train split are made up of two, so that the letters of every token
    are met in many surroundings.
    """

    def __init__(self, size: int = 1000, split: str = "train", **view):
        super().__init__(size, split, **view)
        self.words = words(split)

    def make(self, rng: random.Random) -> Conversation:
        word, quote = rng.choice(self.words), rng.choice(("", "", "'", '"'))
        if self.split == "train" and rng.random() < 0.33:
            word = made_up_word(rng)
        return turn(rng.choice(PHRASES).format(f"{quote}{word}{quote}"), spell(word))

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        return completion.strip() == conversation["messages"][-1]["content"]
