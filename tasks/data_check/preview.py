"""A conversation as the loss sees it: what is trained on stands out from what is only read."""

import textwrap
from collections.abc import Iterator, Sequence

from nanochat.common import printable

GREEN, GREY, END = "\033[32m", "\033[90m", "\033[0m"


def loss_view(
    tokenizer,
    ids: Sequence[int],
    mask: Sequence[int],
    context: int,
    *,
    colour: bool = False,
    width: int = 100,
) -> str:
    """Return a conversation's text, wrapped: what is trained on green, or between [[ and ]].

    What the context cuts off is not shown, but counted.
    """
    lines = []
    for text, trained in _pieces(tokenizer, ids[:context], mask[:context]):
        lines += _marked(text, trained, colour, width)
    if len(ids) > context:
        lost = sum(mask[context:])
        lines.append(
            f"... cut here: {len(ids) - context:,} more tokens, {lost:,} of them trained on"
        )
    return "\n".join(lines)


def _pieces(tokenizer, ids, mask) -> Iterator[tuple[str, bool]]:
    """Texts of one kind each; every message begins a new one."""
    openings = {tokenizer.encode_special(f"<|{role}_start|>") for role in ("user", "assistant")}
    groups: list[tuple[list[int], bool]] = []
    for token, trained in zip(ids, mask, strict=True):
        if not groups or groups[-1][1] != bool(trained) or token in openings:
            groups.append(([], bool(trained)))
        groups[-1][0].append(token)
    for tokens, trained in groups:
        yield tokenizer.decode(tokens), trained


def _marked(text: str, trained: bool, colour: bool, width: int) -> list[str]:
    if trained and not colour:
        text = f"[[{text}]]"
    lines = []
    for line in printable(text).split("\n"):
        lines += textwrap.wrap(line, width, drop_whitespace=False, replace_whitespace=False) or [""]
    if not colour:
        return lines
    return [f"{GREEN if trained else GREY}{line}{END}" for line in lines]
