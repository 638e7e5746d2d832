"""The flags and defaults that the contract fixes, script by script."""

import pytest

from nanochat.command_line import parse
from tests.command_helpers import REQUIRED, config_class

UNSET = object()  # -1 or none in the contract, None inside
TRAINING = {
    "run": "dummy",
    "device_type": "",
    "embedding_lr": 0.2,
    "unembedding_lr": 0.004,
    "matrix_lr": 0.02,
    "weight_decay": 0.0,
}
CHAT_TRAINING = TRAINING | {"dtype": "bfloat16", "model_tag": UNSET, "model_step": UNSET}
# a dtype unset is bfloat16 on CUDA
SAMPLING = {"temperature": 0.6, "top_k": 50, "dtype": None, "device_type": ""}
CHECKPOINT = {"model_tag": UNSET, "step": UNSET}

CONTRACT = {
    "dataset": {"num_files": UNSET, "num_workers": 4},
    "tok_train": {"max_chars": 10_000_000_000, "doc_cap": 10_000, "vocab_size": 65536},
    "base_train": TRAINING
    | {
        "depth": 20,
        "max_seq_len": 2048,
        "num_iterations": UNSET,
        "target_flops": UNSET,
        "target_param_data_ratio": 20,
        "device_batch_size": 32,
        "total_batch_size": 524288,
        "embedding_lr": 0.3,
        "grad_clip": 1.0,
        "warmup_ratio": 0.0,
        "warmdown_ratio": 0.4,
        "final_lr_frac": 0.0,
        "resume_from_step": UNSET,
        "eval_every": 250,
        "eval_tokens": 10_485_760,
        "core_metric_every": 2000,
        "core_metric_max_per_task": 500,
        "sample_every": 2000,
        "save_every": UNSET,
        "model_tag": UNSET,
    },
    "base_loss": {
        "device_batch_size": 32,
        "split_tokens": 10_485_760,
        "model_tag": UNSET,
        "model_step": UNSET,
        "device_type": "",
    },
    "base_eval": CHECKPOINT | {"hf_path": UNSET, "max_per_task": UNSET},
    "mid_train": CHAT_TRAINING
    | {
        "num_iterations": UNSET,
        "max_seq_len": 2048,
        "device_batch_size": 32,
        "total_batch_size": 524288,
        "init_lr_frac": 1.0,
        "eval_every": 150,
        "eval_tokens": 10_485_760,
        "dry_run": False,
    },
    "chat_sft": CHAT_TRAINING
    | {
        "source": "mid",
        "num_epochs": 1,
        "num_iterations": UNSET,
        "device_batch_size": 4,
        "target_examples_per_step": 32,
        "init_lr_frac": 0.02,
        "eval_every": 100,
        "eval_steps": 100,
        "eval_metrics_every": 200,
        "eval_metrics_max_problems": 1024,
    },
    "chat_eval": SAMPLING
    | CHECKPOINT
    | {
        "task_name": UNSET,
        "temperature": 0.0,
        "max_new_tokens": 512,
        "num_samples": 1,
        "batch_size": 8,
        "max_problems": UNSET,
    },
    "chat_cli": SAMPLING | CHECKPOINT | {"source": "sft", "prompt": ""},
    "chat_web": SAMPLING
    | CHECKPOINT
    | {
        "source": "sft",
        "num_gpus": 1,
        "temperature": 0.8,
        "max_tokens": 512,
        "port": 8000,
        "host": "127.0.0.1",
    },
}
SHORT = {
    "dataset": {"-n": "num_files", "-w": "num_workers"},
    "chat_eval": {
        "-i": "source",
        "-a": "task_name",
        "-d": "dtype",
        "-t": "temperature",
        "-m": "max_new_tokens",
        "-n": "num_samples",
        "-k": "top_k",
        "-b": "batch_size",
        "-g": "model_tag",
        "-s": "step",
        "-x": "max_problems",
    },
    "chat_cli": {
        "-i": "source",
        "-g": "model_tag",
        "-s": "step",
        "-p": "prompt",
        "-t": "temperature",
        "-k": "top_k",
        "-d": "dtype",
    },
    "chat_web": {
        "-n": "num_gpus",
        "-i": "source",
        "-t": "temperature",
        "-k": "top_k",
        "-m": "max_tokens",
        "-g": "model_tag",
        "-s": "step",
        "-p": "port",
        "-d": "dtype",
    },
}
SAMPLE_VALUES = {"source": "mid", "dtype": "float32", "temperature": "0.5"}


@pytest.mark.parametrize("command", CONTRACT)
def test_defaults(command):
    config = parse(config_class(command), REQUIRED.get(command, []))
    for name, expected in CONTRACT[command].items():
        value = getattr(config, name)
        assert value in (None, -1) if expected is UNSET else value == expected, name


@pytest.mark.parametrize("command", CONTRACT)
def test_unset_can_be_written_as_minus_one(command):
    config, required = config_class(command), REQUIRED.get(command, [])
    defaults = parse(config, required)
    for name, expected in CONTRACT[command].items():
        text_or_checkpoint = name in ("model_tag", "hf_path", "task_name", "step", "model_step")
        if expected is UNSET and not text_or_checkpoint:
            for spelling in ([f"--{name}=-1"], [f"--{name}", "-1"]):
                value = getattr(parse(config, [*required, *spelling]), name)
                assert value in (-1, getattr(defaults, name)), name


@pytest.mark.parametrize("command", SHORT)
def test_short_flags(command):
    config, required = config_class(command), REQUIRED.get(command, [])
    for letter, name in SHORT[command].items():
        value = SAMPLE_VALUES.get(name, "3")
        others = [] if name == "source" else required
        short = parse(config, [*others, letter, value])
        assert short == parse(config, [*others, f"--{name}", value])
        assert str(getattr(short, name)) == value
