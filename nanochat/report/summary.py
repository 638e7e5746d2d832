"""The table at the end of the report: one row per metric, one column per stage."""

from collections.abc import Mapping

COLUMNS = {  # column -> sections whose metrics it shows; later sections win
    "BASE": ("base-model-loss", "base-model-evaluation", "chat-evaluation-base"),
    "MID": ("chat-evaluation-mid",),
    "SFT": ("chat-evaluation-sft",),
    "RL": ("chat-evaluation-rl",),
}
FIRST_ROW, LAST_ROW = "CORE", "ChatCORE"


def collect(metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    """Arrange {section slug: {metric: value}} as {metric: {column: value}}, rows in table order."""
    rows: dict[str, dict[str, float]] = {}
    for column, slugs in COLUMNS.items():
        for slug in slugs:
            for name, value in metrics.get(slug, {}).items():
                if value is not None:
                    rows.setdefault(name.removesuffix(" metric"), {})[column] = value
    order = sorted(rows, key=lambda name: (name == LAST_ROW, name != FIRST_ROW, name.lower()))
    return {name: rows[name] for name in order}


def markdown_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Render the rows of `collect`; a missing cell is a dash."""
    cells = [["Metric", *COLUMNS]]
    for name, values in rows.items():
        shown = [f"{values[column]:.4f}" if column in values else "-" for column in COLUMNS]
        cells.append([name, *shown])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
