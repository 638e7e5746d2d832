"""Every task that `chat_eval` can run, by name; the benchmarks also have their chance level."""

from collections.abc import Callable

from tasks.arc import ARC
from tasks.arithmetic import Arithmetic
from tasks.common import Task
from tasks.gsm8k import GSM8K
from tasks.humaneval import HumanEval
from tasks.identity import Identity
from tasks.mmlu import MMLU
from tasks.multiple_choice import MultipleChoice
from tasks.reading import ReadingQA
from tasks.repeat import Repeat
from tasks.spelling import Spelling
from tasks.spellingbee import SpellingBee
from tasks.word_problems import WordProblems

# the six tasks of the ChatCORE metric -> accuracy of guessing
CHATCORE_BASELINES = {
    "ARC-Easy": 0.25,
    "ARC-Challenge": 0.25,
    "MMLU": 0.25,
    "GSM8K": 0.0,
    "HumanEval": 0.0,
    "SpellingBee": 0.0,
}
BENCHMARKS: dict[str, Callable[[], Task]] = {
    "ARC-Easy": lambda: ARC("ARC-Easy", "test"),
    "ARC-Challenge": lambda: ARC("ARC-Challenge", "test"),
    "MMLU": lambda: MMLU("all", "test"),
    "GSM8K": lambda: GSM8K("main", "test"),
    "HumanEval": HumanEval,
    "SpellingBee": lambda: SpellingBee(size=256, split="test"),
}
# what the quickstart trains on and measures, on held-out words, numbers, names and articles
GENERATED: dict[str, Callable[[], Task]] = {
    "Spelling": lambda: Spelling(size=1000, split="test"),
    "SpellingBee": lambda: SpellingBee(size=256, split="test"),
    "Repeat": lambda: Repeat(size=1000, split="test"),
    "Arithmetic": lambda: Arithmetic(size=1000, split="test"),
    "WordProblems": lambda: WordProblems(size=1000, split="test", steps=2),
    "ReadingQA": lambda: ReadingQA(size=1000, split="test"),
    "ReadingArticles": lambda: ReadingQA(size=1000, split="test", source="articles"),
    "ReadingStories": lambda: ReadingQA(size=1000, split="test", source="stories"),
    "MultipleChoice": lambda: MultipleChoice(size=1000, split="test"),
    "Identity": lambda: Identity(split="test"),
}
TASKS = BENCHMARKS | GENERATED
