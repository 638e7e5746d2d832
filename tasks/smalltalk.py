"""Small talk in the assistant's role, composed from lines written for it."""

import functools
import random
import re

from nanochat.data.split import in_split
from tasks.common import Conversation, GeneratedTask
from tasks.people import names
from tasks.smalltalk_lines import (
    BYE,
    FILLERS,
    GREETINGS,
    HOW_ARE_YOU,
    OPENERS,
    THANKS,
    TOPICS,
    USER_IS_WELL,
    Topic,
)


@functools.cache
def says(topic: Topic, split: str) -> tuple[str, ...]:
    """Return what users say on a topic in a split; about every eighth line is for tests."""
    return tuple(line for line in topic.says if in_split(f"says {_plain(line)}", split, percent=12))


def _plain(line: str) -> str:
    """Return a line without capitals and punctuation, so that "Hi" and "hi!" stay together."""
    return " ".join(re.findall(r"[a-z{}']+", line.lower()))


class SmallTalk(GeneratedTask):
    """One to four exchanges: perhaps a greeting, some topics, perhaps thanks or goodbye."""

    eval_type = None

    def make(self, rng: random.Random) -> Conversation:
        plan = _plan(rng, [topic for topic in TOPICS if says(topic, self.split)])
        return {"messages": [message for topic in plan for message in self._exchange(rng, topic)]}

    def _exchange(self, rng: random.Random, topic: Topic) -> list[dict[str, str]]:
        fillers = {slot: rng.choice(values) for slot, values in FILLERS.items()}
        fillers["name"] = rng.choice(names(self.split))
        user = rng.choice(says(topic, self.split))
        if rng.random() < 0.25:
            user = rng.choice(OPENERS) + user
        if rng.random() < 0.3:
            user = user.lower()
        elif user[-1].isalnum() and rng.random() < 0.4:
            user += rng.choice((".", "!", " :)"))
        reply = rng.choice(topic.replies).format(**fillers)
        return [
            {"role": "user", "content": user.format(**fillers)},
            {"role": "assistant", "content": reply[0].upper() + reply[1:]},
        ]


def _plan(rng: random.Random, topics: list[Topic]) -> list[Topic]:
    """Choose a conversation's topics among those there are, in an order that makes sense."""
    first, last = (GREETINGS, HOW_ARE_YOU), (THANKS, BYE)
    middle = [topic for topic in topics if topic not in (*first, *last, USER_IS_WELL)]
    plan = rng.sample(middle, rng.choice((1, 1, 1, 2)))
    start, end = rng.random(), rng.random()
    if start < 0.2:
        plan = [GREETINGS, *plan]
    elif start < 0.35:
        plan = [HOW_ARE_YOU, USER_IS_WELL, *plan]
    if end < 0.25:
        plan = [*plan, rng.choice(last)]
    if rng.random() < 0.2:  # just one line of any kind
        plan = [rng.choice(topics)]
    return [topic for topic in plan if topic in topics]
