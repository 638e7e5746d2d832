"""The README.md of a published model: what it is, how good it is, how it was made and is run."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nanochat.checkpoints.files import CheckpointInfo

WRITTEN_BY = "<!-- written by nanochat push -->"  # tells our cards from those people wrote
STAGE_TITLES = {
    "base": "pretrained on text",
    "mid": "mid-trained on conversations, tools and tasks",
    "sft": "fine-tuned on chosen conversations",
    "rl": "improved by reinforcement learning",
}
METADATA_METRICS = {  # key in the metadata -> name in the table
    "val_bpb": "validation bits per byte",
    "val_loss": "validation loss (nats per token)",
    "core_metric": "CORE, while training",
    "mmlu_acc": "MMLU, while training",
    "arc_easy_acc": "ARC-Easy, while training",
}
REPORT_SECTIONS = {  # of `report/`, by stage
    "base": ("base-model-loss", "base-model-evaluation", "chat-evaluation-base"),
    "mid": ("chat-evaluation-mid",),
    "sft": ("chat-evaluation-sft",),
    "rl": ("chat-evaluation-rl",),
}


@dataclass(frozen=True)
class Ancestor:
    """One stage in a model's history, with its metadata (empty where that is not here)."""

    info: CheckpointInfo
    meta: Mapping[str, Any]


def evaluation_rows(
    history: Sequence[Ancestor], records: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Return {metric: {stage: value}} from metadata, and from report sections of these very models.

    `records` are the report's sections by name. One that measured another checkpoint, or does not
    say which, is left out.
    """
    rows: dict[str, dict[str, float]] = {}
    for ancestor in history:
        stage = ancestor.info.source
        figures = {name: ancestor.meta.get(key) for key, name in METADATA_METRICS.items()}
        for slug in REPORT_SECTIONS[stage]:
            record = records.get(slug, {})
            if _is_about(record, ancestor.info):
                figures |= record.get("metrics", {})
        for name, value in figures.items():
            if isinstance(value, (int, float)) and value == value:
                rows.setdefault(name, {})[stage] = float(value)
    return rows


def _is_about(record: Mapping[str, Any], info: CheckpointInfo) -> bool:
    """Say whether a section of the report names exactly this checkpoint."""
    data = record.get("data")
    return any(
        isinstance(item, Mapping)
        and (item.get("model_tag"), item.get("step")) == (info.tag, info.step)
        for item in (data if isinstance(data, list) else [])
    )


def model_card(
    repo: str,
    history: Sequence[Ancestor],
    config: Any,
    parameters: int,
    rows: Mapping[str, Mapping[str, float]],
    *,
    license: str,
    base_model: str | None,
) -> str:
    """Return the text of README.md; `history` ends with the model itself, of shape `config`."""
    model = history[-1]
    stage = model.info.source
    header = {"license": license, "library_name": "nanochat", "base_model": base_model}
    yaml = [f"{key}: {json.dumps(value)}" for key, value in header.items() if value]
    if stage != "base":
        yaml.append('pipeline_tag: "text-generation"')
    yaml += [
        "tags:",
        *(f"- {tag}" for tag in ("nanochat", stage, "chat" * (stage != "base")) if tag),
    ]
    shape = (
        f"{parameters:,} parameters, {config.n_layer} layers, width {config.n_embd}, "
        f"{config.n_head} heads, context {config.sequence_len:,} tokens, "
        f"vocabulary {config.vocab_size:,}"
    )
    parts = [
        "\n".join(["---", *yaml, "---", WRITTEN_BY]),
        f"# {repo.partition('/')[2]}",
        f"A nanochat model, {STAGE_TITLES[stage]}: {shape}.",
        "## Run it\n\n```bash\n"
        + f"nanochat pull {repo} --source={stage} --model_tag={model.info.tag} "
        + f"--step={model.info.step}\n"
        + _run_line(model.info)
        + "\n```",
    ]
    if rows:
        parts.append("## Evaluation\n\n" + _table(rows, [item.info.source for item in history]))
    parts.append("## How it was made\n\n" + _history(history, base_model))
    if flags := _flags(model.meta):
        parts.append(f"Flags of the last stage:\n\n{flags}")
    return "\n\n".join(parts) + "\n"


def _run_line(info: CheckpointInfo) -> str:
    if info.source == "base":
        return f"nanochat mid_train --model_tag={info.tag} --model_step={info.step}"
    return f"nanochat chat_web --source={info.source} --model_tag={info.tag} --step={info.step}"


def _table(rows: Mapping[str, Mapping[str, float]], stages: Sequence[str]) -> str:
    shown = [stage for stage in stages if any(stage in values for values in rows.values())]
    lines = ["| | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for name, values in rows.items():
        cells = [f"{values[stage]:.4f}" if stage in values else "" for stage in shown]
        lines.append(f"| {_plain(name)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _history(history: Sequence[Ancestor], base_model: str | None) -> str:
    lines = []
    for ancestor in history:
        config = ancestor.meta.get("user_config")
        config = config if isinstance(config, Mapping) else {}
        mixture = f", mixture `{_plain(config['mixture'])}`" if config.get("mixture") else ""
        info = ancestor.info
        lines.append(f"1. {info.source}: {STAGE_TITLES[info.source]}, step {info.step}{mixture}")
    if base_model:
        lines[0] += f" ({_plain(base_model)})"
    return "\n".join(lines)


def _flags(meta: Mapping[str, Any]) -> str:
    """The flags the stage was run with; of a path only the file's name, for it is published."""
    config = meta.get("user_config")
    if not isinstance(config, Mapping):
        return ""
    lines = ["| flag | value |", "|---|---|"]
    for key, value in without_folders(config).items():
        if value not in (None, ""):
            lines.append(f"| `{_plain(key)}` | `{_plain(value)}` |")
    return "\n".join(lines)


def without_folders(value: Any) -> Any:
    """Return JSON values in which of every path only the file's name is left."""
    if isinstance(value, Mapping):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(item) for item in value]
    return re.split(r"[/\\]", value)[-1] if isinstance(value, str) else value


def _plain(value: Any) -> str:
    """Text that stays inside its cell, whatever it holds."""
    return "".join(" " if c in "|`<>\r\n" else c for c in str(value)).strip()
