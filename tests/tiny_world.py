"""A base directory with everything in miniature: shards, a tokenizer, checkpoints."""

import dataclasses
import os

import pyarrow
import pyarrow.parquet as parquet
import torch

from nanochat.checkpoint_manager import STAGE_DIRS, save_checkpoint
from nanochat.common import get_base_dir
from nanochat.gpt import GPT, GPTConfig
from nanochat.tokenizer import RustBPETokenizer

SENTENCES = [f"The {animal} has {n} legs. " for n in range(10) for animal in ("cat", "ant", "crab")]


def write_shards(count: int = 2, row_groups: int = 4) -> None:
    """Shards of `row_groups` groups of 10 short documents."""
    directory = os.path.join(get_base_dir(), "base_data")
    os.makedirs(directory, exist_ok=True)
    for shard in range(count):
        texts = [SENTENCES[(shard + i) % len(SENTENCES)] * 3 for i in range(10 * row_groups)]
        path = os.path.join(directory, f"shard_{shard:05d}.parquet")
        parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=10)


def train_tokenizer(vocab_size: int = 300) -> RustBPETokenizer:
    """A tokenizer of the sentences, saved in the base directory."""
    tokenizer = RustBPETokenizer.train_from_iterator(SENTENCES, vocab_size)
    tokenizer.save(os.path.join(get_base_dir(), "tokenizer"))
    return tokenizer


def save_model(
    tokenizer: RustBPETokenizer,
    source: str = "base",
    tag: str = "d1",
    step: int = 3,
    sequence_len: int = 128,
) -> GPT:
    """A checkpoint with random weights."""
    torch.manual_seed(0)
    config = GPTConfig(sequence_len, tokenizer.get_vocab_size(), 1, 1, 1, 32)
    model = GPT(config)
    model.init_weights()
    torch.nn.init.normal_(model.lm_head.weight, std=0.5)
    directory = os.path.join(get_base_dir(), STAGE_DIRS[source], tag)
    meta = {"step": step, "stage": source, "model_config": dataclasses.asdict(config)}
    save_checkpoint(directory, step, model.state_dict(), None, meta, tokenizer=tokenizer)
    return model.eval()
