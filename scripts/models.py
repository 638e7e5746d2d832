"""Show every checkpoint on disk, and delete or copy one.

nanochat models                                  a table of them
nanochat models --source=sft --json              for a program
nanochat models --copy sft:d34:700 --to d34-mine
nanochat models --delete mid:d34:813
"""

import contextlib
import json
import sys
from dataclasses import asdict, dataclass
from typing import Literal

from nanochat.checkpoints import inventory, manage
from nanochat.command_line import parse, run
from nanochat.common import UserError, get_base_dir, printable, text_table


@dataclass(frozen=True, kw_only=True)
class ModelsConfig:
    source: Literal["", "base", "mid", "sft", "rl"] = ""
    """only this stage; empty = all"""
    json: bool = False
    """print a list of objects instead of a table"""
    delete: str | None = None
    """delete this checkpoint, named stage:tag:step"""
    copy: str | None = None
    """copy this checkpoint, named stage:tag:step, to the tag given with --to"""
    to: str | None = None
    """tag of the copy"""
    yes: bool = False
    """delete without asking"""

    def __post_init__(self):
        if (self.copy is None) != (self.to is None):
            raise UserError("--copy STAGE:TAG:STEP and --to TAG go together")
        if self.delete and self.copy:
            raise UserError("give either --delete or --copy")


def table(records: list[inventory.Record]) -> str:
    """Return the records as a table, problems below it."""
    head = ["stage", "tag", "step", "finished (UTC)", "parameters", "size", "validation"]
    rows = [[*head, "tokenizer", "parent"]]
    for record in records:
        finished = (record.finished_at or "-")[:16].replace("T", " ")
        parameters = f"{record.parameters:,}" if record.parameters else "-"
        figure = f"{record.value:.4f} {record.figure[4:]}" if record.figure else "-"
        fingerprint = (record.tokenizer or "-")[:8]
        row = [record.stage, record.tag, str(record.step), finished, parameters]
        rows.append(
            [*row, f"{record.size / 1e6:,.1f} MB", figure, fingerprint, record.parent or "-"]
        )
    problems = [f"{r.path} step {r.step}: {r.problem}" for r in records if r.problem]
    return printable("\n".join([text_table(rows, right={2, 4, 5}), *problems]))


def _delete(name: str, yes: bool) -> None:
    info = manage.find(name)
    if not yes and not sys.stdin.isatty():
        raise UserError(f"to delete {info} without being asked, add --yes")
    if not yes:
        with contextlib.suppress(EOFError):
            yes = input(f"Delete {info} in {info.path}? [y/N] ").strip().lower() == "y"
    if not yes:
        raise UserError("nothing was deleted")
    print(f"deleted {info}: {manage.delete(info) / 1e6:,.1f} MB are free again")


def main(argv: list[str] | None = None) -> None:
    config = parse(ModelsConfig, argv, prog="models", description=__doc__)
    if config.delete:
        return _delete(config.delete, config.yes)
    if config.copy:
        return print(f"copied to {manage.copy(manage.find(config.copy), config.to)}")
    records = inventory.inventory(config.source or None)
    if config.json:
        print(json.dumps([asdict(record) for record in records], indent=2))
    elif records:
        print(table(records))
    else:
        print(f"no checkpoints in {get_base_dir()}; `nanochat quickstart` trains a small one")


if __name__ == "__main__":
    run(main)
