"""Which checkpoints exist and which one is meant: names, metadata and the rules of choice.

Layout: `<base>/<stage directory>/<tag>/` holds `model_NNNNNN.pt`, `meta_NNNNNN.json`, one
`optim_NNNNNN_rankR.pt` per process and `tokenizer/`. The metadata file is written last, so a step
counts as a checkpoint only when both model and metadata are there. No torch is needed here.
"""

import datetime
import json
import math
import os
import re
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from nanochat.common import UserError, get_base_dir, print0

STAGE_DIRS = {
    "base": "base_checkpoints",
    "mid": "mid_checkpoints",
    "sft": "chatsft_checkpoints",
    "rl": "chatrl_checkpoints",
}
STAGE_COMMANDS = {
    "base": "python -m scripts.base_train",
    "mid": "python -m scripts.mid_train",
    "sft": "python -m scripts.chat_sft",
    "rl": "python -m scripts.chat_rl",
}
STEPS_SHOWN = 10


def model_name(step: int) -> str:
    return f"model_{step:06d}.pt"


def meta_name(step: int) -> str:
    return f"meta_{step:06d}.json"


def optimizer_name(step: int, rank: int) -> str:
    return f"optim_{step:06d}_rank{rank}.pt"


def origin_record_name(step: int) -> str:
    """Name of the note on which repository a checkpoint was pulled from."""
    return f"pulled_{step:06d}.json"


def step_files(checkpoint_dir: str, step: int) -> list[str]:
    """Return the names of the files there are of one step, the metadata last."""
    known = {model_name(step), meta_name(step), origin_record_name(step)}
    optimizer = optimizer_name(step, 0).removesuffix("0.pt")
    names = [
        name for name in os.listdir(checkpoint_dir) if name in known or name.startswith(optimizer)
    ]
    return sorted(names, key=lambda name: (name == meta_name(step), name))


def former_tokenizer_directory(checkpoint_dir: str, fingerprint: str) -> str:
    """Where the tokenizer of earlier steps goes when a run with another one saves here."""
    return os.path.join(checkpoint_dir, f"tokenizer-{fingerprint[:8]}")


@dataclass(frozen=True)
class CheckpointInfo:
    """One complete checkpoint; `path` is its directory, `finished_at` a UTC time if recorded."""

    source: str
    tag: str
    step: int
    path: str
    finished_at: datetime.datetime | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.tag} step {self.step}"


def read_meta(checkpoint_dir: str, step: int) -> dict[str, Any]:
    """Return the metadata of a step; a missing `step` is taken from the file's name.

    `Infinity` and `NaN`, which earlier releases wrote, are read as floats. Raises UserError naming
    the file if it is missing or not a JSON object.
    """
    path = os.path.join(checkpoint_dir, meta_name(step))
    try:
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is missing: the checkpoint was not saved or copied completely"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); copy it again") from error
    if not isinstance(meta, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(meta).__name__}")
    if meta.get("step") is None:
        meta["step"] = step
    return meta


def to_json(meta: dict[str, Any]) -> str:
    """Return metadata as JSON text: dataclasses as objects, NaN and infinities as null."""
    return json.dumps(_plain(meta), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def list_checkpoints(source: str | None = None) -> list[CheckpointInfo]:
    """Return every complete checkpoint of a stage (or of all), sorted by stage, tag and step."""
    sources = STAGE_DIRS if source is None else [source]
    return [info for name in sources for info in list_directory(stage_directory(name), name)]


def stage_directory(source: str) -> str:
    """Return the directory that holds the checkpoints of a stage, by tag."""
    if source not in STAGE_DIRS:
        raise UserError(f"unknown source {source!r}; expected one of {', '.join(STAGE_DIRS)}")
    return os.path.join(get_base_dir(), STAGE_DIRS[source])


def list_directory(root: str, source: str) -> list[CheckpointInfo]:
    """Return the complete checkpoints in the sub-directories of `root`."""
    if not os.path.isdir(root):
        return []
    found = []
    for tag in sorted(os.listdir(root)):
        path = os.path.join(root, tag)
        if os.path.isdir(path) and not tag.startswith("."):  # those are not finished
            for step in list_steps(path):
                if os.path.isfile(os.path.join(path, meta_name(step))):
                    found.append(CheckpointInfo(source, tag, step, path, _finish_time(path, step)))
    return found


def list_steps(checkpoint_dir: str) -> list[int]:
    """Return the steps with a model file, ascending; other names are ignored."""
    steps = []
    for name in os.listdir(checkpoint_dir):
        match = re.fullmatch(r"model_([0-9]+)\.pt", name)
        if match and name == model_name(int(match[1])):
            steps.append(int(match[1]))
    return sorted(steps)


def _finish_time(checkpoint_dir: str, step: int) -> datetime.datetime | None:
    try:
        text = read_meta(checkpoint_dir, step).get("finished_at")
        time = datetime.datetime.fromisoformat(text)
    except (UserError, OSError, TypeError, ValueError):  # a damaged one must not hide the others
        return None
    return time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)


