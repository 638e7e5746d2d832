"""Start or finish the report of a run: `python -m nanochat.report [generate|reset]`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional

from nanochat import command_line
from nanochat.report import get_report


@dataclass
class ReportConfig:
    """Write `report.md` from the sections of all stages, or begin a new report."""

    # generate: write the report; reset: delete the sections and describe this machine anew
    action: Positional[Literal["generate", "reset"]] = "generate"


def main(argv: Sequence[str] | None = None) -> None:
    config = command_line.parse(ReportConfig, argv, prog="nanochat.report")
    report = get_report()
    if config.action == "reset":
        report.reset()
        print(f"report reset; sections are collected in {report.directory}", flush=True)
    else:
        print(f"wrote {report.generate()}", flush=True)


if __name__ == "__main__":
    command_line.run(main)
