"""Publish a checkpoint on the hub, laid out so that `nanochat pull` (or a copy by hand) reads it.

A chat model goes up as `tokenizer/`, `model_NNNNNN.pt`, `meta_NNNNNN.json` and, if wanted,
`mid_model_` and `mid_meta_`; a base model with everything at the top level. All of it is one
commit, so that a repository never holds half a model.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nanochat.checkpoint_manager import load_tokenizer
from nanochat.checkpoints.files import (
    STAGE_DIRS,
    CheckpointInfo,
    choose_checkpoint,
    meta_name,
    model_name,
    origin_record_name,
    read_meta,
    stage_directory,
    to_json,
)
from nanochat.common import UserError, print0
from nanochat.hub import client, layout
from nanochat.hub.card import (
    WRITTEN_BY,
    Ancestor,
    evaluation_rows,
    model_card,
    without_folders,
)
from nanochat.hub.transfer import RemoteFile, readable_size
from nanochat.tokenizer_files import PICKLE_NAME

CARD = "README.md"
LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True)
class Upload:
    """A file to publish: its path in the repository, and its content on disk or in memory."""

    path: str
    content: str | bytes

    @property
    def size(self) -> int:
        return os.path.getsize(self.content) if isinstance(self.content, str) else len(self.content)


@dataclass(frozen=True)
class PushOptions:
    """What else may be said about a publication."""

    with_mid: bool = False
    private: bool = False
    license: str = "mit"
    base_model: str | None = None
    dry_run: bool = False

    def __post_init__(self):
        if not LICENSE.fullmatch(self.license):
            raise UserError(
                f"--license={self.license!r}: expected a name as the hub lists them, such as mit, "
                "apache-2.0, cc-by-sa-4.0 or other"
            )
        if self.base_model is not None and not client.REPO_ID.fullmatch(self.base_model):
            raise UserError(f"--base_model={self.base_model!r}: expected a repository's name")


def push(
    repo: str,
    source: str,
    model_tag: str | None,
    step: int | None,
    options: PushOptions,
    records: Mapping[str, Mapping[str, Any]],
) -> str | None:
    """Publish a checkpoint; return the address of the commit, or None after a dry run.

    `records` are the report's sections, for the model card. Raises UserError if the checkpoint is
    damaged, nobody is logged in, the account may not write there, or the repository holds models
    with another tokenizer.
    """
    repo = client.parse_repo_id(repo)
    info = choose_checkpoint(source, model_tag, step)
    mid = find_mid(info) if options.with_mid else None
    with tempfile.TemporaryDirectory(prefix="nanochat-push-") as folder:
        uploads = collect(repo, info, mid, options, records, folder)
        announce(repo, uploads, options)
        if options.dry_run:
            print0("dry run: nothing was sent")
            return None
        return send(repo, info, uploads, options)


# -- what goes up ---------------------------------------------------------------------------------


def find_mid(info: CheckpointInfo) -> CheckpointInfo:
    """Return the mid-trained model a chat model was made from: the recorded one, else by tag."""
    if info.source not in ("sft", "rl"):
        raise UserError(f"--with_mid is for sft and rl models, not for {info.source}")
    for ancestor in find_history(info)[:-1]:
        if ancestor.info.source == "mid" and ancestor.meta:
            return ancestor.info
    return choose_checkpoint("mid", info.tag)


def find_history(info: CheckpointInfo) -> list[Ancestor]:
    """Return the chain of checkpoints that led to one, the oldest first, as far as is recorded."""
    history = [Ancestor(info, read_meta(info.path, info.step))]
    while len(history) < 10:
        parent = history[0].meta.get("parent")
        if not isinstance(parent, Mapping) or parent.get("source") not in list(STAGE_DIRS):
            break
        source, tag, step = (parent.get(key) for key in ("source", "tag", "step"))
        named = isinstance(tag, str) and layout.TAG_PATTERN.fullmatch(tag)
        if not isinstance(step, int) or not named:
            break
        older = CheckpointInfo(source, tag, step, os.path.join(stage_directory(source), tag))
        present = os.path.isfile(os.path.join(older.path, meta_name(step)))
        history.insert(0, Ancestor(older, read_meta(older.path, step) if present else {}))
    return history


def collect(
    repo: str,
    info: CheckpointInfo,
    mid: CheckpointInfo | None,
    options: PushOptions,
    records: Mapping[str, Mapping[str, Any]],
    folder: str,
) -> list[Upload]:
    """Check what is to be published and return it; the tokenizer is written out in `folder`."""
    config, parameters = check_checkpoint(info)
    meta = read_meta(info.path, info.step)
    tokenizer = load_tokenizer(info.path, meta, config.vocab_size)
    if meta.get("tokenizer_fingerprint") not in (None, tokenizer.fingerprint()):
        raise UserError(
            f"the tokenizer of {info} is not the one it was trained with; put that one into "
            f"{os.path.join(info.path, 'tokenizer')} before publishing"
        )
    tokenizer.save(folder)
    at_top = info.source == "base"
    names = sorted(os.listdir(folder))
    if at_top:  # as the public pretrained model has it, and nothing more
        names = [name for name in names if name in (PICKLE_NAME, "token_bytes.pt")]
    prefix = "" if at_top else "tokenizer/"
    uploads = [Upload(prefix + name, os.path.join(folder, name)) for name in names]
    uploads += _checkpoint_files(info, "")
    if mid is not None:
        mid_config, _ = check_checkpoint(mid)
        meta = read_meta(mid.path, mid.step)
        mid_tokenizer = load_tokenizer(mid.path, meta, mid_config.vocab_size)
        if mid_tokenizer.fingerprint() != tokenizer.fingerprint():
            raise UserError(f"{mid} has another tokenizer than {info}; publish it on its own")
        uploads += _checkpoint_files(mid, "mid_")
    history = find_history(info)
    card = model_card(
        repo,
        history,
        config,
        parameters,
        evaluation_rows(history, records),
        license=options.license,
        base_model=options.base_model or find_origin(history),
    )
    return [*uploads, Upload(CARD, card.encode())]


def _checkpoint_files(info: CheckpointInfo, prefix: str) -> list[Upload]:
    model, meta = model_name(info.step), meta_name(info.step)
    return [
        Upload(prefix + model, os.path.join(info.path, model)),
        Upload(prefix + meta, public_meta(os.path.join(info.path, meta))),
    ]


def public_meta(path: str) -> str | bytes:
    """Return a metadata file for publication: itself, or without the folders it tells of.

    Flags name files of the user's own; what stands before the files' names is nobody's business.
    """
    with open(path, "rb") as file:
        written = file.read()
    meta = json.loads(written)
    private = {key: meta[key] for key in ("user_config", "custom_data") if key in meta}
    public = without_folders(private)
    return path if public == private else to_json(meta | public).encode()


def check_checkpoint(info: CheckpointInfo) -> tuple[Any, int]:
    """Return (configuration, number of parameters) of a checkpoint that is whole, or raise."""
    from nanochat.checkpoints.weights import check_weights, parse_config, read_weights

    meta = read_meta(info.path, info.step)
    config = parse_config(meta, info.path, info.step)
    path = os.path.join(info.path, model_name(info.step))
    weights = read_weights(path, meta, "meta")  # names, types and shapes only
    check_weights(weights, config, path)
    return config, sum(tensor.numel() for tensor in weights.values())


def find_origin(history: Sequence[Ancestor]) -> str | None:
    """Return the repository that the oldest checkpoint in a history was pulled from, if any."""
    for ancestor in history:
        path = os.path.join(ancestor.info.path, origin_record_name(ancestor.info.step))
        try:
            with open(path, encoding="utf-8") as file:
                repository = json.load(file)["repository"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(repository, str) and client.REPO_ID.fullmatch(repository):
            return repository
    return None


def announce(repo: str, uploads: Sequence[Upload], options: PushOptions) -> None:
    """Say exactly what will be sent, before anything is."""
    visible = "a private repository if it is new" if options.private else "public if it is new"
    print0(f"to {client.get_endpoint()}/{repo} ({visible}), in one commit:")
    width = max(len(upload.path) for upload in uploads)
    for upload in uploads:
        print0(f"  {upload.path.ljust(width)}  {readable_size(upload.size):>10}")
    total = sum(upload.size for upload in uploads)
    print0(f"  {len(uploads)} files, {readable_size(total)} in all")
    print0(f"licence in the model card: {options.license} (another with --license)")
    if options.dry_run:
        card = next(upload.content for upload in uploads if upload.path == CARD)
        print0(f"\n{CARD}:\n\n{card.decode()}")


# -- sending it -----------------------------------------------------------------------------------


def send(repo: str, info: CheckpointInfo, uploads: Sequence[Upload], options: PushOptions) -> str:
    """Create the repository if need be and upload in one commit; return the commit's address."""
    api = client.connect()
    from huggingface_hub import CommitOperationAdd, constants, get_token

    if client.get_endpoint() != client.DEFAULT_ENDPOINT:
        constants.HF_HUB_DISABLE_XET = True  # the public hub's chunk store; mirrors have none
    if get_token() is None:
        raise UserError(
            f"publishing needs a token with write access: make one at "
            f"{client.get_endpoint()}/settings/tokens, then {client.LOG_IN}"
        )
    with client.explained(repo):
        api.create_repo(repo, private=True if options.private else None, exist_ok=True)
        if options.private and not api.model_info(repo).private:
            raise UserError(f"{repo} exists and is public; choose another name, or make it private")
    _, present = client.list_files(api, repo, None)
    refuse_other_tokenizer(repo, uploads, present)
    kept = _others_card(api, repo, present)
    if kept:
        print0(f"{CARD}: {repo} has one that somebody wrote; it is left as it is")
    operations = [
        CommitOperationAdd(upload.path, upload.content)
        for upload in uploads
        if not (kept and upload.path == CARD)
    ]
    with client.explained(repo):
        commit = api.create_commit(repo, operations, commit_message=f"nanochat {info}")
    print0(f"published: {client.get_endpoint()}/{repo}\nnext: nanochat pull {repo}")
    return commit.commit_url


def refuse_other_tokenizer(
    repo: str, uploads: Sequence[Upload], present: Mapping[str, RemoteFile]
) -> None:
    """Raise UserError if models that stay in the repository would lose their tokenizer."""
    ours = {upload.path for upload in uploads}
    staying = [item for item in layout.find_checkpoints(present) if item.model not in ours]
    for upload in uploads:
        clash = upload.path.endswith(PICKLE_NAME) and upload.path in present
        if staying and clash and present[upload.path].difference(upload.content):
            raise UserError(
                f"{repo} holds {staying[0].model}, which needs another {upload.path}; "
                "publish in a repository of its own"
            )


def _others_card(api: Any, repo: str, present: Mapping[str, RemoteFile]) -> bool:
    """Say whether the repository has a model card that was not written by this program."""
    if CARD not in present:
        return False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, CARD)
        client.download(api, repo, "main", present[CARD], path)
        with open(path, encoding="utf-8", errors="replace") as file:
            return WRITTEN_BY not in file.read()
