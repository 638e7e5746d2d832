"""The figures each stage writes into its section of the report."""

import torch

from nanochat.common import duration
from nanochat.train.progress import PEAK_FLOPS_H100


def base_figures(session) -> dict:
    trainer, config, model = session.trainer, session.config, session.model
    tokens = config.total_batch_size * trainer.step
    seconds = trainer.total_training_time
    flops = model.estimate_flops() * tokens
    gpu = session.dist.device_type == "cuda" and seconds > 0
    peak = seconds * PEAK_FLOPS_H100 * session.dist.world_size
    return {
        "Number of parameters": model.num_parameters(),
        "FLOPs per token": f"{model.estimate_flops():e}",
        "Calculated number of iterations": trainer.num_steps,
        "Number of training tokens": tokens,
        "Tokens : Params ratio": tokens / model.num_parameters(),
        "DDP world size": session.dist.world_size,
        "warmup_ratio": config.warmup_ratio,
        "warmdown_ratio": config.warmdown_ratio,
        "final_lr_frac": config.final_lr_frac,
        "Minimum validation bpb": trainer.results.get("min_val_bpb"),
        "Final validation bpb": trainer.results.get("val_bpb"),
        "CORE metric estimate": trainer.results.get("core_metric"),
        "MFU %": f"{100 * flops / peak:.2f}%" if gpu else None,
        "Total training flops": f"{flops:e}",
        "Total training time": duration(seconds),
        "Peak memory usage": f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB"
        if gpu
        else None,
    }


def _custom_data(session) -> dict:
    """A line for each file of the user's own conversations."""
    return {
        f"Own data {number}": f"{file['path']}: {file['conversations']:,} conversations, "
        f"{file['epochs']:g} epochs, SHA-256 {file['sha256']}"
        for number, file in enumerate(session.custom_data, 1)
    }


def _before_after(session) -> dict:
    """A line for each task answered before and after fine-tuning."""
    return {
        f"{name} before and after": f"{change['before']:.1%}, {change['after']:.1%}: "
        f"{change['difference']:+.1%} (95% interval {change['low']:+.1%} to {change['high']:+.1%}, "
        f"{change['problems']} problems): {change['verdict']}"
        for name, change in session.trainer.results.get("before_after", {}).items()
    }


def mid_figures(session) -> dict:
    return {
        "Number of iterations": session.trainer.step,
        "DDP world size": session.dist.world_size,
        "Minimum validation bpb": session.trainer.results.get("min_val_bpb"),
        "Total training time": duration(session.trainer.total_training_time),
        **_custom_data(session),
    }


def sft_figures(session) -> dict:
    return {
        "Training rows": len(session.train_task),
        "Number of iterations": session.trainer.step,
        "Training loss": session.trainer.debiased_loss,
        "Validation loss": session.trainer.results.get("val_loss"),
        "Total training time": duration(session.trainer.total_training_time),
        **_before_after(session),
        **_custom_data(session),
    }