def choose_checkpoint(
    source: str, model_tag: str | None = None, step: int | None = None
) -> CheckpointInfo:
    """Choose a checkpoint of a stage and print which, why, and what else there is.

    What is not given is decided by the recorded finish time (the newest); where none is recorded
    by the largest depth among tags `d<depth>` and then the highest step. Raises UserError, with
    what exists, for a tag or step that does not.
    """
    return choose_in_directory(stage_directory(source), source, model_tag, step)


def choose_in_directory(
    root: str, source: str, model_tag: str | None = None, step: int | None = None
) -> CheckpointInfo:
    """Do what `choose_checkpoint` says among the sub-directories of `root`."""
    every = list_directory(root, source)
    if not every:
        how = STAGE_COMMANDS.get(source)
        raise UserError(
            f"no complete checkpoint in {root}"
            + (f"; `{how}` would create one" if how else "")
            + _incomplete(root, model_tag)
        )
    tagged = [info for info in every if model_tag in (None, info.tag)]
    if not tagged:
        raise UserError(
            f"no complete {source} checkpoint with tag {model_tag!r} in {root}; "
            f"there are: {_listing(every)}" + _incomplete(root, model_tag)
        )
    matching = [info for info in tagged if step in (None, info.step)]
    if not matching:
        raise UserError(
            f"no {source} checkpoint of step {step} in {root}; there are: {_listing(tagged)}"
            + _incomplete(root, model_tag)
        )
    chosen, reason = _preferred(matching)
    if model_tag is not None and step is not None:
        print0(f"checkpoint: {chosen}, as asked ({chosen.path})")
        return chosen
    print0(f"checkpoint: {chosen}, chosen automatically: {reason} ({chosen.path})")
    others = [info for info in every if info != chosen]
    if others:
        print0(f"  others: {_listing(others)} (choose with --model_tag and --model_step)")
    return chosen


def _preferred(infos: list[CheckpointInfo]) -> tuple[CheckpointInfo, str]:
    """Return the default among checkpoints, and why."""
    if len(infos) == 1:
        return infos[0], "the only one that fits"
    recorded = [info for info in infos if info.finished_at]
    if recorded:
        newest = max(recorded, key=lambda info: (info.finished_at, info.step))
        return newest, f"the newest, finished {newest.finished_at:%Y-%m-%d %H:%M:%S} UTC"
    tags = {info.tag for info in infos}
    depths = {tag: int(tag[1:]) for tag in tags if re.fullmatch(r"d[0-9]+", tag)}
    if depths:
        tag = max(depths, key=depths.__getitem__)
    else:
        tag = max(infos, key=lambda info: os.path.getmtime(info.path)).tag
    last = max((info for info in infos if info.tag == tag), key=lambda info: info.step)
    which_tag = "" if len(tags) == 1 else ("the deepest model, " if depths else "the latest tag, ")
    return last, which_tag + "its highest step (no finish time is recorded)"


def _listing(infos: list[CheckpointInfo]) -> str:
    """Name checkpoints by tag, the highest steps first."""
    tags = {info.tag: [] for info in infos}
    for info in infos:
        tags[info.tag].insert(0, str(info.step))
    return "; ".join(
        f"{tag} step {', '.join(steps[:STEPS_SHOWN])}{' ...' if len(steps) > STEPS_SHOWN else ''}"
        for tag, steps in tags.items()
    )


def _incomplete(root: str, model_tag: str | None) -> str:
    """Mention model files without metadata: an interrupted save, or half of a copy."""
    directories = sorted(os.listdir(root)) if os.path.isdir(root) else []
    paths = [
        os.path.join(root, tag, model_name(step))
        for tag in directories
        if model_tag in (None, tag) and os.path.isdir(os.path.join(root, tag))
        for step in list_steps(os.path.join(root, tag))
        if not os.path.isfile(os.path.join(root, tag, meta_name(step)))
    ]
    return f" (incomplete, without its meta file: {', '.join(paths)})" if paths else ""
