"""What the check found, as text for people and as values for programs."""

import math
from collections.abc import Sequence
from typing import Any

from nanochat.common import printable
from tasks.data_check.check import Checker, FileCheck
from tasks.data_check.preview import loss_view
from tasks.data_check.shares import SMALL_SHARE, estimate_shares

MOST_REPEATS = 10  # that are advised


class Findings:
    """The check of several files, (path, epochs) each, for one stage and mixture."""

    def __init__(self, checker: Checker, files: Sequence[tuple[str, float]], stage, mixture: str):
        self.checker, self.mixture = checker, mixture
        self.checks = [checker.check(path, epochs) for path, epochs in files]
        self.shares = estimate_shares(self.checks, stage, mixture, checker.every_token)

    @property
    def errors(self) -> int:
        return sum(check.errors for check in self.checks)

    def values(self) -> dict[str, Any]:
        """Return everything but the shown conversations, as JSON can hold it."""
        context, shares = self.checker.context, zip(self.checks, self.shares, strict=True)
        files = [_values(check, share, context) for check, share in shares]
        return {"errors": self.errors, "mixture": self.mixture, "files": files}

    def text(self, colour: bool = False, width: int = 100) -> str:
        """Return everything as paragraphs; `width` is for the shown conversations."""
        parts = [
            _text(check, share, self.checker.context, self.mixture)
            for check, share in zip(self.checks, self.shares, strict=True)
        ]
        if self.checker.tokenizer is None:
            parts.append("There is no tokenizer here: tokens were not counted, nothing is shown.")
        for check in self.checks:
            for line, ids, mask in check.previews:
                marked = "green" if colour else "between [[ and ]]"
                head = f"{check.path}:{line} as the model sees it, trained on {marked}:"
                tokenizer, context = self.checker.tokenizer, self.checker.context
                view = loss_view(tokenizer, ids, mask, context, colour=colour, width=width)
                parts.append(f"{printable(head)}\n{view}")
        count = _number(self.errors, "error")
        parts.append(f"{count}: training refuses such files" if self.errors else "no errors")
        return "\n\n".join(parts)


def _values(check: FileCheck, share: dict[str, Any], context: int) -> dict[str, Any]:
    values = {
        "path": check.path,
        "epochs": check.epochs,
        "conversations": check.conversations,
        "messages": check.messages,
        "errors": check.errors,
        "first_errors": [{"line": line, "problem": text} for line, text in check.first_errors],
        "duplicates": check.duplicates,
        "first_duplicates": _with_places(check.first_duplicates),
        "conflicting_answers": check.conflicts,
        "first_conflicting_answers": _with_places(check.first_conflicts),
        "characters": check.characters,
        "trained_characters": check.trained_characters,
        "estimated_share": share,
        "tokens": None,
    }
    if check.lengths:
        values["tokens"] = {
            **check.quantiles(),
            "total": sum(check.lengths),
            "trained": check.trained_tokens,
            "context": context,
            "conversations_cut": check.cut,
            "conversations_without_trained_tokens": check.lost,
        }
    return values


def _with_places(examples: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"line": line, "first": place} for line, place in examples]


def _text(check: FileCheck, share: dict[str, Any], context: int, mixture: str) -> str:
    times = "" if check.epochs == 1 else f", used {check.epochs:g} times"
    lines = [f"{check.path}{times}", _counts(check), *_errors(check)]
    if check.duplicates:
        lines.append(
            f"warning: {_number(check.duplicates, 'conversation')} repeating an earlier one"
        )
        lines += [f"  line {line}: the same as {place}" for line, place in check.first_duplicates]
    if check.conflicts:
        asked = _number(check.conflicts, "conversation")
        lines.append(f"warning: {asked} asking what was asked before, with another answer")
        lines += [f"  line {line}: see {place}" for line, place in check.first_conflicts]
    if check.lengths:
        lines += _tokens(check, context)
    if check.conversations:
        lines += _share(check, share, mixture)
    return printable("\n  ".join(lines))


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _counts(check: FileCheck) -> str:
    parts = [_number(check.conversations, "conversation"), _number(check.messages, "message")]
    if check.with_system:
        parts.append(f"{check.with_system:,} with a system message")
    if check.with_parts:
        parts.append(f"{check.with_parts:,} with parts such as tool calls")
    return ", ".join(parts)


def _errors(check: FileCheck) -> list[str]:
    if not check.errors:
        return ["no errors"]
    lines = [_number(check.errors, "error")]
    for line, problem in check.first_errors:
        lines.append(f"  line {line}: {problem}" if line is not None else f"  {problem}")
    if check.errors > len(check.first_errors):
        more = check.errors - len(check.first_errors)
        lines.append(f"  and {more:,} more (--max_errors shows more)")
    return lines


def _tokens(check: FileCheck, context: int) -> list[str]:
    shown = " · ".join(f"{name} {value:,}" for name, value in check.quantiles().items())
    total = sum(check.lengths)
    lines = [
        f"tokens of a conversation: {shown}",
        f"trained on: {check.trained_tokens:,} of {total:,} tokens",
    ]
    if check.cut:
        cut = _number(check.cut, "conversation")
        lines.append(f"warning: {cut} longer than {context:,} tokens, and cut there")
    if check.lost:
        lost = _number(check.lost, "conversation")
        lines.append(f"warning: {lost} with nothing left to train on after the cut")
    return lines


def _share(check: FileCheck, share: dict[str, Any], mixture: str) -> list[str]:
    lines = [
        f"share of the {mixture} mixture, estimated: {share['rows']:.2%} of conversations, "
        f"{share['trained']:.2%} of trained tokens"
    ]
    if share["trained"] < SMALL_SHARE:
        epochs = math.ceil(share["epochs_for_5_percent"])
        # what is seen more often is learnt by heart
        enough = f"{check.path}:{epochs}"
        if epochs > MOST_REPEATS:
            needed = math.ceil(share["epochs_for_5_percent"] * check.conversations)
            enough = f"{_number(needed, 'conversation')} such as these"
        lines.append(
            f"warning: under {SMALL_SHARE:.0%}, which is easily drowned out; "
            f"{enough} would be {SMALL_SHARE:.0%}"
        )
    return lines
