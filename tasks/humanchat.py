"""Chats between people, cut and filtered into conversations with the assistant."""

import functools
import random
import re

from nanochat.data import corpus
from tasks.common import Conversation, GeneratedTask

LONGEST_TURN = 160  # characters
MOST_TURNS = 6
# what a person says of their own life, and an assistant should not
_PERSONAL = re.compile(
    r"\b(?:my (?:husband|wife|boyfriend|girlfriend|fiance|roommate|mom|mother|dad|father|sister"
    r"|brother|parents|family|kids?|son|daughter|class|classes|major|job|boss|professor|teacher"
    r"|church|mission|car|house|apartment|birthday|finals?|exams?|homework|name|age|friends?)"
    r"|i'?m (?:from|married|dating|single|engaged|at|in|studying|majoring|taking|a)\b"
    r"|i am (?:from|married|single|at|in|studying|majoring|taking|a)\b"
    r"|i (?:live|lived|work|worked|study|studied|graduated|married|grew|was born|have been to)\b"
    r"|date|dating|marry|married|wedding|girls?|boys?|guys|hot|cute|kiss\w*|tinder)\b",
    re.IGNORECASE,
)
# talk about their university, their church, and the chat program they were paid to try
_LOCAL = re.compile(
    r"\b(?:byu\w*|uvu|provo|orem|utah|idaho|mormon|lds|church|jesus|christ|god|relig\w*|mission\w*"
    r"|joseph smith|temple|ward|bishop|semester|midterms?|finals|major|campus|homework|cs lab"
    r"|prompts?|points|spreadsheet|chat ?bots?|chatter|survey|this app|websites?|matched|random"
    r"|refresh\w*|win this|eve|chatting with|talked|talking to|phone|conversations?|you there"
    r"|this question|hard one)\b",
    re.IGNORECASE,
)
# names of people and things of their own: a capital inside a sentence
_NAMES = re.compile(r"(?<![.!?:]) (?!I\b|I')[A-Z][a-z]")
_ODD = re.compile(
    r"[*#^<>_~]|\b(?:typo|you again|know you|remember you|who (?:are|is|'?s) (?:you|this)|your name"
    r"|disconnect\w*|fake|hell|suck\w*|stupid|dumb|idiot|hate|dead|die|died)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(r"(?:hi|hey|hello|good (?:morning|evening)|what'?s up|sup|yo)\b", re.I)


def _speakable(turn: str) -> bool:
    """Whether a turn could be the assistant's: not too long, no private life, mostly words."""
    letters = sum(map(str.isalpha, turn))
    return (
        _askable(turn)
        and not _PERSONAL.search(turn)
        and not _NAMES.search(turn)
        and not _ODD.search(turn)
        and len(turn.split()) >= 2
        and letters >= 0.6 * len(turn)
        and not turn.isupper()
    )


def _askable(turn: str) -> bool:
    return 2 <= len(turn) <= LONGEST_TURN and not _LOCAL.search(turn)


def _exchanges(chat: corpus.Chat) -> list[str]:
    """Return the turns, user first, of the longest acceptable beginning of a chat."""
    turns = list(chat.turns)
    opens = not _GREETING.match(turns[0]) and len(turns[0].split()) >= 4 and turns[0][-1] != "?"
    if chat.topic and opens and len(chat.topic) <= LONGEST_TURN:
        turns = [chat.topic, *turns]
    accepted: list[str] = []
    for user, assistant in zip(turns[::2], turns[1::2], strict=False):
        if len(accepted) >= MOST_TURNS or not (_askable(user) and _speakable(assistant)):
            break
        accepted += [user, assistant]
    return accepted


@functools.cache
def conversations(split: str) -> tuple[tuple[str, ...], ...]:
    """Return the usable conversations of a split as turns, user first."""
    found = dict.fromkeys(tuple(_exchanges(chat)) for chat in corpus.chats(split))
    return tuple(turns for turns in found if turns)


class HumanChat(GeneratedTask):
    """Real chats of two people, one of them as the assistant; up to three exchanges."""

    eval_type = None

    def __init__(self, size: int | None = None, split: str = "train", **view):
        available = len(conversations(split))
        super().__init__(available if size is None else min(size, available), split, **view)
        self.order = list(range(available))
        random.Random(42).shuffle(self.order)

    def get_example(self, index: int) -> Conversation:
        turns = conversations(self.split)[self.order[index]]
        roles = ("user", "assistant") * (len(turns) // 2)
        return {
            "messages": [
                {"role": role, "content": turn} for role, turn in zip(roles, turns, strict=True)
            ]
        }
