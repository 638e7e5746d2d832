"""What the files of a repository are: which checkpoints, of which stage, with which tokenizer.

Three layouts are in use: a pretrained model with everything at the top level; a fine-tuned one with
`tokenizer/`, `model_` and `meta_` and perhaps `mid_model_` and `mid_meta_`; and a whole base
directory. File names are data from elsewhere: only the patterns below are ever taken.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nanochat.checkpoints.files import STAGE_DIRS, meta_name, model_name
from nanochat.common import UserError
from nanochat.tokenizer_files import JSON_NAME, PICKLE_NAME

STAGES = {directory: stage for stage, directory in STAGE_DIRS.items()}
TAG = r"[A-Za-z0-9][A-Za-z0-9._-]*"
MODEL = re.compile(
    rf"(?:(?P<directory>{'|'.join(STAGES)})/(?P<tag>{TAG})/|(?P<prefix>{'|'.join(STAGE_DIRS)})_)?"
    r"model_(?P<step>[0-9]{6,15})\.pt"
)
TAG_PATTERN = re.compile(TAG)
TOKENIZER_DIRECTORY = re.compile(r"tokenizer(-[0-9a-f]{8})?")
TOKENIZER_FILES = (JSON_NAME, PICKLE_NAME)
SHOWN = 12


@dataclass(frozen=True)
class Found:
    """A checkpoint in a repository, by the paths of its files there; None is not known yet.

    `tokenizers` are the places to look for its tokenizer, each as {file name: path}.
    """

    model: str
    meta: str
    step: int
    stage: str | None
    tag: str | None
    tokenizers: tuple[Mapping[str, str], ...]

    def __str__(self) -> str:
        return f"{self.model} ({self.stage})" if self.stage else self.model


def find_checkpoints(paths: Iterable[str]) -> list[Found]:
    """Return the checkpoints among a repository's files, sorted by path.

    A model file without its metadata does not count.
    """
    present = set(paths)
    found = []
    for path in sorted(present):
        match = MODEL.fullmatch(path)
        if not match or not path.endswith(model_name(int(match["step"]))):
            continue
        step = int(match["step"])
        meta = path.removesuffix(model_name(step)) + meta_name(step)
        if meta not in present:
            continue
        directory, tag = match["directory"], match["tag"]
        stage = STAGES[directory] if directory else match["prefix"]
        own = f"{directory}/{tag}/" if directory else ""
        found.append(Found(path, meta, step, stage, tag, _tokenizers(present, own)))
    return found


def _tokenizers(present: set[str], own: str) -> tuple[dict[str, str], ...]:
    """Where a checkpoint's tokenizer may be: its own, then the repository's, then the top level."""
    folders = {path.rpartition("/")[0] for path in present}
    places = []
    for parent in dict.fromkeys((own, "")):
        inside = (folder.removeprefix(parent) for folder in folders if folder.startswith(parent))
        names = sorted(name for name in inside if TOKENIZER_DIRECTORY.fullmatch(name))
        places += [f"{parent}{name}/" for name in names]
    places.append("")
    tables = ({name: f"{place}{name}" for name in TOKENIZER_FILES} for place in places)
    present_only = (
        {name: path for name, path in table.items() if path in present} for table in tables
    )
    return tuple(table for table in present_only if table)


def choose(
    found: list[Found], paths: Iterable[str], stage: str | None, tag: str | None, step: int | None
) -> Found:
    """Return the one checkpoint that is meant; UserError lists what there is if that is not clear.

    A checkpoint whose layout names no stage may be of any. Among several, one at the top level
    without a prefix is what the repository is about.
    """
    if not found:
        raise UserError(_nothing(paths))
    fitting = [item for item in found if step in (None, item.step)]
    if stage is not None:
        named = [item for item in fitting if item.stage == stage]
        fitting = named or [item for item in fitting if item.stage is None]
    if any(item.tag == tag for item in fitting if item.tag is not None):
        fitting = [item for item in fitting if item.tag == tag]
    if len(fitting) > 1:
        fitting = [item for item in fitting if item.stage is None] or fitting
    if len(fitting) == 1:
        return fitting[0]
    listing = ", ".join(map(str, found[:SHOWN])) + (" ..." if len(found) > SHOWN else "")
    what = "several checkpoints fit" if fitting else "no checkpoint fits"
    raise UserError(f"{what}; choose with --source, --step and --model_tag among: {listing}")


def _nothing(paths: Iterable[str]) -> str:
    """Say what was expected, and what the files look like instead."""
    paths = sorted(paths)
    expected = "no nanochat checkpoint here (looked for model_NNNNNN.pt with meta_NNNNNN.json)"
    models = [path for path in paths if MODEL.fullmatch(path)]
    if models:
        return f"{expected}: {models[0]} has no metadata beside it"
    if "config.json" in paths:
        return (
            f"{expected}: these are files for transformers; download them with `hf download` and "
            "read them with `nanochat import`"
        )
    listing = ", ".join(paths[:SHOWN]) + (" ..." if len(paths) > SHOWN else "")
    return f"{expected}; there are: {listing or 'no files'}"


def decide_stage(found: Found, meta: Mapping[str, Any], source: str | None) -> tuple[str, str]:
    """Return (stage, the reason): what was asked for, else the layout, else the metadata.

    Earlier releases record no stage, but each stage writes its own keys.
    """
    config = meta.get("user_config")
    config = config if isinstance(config, Mapping) else {}
    if source is not None:
        return source, "as asked with --source"
    if found.stage is not None:
        return found.stage, f"by its place, {found.model}"
    if meta.get("stage") in tuple(STAGE_DIRS):
        return meta["stage"], "its metadata says so"
    if "val_loss" in meta or "mmlu_acc" in meta:
        return "sft", "its metadata has the figures of fine-tuning (val_loss)"
    if "depth" in config or "dataloader_state_dict" in meta:
        return "base", "its metadata has the flags of pretraining (depth)"
    if "val_bpb" in meta and config:
        return "mid", "its metadata has val_bpb, but not the flags of pretraining"
    pretrained = any(name == path for name, path in found.tokenizers[0].items())
    if pretrained:
        return "base", "the tokenizer lies beside the model, as pretrained models are published"
    return "sft", "the tokenizer has its own folder, as fine-tuned models are published"
