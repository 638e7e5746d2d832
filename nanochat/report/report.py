"""Collect what each stage reports, as markdown for people and JSON for programs.

Every section is two files in `report/` of the base directory, `<slug>.md` and `<slug>.json`. The
summary reads the JSON only. Each file is written atomically by rank 0.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from nanochat.common import UserError, atomic_write, get_base_dir
from nanochat.report import machine, summary
from nanochat.report.metrics import plain

SECTIONS = (  # in the order of the report
    "tokenizer-training",
    "tokenizer-evaluation",
    "base-model-training",
    "base-model-loss",
    "base-model-evaluation",
    "midtraining",
    "chat-evaluation-mid",
    "chat-sft",
    "chat-evaluation-sft",
    "chat-rl",
    "chat-evaluation-rl",
)
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def slugify(section: str) -> str:
    """Name of a section's files: lower case, hyphens for spaces."""
    return section.strip().lower().replace(" ", "-").replace("/", "-")


def bullets(items: Mapping[str, Any]) -> str:
    """Render a dictionary as `- key: value` lines; 4 decimals, separators from 10,000 on."""
    lines = []
    for key, value in items.items():
        if isinstance(value, float):
            value = f"{value:.4f}"
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 10_000:
            value = f"{value:,}"
        lines.append(f"- {key}: {value}")
    return "\n".join(lines)


def _as_items(data: Any) -> list[str | Mapping]:
    """The non-empty pieces of a section's data: one string or dictionary, or several."""
    single = isinstance(data, (str, Mapping)) or data is None
    return [item for item in ([data] if single else data) if item]


class Report:
    """The report of one run, in one directory. Ranks other than 0 log nothing."""

    def __init__(self, directory: str | os.PathLike, is_main: bool = True):
        self.directory = os.fspath(directory)
        self.is_main = is_main

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _write(self, name: str, text: str) -> None:
        with atomic_write(self._path(name), "w") as file:
            file.write(text)

    def _read_json(self, name: str) -> dict[str, Any] | None:
        """Content of a JSON file of ours; None if it is missing or damaged."""
        try:
            with open(self._path(name), encoding="utf-8") as file:
                content = json.load(file)
        except (FileNotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _read_text(self, name: str) -> str | None:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def log(
        self,
        section: str,
        data: str | Mapping | Iterable[str | Mapping | None] | None,
        metrics: Mapping[str, float] | None = None,
    ) -> str:
        """Write one section (again) and return the path of its markdown file.

        `data` is a string (kept verbatim), a dictionary (bullet lines) or several of them; empty
        ones are skipped. `metrics` are shown likewise and also enter the summary table.
        """
        slug = slugify(section)
        if not self.is_main:
            return self._path(f"{slug}.md")
        items = _as_items(data) + ([metrics] if metrics else [])
        time = datetime.now().strftime(TIME_FORMAT)
        parts = [item if isinstance(item, str) else bullets(item) for item in items]
        text = "\n\n".join([f"## {section}", f"timestamp: {time}", *parts])
        record = {"section": section, "timestamp": time, "data": items, "metrics": metrics or {}}
        self._write(f"{slug}.md", text + "\n")
        self._write(f"{slug}.json", json.dumps(plain(record), indent=2, ensure_ascii=False) + "\n")
        return self._path(f"{slug}.md")

    def records(self) -> dict[str, dict[str, Any]]:
        """What each section says, for programs: {slug: {section, timestamp, data, metrics}}."""
        return {slug: self._read_json(f"{slug}.json") or {} for slug in self._section_slugs()}

    def _section_slugs(self) -> list[str]:
        """Sections present in the directory: the known ones in order, then any others by name."""
        if not os.path.isdir(self.directory):
            return []
        names = {name[: -len(".md")] for name in os.listdir(self.directory) if name.endswith(".md")}
        names -= {"header", "report"}
        known = [slug for slug in SECTIONS if slug in names]
        return known + sorted(names - set(known))

    def reset(self) -> None:
        """Delete the sections and the old report; describe this machine in a new header."""
        for slug in ["header", "report", *self._section_slugs()]:
            for name in (f"{slug}.md", f"{slug}.json"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path(name))
        gpus = machine.find_gpus()
        blocks = {
            "Git": machine.git_info(),
            "Hardware": machine.hardware_info(gpus),
            "Software": machine.software_info(),
            "Bloat": machine.bloat_info(),
        }
        now = datetime.now().strftime(TIME_FORMAT)
        parts = ["# nanochat training report", f"Generated: {now}", "## Environment"]
        parts += [f"### {title}\n{bullets(info)}" for title, info in blocks.items()]
        parts += [f"Run started: {now}", "---"]
        self._write("header.json", json.dumps({"run_started": now, **blocks}, indent=2) + "\n")
        self._write("header.md", "\n\n".join(parts) + "\n")

    def _wall_clock(self, header: Mapping, sections: Mapping[str, Mapping]) -> str:
        """Time from the start of the run to its last section outside reinforcement learning."""
        times = [
            record["timestamp"]
            for slug, record in sections.items()
            if slug not in ("chat-rl", "chat-evaluation-rl") and "timestamp" in record
        ]
        try:
            start = datetime.strptime(header["run_started"], TIME_FORMAT)
            end = max(datetime.strptime(time, TIME_FORMAT) for time in times)
        except (KeyError, ValueError, TypeError):
            return "unknown"
        minutes = max(0, int((end - start).total_seconds())) // 60
        return f"{minutes // 60}h{minutes % 60}m"

    def summary(self) -> dict[str, dict[str, float]]:
        """The summary's numbers: {metric: {stage column: value}}, in the table's row order."""
        slugs = [slug for stage in summary.COLUMNS.values() for slug in stage]
        records = {slug: self._read_json(f"{slug}.json") or {} for slug in slugs}
        return summary.collect(
            {slug: record.get("metrics", {}) for slug, record in records.items()}
        )

    def generate(self) -> str:
        """Join header, sections and summary in `report.md`, here and in the working directory.

        Returns the path of the copy. UserError if there is nothing to report.
        """
        slugs = self._section_slugs()
        header = self._read_json("header.json") or {}
        if not slugs and not header:
            raise UserError(
                f"no sections to report in {self.directory}: run a stage first (training and "
                "evaluation commands each write their section)"
            )
        missing = [slug for slug in SECTIONS if slug not in slugs]
        if missing:
            print(f"warning: not in the report, for they were not run: {', '.join(missing)}")
        sections = self.records()
        parts = [self._read_text("header.md") or "# nanochat training report\n"]
        parts += [self._read_text(f"{slug}.md") or "" for slug in slugs]
        table, bloat = self.summary(), header.get("Bloat", {})
        parts += ["## Summary", bullets(bloat) if bloat else ""]
        parts += [summary.markdown_table(table) if table else "No metrics were reported."]
        parts += [f"Total wall clock time: {self._wall_clock(header, sections)}"]
        text = "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"
        record = {"summary": table, "header": header, "sections": sections}
        self._write("report.md", text)
        self._write("report.json", json.dumps(plain(record), indent=2, ensure_ascii=False) + "\n")
        copy = os.path.abspath("report.md")
        with atomic_write(copy, "w") as file:
            file.write(text)
        return copy


def get_report() -> Report:
    """The report in the base directory; under torchrun only rank 0 writes to it."""
    is_main = int(os.environ.get("RANK", 0)) == 0
    return Report(os.path.join(get_base_dir(), "report"), is_main=is_main)
