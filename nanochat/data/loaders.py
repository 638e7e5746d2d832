"""Batches for training: a stream of pretraining text, packed chats, padded chats.

Each loader is an endless iterator of `Batch`. A batch carries how far the data were consumed and
the state from which a new loader continues with exactly the next batch, so nobody reads a global
and prefetching cannot falsify a checkpoint.
"""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nanochat import conversation
from nanochat.common import UserError
from nanochat.data.shards import data_directory, open_shard, split_files
from nanochat.distributed import Dist, single
from nanochat.tokenizer import get_tokenizer

IGNORE = -1  # target value without loss


@dataclass(frozen=True)
class Batch:
    """inputs (B, T) and targets (B, T), int64; targets are -1 where no loss is taken.

    `progress`: passes over the data so far (1.0 = one epoch). `state`: continue after this batch.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    progress: float
    state: dict


def _to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class _TokenStream:
    """Cut an endless sequence of (position, ids) documents into pieces of n tokens.

    Knows where it stands: the position of the document at its head and the tokens taken from it.
    """

    def __init__(self, documents: Iterator[tuple[dict, list[int]]], offset: int = 0):
        self._documents = documents
        self._waiting: deque[tuple[dict, np.ndarray]] = deque()
        self._available = 0
        self._offset = 0
        if offset:
            self.take(offset)

    def _read(self) -> None:
        position, ids = next(self._documents)
        self._waiting.append((position, np.asarray(ids, dtype=np.int64)))
        self._available += len(ids)

    def take(self, count: int) -> np.ndarray:
        while self._available <= count:  # one token more, so that a head document is always known
            self._read()
        self._available -= count
        pieces = []
        while count:
            _, ids = self._waiting[0]
            piece = ids[self._offset : self._offset + count]
            pieces.append(piece)
            count -= len(piece)
            self._offset += len(piece)
            if self._offset == len(ids):
                self._waiting.popleft()
                self._offset = 0
        return np.concatenate(pieces)

    @property
    def position(self) -> dict:
        return {**self._waiting[0][0], "token_offset": self._offset}


def _shifted(stream: _TokenStream, B: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """B*T+1 tokens as inputs and targets, shifted by one; consecutive batches share no token."""
    tokens = stream.take(B * T + 1)
    return tokens[:-1].reshape(B, T), tokens[1:].reshape(B, T)


class PretrainLoader:
    """Documents of the shards, each after a bos, as one stream cut into (B, T).

    Row groups are strided over ranks; after the last file it starts again at the first.
    Resuming from its own state is exact; from a state with only pq_idx and rg_idx it continues
    with the next row group.
    """

    def __init__(
        self,
        tokenizer,
        B: int,
        T: int,
        split: str,
        dist: Dist | None = None,
        *,
        device: torch.device | None = None,
        state: dict | None = None,
        tokenizer_threads: int = 4,
        tokenizer_batch_size: int = 128,
    ):
        self.tokenizer, self.B, self.T = tokenizer, B, T
        self.dist = dist or single()
        self.device = torch.device(device or self.dist.device)
        self.threads, self.batch_size = tokenizer_threads, tokenizer_batch_size
        self.files = split_files(split)
        state = state or {}
        self._stream = _TokenStream(self._documents(state), state.get("token_offset", 0))

    def _row_groups(self, state: dict) -> Iterator[tuple[int, int, int, list[str]]]:
        """(epoch, file, row group, texts) of this rank, for ever."""
        W, rank = self.dist.world_size, self.dist.rank
        epoch, first_file = state.get("epoch", 0), self._first_file(state)
        first_group = state.get("rg_idx")
        if first_group is not None and "doc_idx" not in state:
            first_group = (first_group // W + 1) * W + rank
        while True:
            found = False
            for file_index in range(first_file, len(self.files)):
                file = open_shard(self.files[file_index])
                start = rank if first_group is None else first_group
                first_group = None
                for group in range(start, file.num_row_groups, W):
                    found = True
                    texts = file.read_row_group(group, columns=["text"])["text"].to_pylist()
                    yield epoch, file_index, group, texts
            if not found and first_file == 0:
                raise UserError(
                    f"the shards hold too few row groups for {W} processes "
                    f"(rank {rank} found none); use fewer processes or more shards"
                )
            epoch, first_file = epoch + 1, 0

    def _first_file(self, state: dict) -> int:
        """The file to go on with, by name where it is known: shards may have arrived since."""
        names = [os.path.basename(path) for path in self.files]
        if "file" in state and state["file"] not in names:
            raise UserError(
                f"the run stopped in {state['file']}, which is no longer in {data_directory()}; "
                "download it again to continue"
            )
        return names.index(state["file"]) if "file" in state else state.get("pq_idx", 0)

    def _documents(self, state: dict) -> Iterator[tuple[dict, list[int]]]:
        first = state.get("doc_idx", 0)
        bos = self.tokenizer.get_bos_token_id()
        for epoch, file_index, group, texts in self._row_groups(state):
            for start in range(first, len(texts), self.batch_size):
                chunk = texts[start : start + self.batch_size]
                encoded = self.tokenizer.encode(chunk, prepend=bos, num_threads=self.threads)
                for index, ids in enumerate(encoded, start):
                    place = {"pq_idx": file_index, "rg_idx": group, "doc_idx": index}
                    file = os.path.basename(self.files[file_index])
                    yield {**place, "file": file, "epoch": epoch}, ids
            first = 0

    def __iter__(self):
        return self

    def __next__(self) -> Batch:
        inputs, targets = _shifted(self._stream, self.B, self.T)
        state = self._stream.position
        progress = state["epoch"] + state["pq_idx"] / len(self.files)
        return Batch(
            _to_device(inputs, self.device), _to_device(targets, self.device), progress, state
        )


def tokenizing_distributed_data_loader_with_state(
    B,
    T,
    split,
    tokenizer_threads=4,
    tokenizer_batch_size=128,
    device="cuda",
    resume_state_dict=None,
    dist=None,
):
    """Yield (inputs, targets, state) for ever, with the tokenizer of the base directory."""
    loader = PretrainLoader(
        get_tokenizer(),
        B,
        T,
        split,
        dist,
        device=device,
        state=resume_state_dict,
        tokenizer_threads=tokenizer_threads,
        tokenizer_batch_size=tokenizer_batch_size,
    )
    for batch in loader:
        yield batch.inputs, batch.targets, batch.state


def tokenizing_distributed_data_loader(*args, **kwargs):
    """Yield (inputs, targets) for ever."""
    for inputs, targets, _ in tokenizing_distributed_data_loader_with_state(*args, **kwargs):
        yield inputs, targets


def _row_order(task, dist: Dist, state: dict | None) -> Iterator[tuple[int, int]]:
    """(epoch, row) of this rank: rows r, r+W, ..., epoch after epoch, from a saved place on."""
    rows, W = len(task), dist.world_size
    if rows < W:
        raise UserError(f"the training mixture has {rows} rows, fewer than {W} processes")
    state = state or {"epoch": 0, "row": dist.rank}
    epoch, row = state["epoch"], state["row"]
    while True:
        while row < rows:
            yield epoch, row
            row += W
        epoch, row = epoch + 1, dist.rank


class PackedChatLoader:
    """Conversations as one stream cut into (B, T) (mid-training).

    Every token is trained on, or with `assistant_only` just the assistant's.
    """

    def __init__(
        self,
        task,
        tokenizer,
        B: int,
        T: int,
        dist: Dist | None = None,
        *,
        max_tokens: int = 2048,
        assistant_only: bool = False,
        state: dict | None = None,
    ):
        self.task, self.tokenizer, self.B, self.T = task, tokenizer, B, T
        self.dist, self.max_tokens = dist or single(), max_tokens
        self.assistant_only = assistant_only
        offset = (state or {}).get("token_offset", 0)
        self._stream = _TokenStream(self._documents(state), offset)

    def _documents(self, state: dict | None):
        for epoch, row in _row_order(self.task, self.dist, state):
            ids, mask = conversation.render(self.tokenizer, self.task[row], self.max_tokens)
            if self.assistant_only:
                # one number carries both: ids of tokens without loss are stored as -1 - id
                marked = zip(ids, mask, strict=True)
                ids = [token if trained else -1 - token for token, trained in marked]
            yield {"epoch": epoch, "row": row}, ids

    def __iter__(self):
        return self

    def __next__(self) -> Batch:
        inputs, targets = _shifted(self._stream, self.B, self.T)
        state = self._stream.position
        device = self.dist.device
        return Batch(
            _to_device(np.where(inputs < 0, -1 - inputs, inputs), device),
            _to_device(np.maximum(targets, IGNORE), device),
            state["epoch"] + state["row"] / len(self.task),
            state,
        )


class PaddedChatLoader:
    """B conversations a batch, padded on the right; loss on the assistant only (fine-tuning).

    The conversations of `group` batches are sorted by length, so that fewer positions are padding.
    With the micro-batches of an update as the group, every update sees the same conversations as
    without.
    """

    def __init__(
        self,
        task,
        tokenizer,
        B: int,
        dist: Dist | None = None,
        *,
        max_tokens: int = 2048,
        group: int = 1,
        state: dict | None = None,
    ):
        self.task, self.tokenizer, self.B, self.group = task, tokenizer, B, group
        self.dist, self.max_tokens = dist or single(), max_tokens
        self._order = _row_order(task, self.dist, state)
        self._next = next(self._order)
        self._waiting: deque[list] = deque()  # batches of the current group, which began at _begun
        self._begun = self._next
        for _ in range((state or {}).get("taken", 0)):
            self._take()

    def _take(self) -> list[tuple[list[int], list[int]]]:
        """Return the next batch's conversations as (ids, mask), the longest of the group first."""
        if not self._waiting:
            self._begun = self._next
            rows = [self._render_next() for _ in range(self.B * self.group)]
            if self.group > 1:
                rows.sort(key=lambda row: -len(row[0]))
            self._waiting.extend(
                rows[start : start + self.B] for start in range(0, len(rows), self.B)
            )
        return self._waiting.popleft()

    def _render_next(self) -> tuple[list[int], list[int]]:
        row = self._next[1]
        self._next = next(self._order)
        return conversation.render(self.tokenizer, self.task[row], self.max_tokens)

    @property
    def _state(self) -> dict:
        if not self._waiting:
            return {"epoch": self._next[0], "row": self._next[1]}
        epoch, row = self._begun
        return {"epoch": epoch, "row": row, "taken": self.group - len(self._waiting)}

    def __iter__(self):
        return self

    def __next__(self) -> Batch:
        rows = self._take()
        length = max(len(ids) for ids, _ in rows) - 1
        padding = self.tokenizer.encode_special("<|assistant_end|>")
        inputs = np.full((self.B, length), padding)
        targets = np.full((self.B, length), IGNORE)
        for row, (ids, mask) in enumerate(rows):
            inputs[row, : len(ids) - 1] = ids[:-1]
            targets[row, : len(ids) - 1] = np.where(np.array(mask[1:]) == 1, ids[1:], IGNORE)
        epoch, row = self._next
        return Batch(
            _to_device(inputs, self.dist.device),
            _to_device(targets, self.dist.device),
            epoch + row / len(self.task),
            self._state,
        )
