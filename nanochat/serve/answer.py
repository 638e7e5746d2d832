"""One answer of the model, as it grows: what server and terminal show is decided here, once.

A conversation becomes a prompt that leaves room for the answer (`fit_prompt`); the engine's ids
become pieces of text (`Delta`), each saying whether it is speech, a tool call or a tool's result,
and at last the whole `Answer`, in the form in which it goes back into the conversation.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nanochat import conversation
from nanochat.common import UserError


@dataclass(frozen=True)
class Sampling:
    """How to draw one answer; `top_k` 0 means no restriction, temperature 0 the likeliest token."""

    temperature: float
    top_k: int
    max_tokens: int
    seed: int


@dataclass(frozen=True)
class Delta:
    """New text of part number `part`, whose type is one of `conversation.PARTS`."""

    text: str
    type: str
    part: int


@dataclass(frozen=True)
class Answer:
    """A finished answer.

    `text` is all that was shown; `content` is what belongs into the conversation: the same text,
    or a list of parts if a tool was called. `finish_reason` is `stop` or `length`.
    """

    text: str
    content: str | list[dict[str, str]]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def fit_prompt(
    tokenizer, messages: Sequence[conversation.Message], context: int, max_tokens: int
) -> tuple[list[int], int]:
    """Return (prompt ids, tokens left for the answer), together at most `context` tokens.

    Old exchanges are dropped until half the context is free, or `max_tokens` if that is less. A
    newest message too long for that may take up to seven eighths; beyond, UserError.
    """
    least = min(max_tokens, max(1, context // 8))
    try:
        room = max(least, min(max_tokens, context // 2))
        prompt = conversation.render_prompt(tokenizer, messages, context - room)
    except UserError:
        prompt = conversation.render_prompt(tokenizer, messages, context - least)
    return prompt, min(max_tokens, context - len(prompt))


class _Parts:
    """Follows the ids of an answer and tells which part of it a token belongs to."""

    def __init__(self, tokenizer):
        special = tokenizer.encode_special
        self._becomes = {}
        for kind, (opening, closing, _) in conversation.PARTS.items():
            if opening is not None:
                self._becomes |= {special(opening): kind, special(closing): "text"}
        self.type = "text"
        self.part = -1
        self._fresh = True

    def follow(self, token: int) -> None:
        if token in self._becomes:
            self.type, self._fresh = self._becomes[token], True

    def delta(self, text: str) -> Delta:
        self.part += self._fresh
        self._fresh = False
        return Delta(text, self.type, self.part)


def answer(
    engine,
    tokenizer,
    prompt: Sequence[int],
    sampling: Sampling,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Delta | Answer]:
    """Yield the answer to `prompt` as Deltas and at last an Answer.

    `stopped` is asked before every token; once it says yes the iterator just ends.
    """
    ends = {tokenizer.get_bos_token_id(), tokenizer.encode_special("<|assistant_end|>")}
    decoder, parts = conversation.StreamDecoder(tokenizer), _Parts(tokenizer)
    ids: list[int] = []
    shown: list[str] = []
    finish_reason = "length"
    options: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
    }
    with contextlib.closing(engine.generate(list(prompt), **options)) as columns:
        while not stopped():
            (token,), _ = next(columns, ((None,), None))
            if token is None:
                break
            if token in ends:
                finish_reason = "stop"
                break
            ids.append(token)
            # a special token gives what was pending, which belongs to the part before it
            if text := decoder.feed(token):
                shown.append(text)
                yield parts.delta(text)
            parts.follow(token)
        else:
            return
    if rest := decoder.flush():
        shown.append(rest)
        yield parts.delta(rest)
    yield Answer(
        text="".join(shown),
        content=conversation.parse_tokens(tokenizer, ids),
        finish_reason=finish_reason,
        prompt_tokens=len(prompt),
        completion_tokens=len(ids),
    )
