"""Small talk in the assistant's role, composed from lines written for it."""

import random

from tasks.common import Conversation, GeneratedTask
from tasks.people import names
from tasks.smalltalk_lines import (
    BYE,
    FILLERS,
    GREETINGS,
    HOW_ARE_YOU,
    THANKS,
    TOPICS,
    USER_IS_WELL,
    Topic,
)


class SmallTalk(GeneratedTask):
    """One to four exchanges: perhaps a greeting, some topics, perhaps thanks or goodbye."""

    eval_type = None

    def make(self, rng: random.Random) -> Conversation:
        return {"messages": [m for topic in _plan(rng) for m in self._exchange(rng, topic)]}

    def _exchange(self, rng: random.Random, topic: Topic) -> list[dict[str, str]]:
        fillers = {slot: rng.choice(values) for slot, values in FILLERS.items()}
        fillers["name"] = rng.choice(names(self.split))
        user, assistant = rng.choice(topic.says), rng.choice(topic.replies)
        if rng.random() < 0.3:
            user = user.lower()
        elif user[-1].isalnum() and rng.random() < 0.4:
            user += rng.choice((".", "!", " :)"))
        reply = assistant.format(**fillers)
        return [
            {"role": "user", "content": user.format(**fillers)},
            {"role": "assistant", "content": reply[0].upper() + reply[1:]},
        ]


def _plan(rng: random.Random) -> list[Topic]:
    """Choose the topics of a conversation, in an order that makes sense."""
    topics = rng.sample(
        [topic for topic in TOPICS if topic is not USER_IS_WELL], rng.choice((1, 1, 2))
    )
    start, end = rng.random(), rng.random()
    if start < 0.2:
        topics = [GREETINGS, *topics]
    elif start < 0.35:
        topics = [HOW_ARE_YOU, USER_IS_WELL, *topics]
    if end < 0.1:
        topics = [*topics, THANKS]
    elif end < 0.2:
        topics = [*topics, BYE]
    unique = list(dict.fromkeys(topics))
    if BYE in unique:
        unique = [topic for topic in unique if topic is not BYE] + [BYE]
    if GREETINGS in unique:
        unique = [GREETINGS] + [topic for topic in unique if topic is not GREETINGS]
    return unique
