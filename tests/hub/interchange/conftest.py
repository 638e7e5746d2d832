"""A small model that has what exports trip over: grouped queries, and a padded vocabulary."""

import dataclasses

import pytest
import torch

from nanochat.checkpoint_manager import STAGE_DIRS, save_checkpoint
from nanochat.gpt import GPT, GPTConfig
from nanochat.hub.interchange.sample_texts import sample_strings
from nanochat.tokenizer import RustBPETokenizer


@pytest.fixture(scope="session")
def world_tokenizer():
    """1,000 tokens learnt from all kinds of writing."""
    return RustBPETokenizer.train_from_iterator(iter(sample_strings(3000, seed=99)), 1000)


@pytest.fixture(scope="session")
def world_model(world_tokenizer):
    """2 layers, 4 query heads, 2 key/value heads, 1,000 tokens in 1,024 rows, no zero matrix."""
    torch.manual_seed(3)
    model = GPT(GPTConfig(64, world_tokenizer.get_vocab_size(), 2, 4, 2, 64))
    model.init_weights()
    torch.nn.init.normal_(model.lm_head.weight, std=0.3)
    for block in model.transformer.h:
        torch.nn.init.normal_(block.attn.c_proj.weight, std=0.1)
        torch.nn.init.normal_(block.mlp.c_proj.weight, std=0.1)
    return model.eval()


@pytest.fixture
def checkpoint(base_dir, world_model, world_tokenizer):
    """The model as checkpoint sft d2 step 7; its directory."""
    directory = base_dir / STAGE_DIRS["sft"] / "d2"
    meta = {"model_config": dataclasses.asdict(world_model.config)}
    save_checkpoint(
        str(directory), 7, world_model.state_dict(), None, meta, tokenizer=world_tokenizer
    )
    return directory
