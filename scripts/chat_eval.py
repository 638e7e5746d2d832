"""Evaluate a chat model on tasks.

    python -m scripts.chat_eval -i sft                          the six tasks of ChatCORE
    python -m scripts.chat_eval -i sft -a "SpellingBee|GSM8K" -x 100
    torchrun --standalone --nproc_per_node=8 -m scripts.chat_eval -- -i sft

ChatCORE is the mean over the six tasks of accuracy above guessing, (a - b) / (1 - b).
"""

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError, print0


@dataclass(frozen=True, kw_only=True)
class ChatEvalConfig:
    source: Annotated[Literal["base", "mid", "sft", "rl"], flag("-i")]
    """stage of the checkpoint"""
    task_name: Annotated[str | None, flag("-a")] = None
    """task names joined by |; unset = the six of ChatCORE"""
    dtype: Annotated[Literal["bfloat16", "float32"] | None, flag("-d")] = None
    """precision; unset = bfloat16 on CUDA, float32 elsewhere. bfloat16 halves the memory"""
    temperature: Annotated[float, flag("-t")] = 0.0
    """0 always takes the likeliest token"""
    max_new_tokens: Annotated[int, flag("-m")] = 512
    """longest answer"""
    num_samples: Annotated[int, flag("-n")] = 1
    """answers per problem; it passes if any of them is right"""
    top_k: Annotated[int, flag("-k")] = 50
    """draw from the k likeliest tokens only; 0 = from all"""
    batch_size: Annotated[int, flag("-b")] = 8
    """problems at a time"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """checkpoint directory, such as d20"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint"""
    max_problems: Annotated[int | None, flag("-x")] = None
    """only the first so many problems of each task; -1 or unset = all"""
    device_type: Literal["", "cuda", "cpu", "mps"] = ""
    """device; empty = the first available"""

    def __post_init__(self):
        for name in ("max_new_tokens", "num_samples", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, got {getattr(self, name)}")


def choose_tasks(task_name: str | None) -> list[str]:
    """Split names joined by |. Raises UserError listing the known ones for any that is not."""
    from tasks.registry import CHATCORE_BASELINES, TASKS

    if task_name is None:
        return list(CHATCORE_BASELINES)
    names = [name.strip() for name in task_name.split("|") if name.strip()]
    unknown = [name for name in names if name not in TASKS]
    if unknown or not names:
        raise UserError(
            f"unknown task {', '.join(map(repr, unknown or [task_name]))}; "
            f"known are {', '.join(TASKS)} (join several with |)"
        )
    return list(dict.fromkeys(names))


def load_tasks(names: list[str]) -> dict:
    """Build the tasks and fetch their data, so that what is missing fails before any work."""
    from tasks.registry import TASKS

    tasks = {name: TASKS[name]() for name in names}
    for task in tasks.values():
        if len(task) > 0:
            task[0]
    return tasks


def show_progress(name: str):
    """Return a callback that rewrites one line on a terminal and stays silent elsewhere."""

    def show(passed: int, done: int, total: int) -> None:
        if sys.stdout.isatty():
            print0(f"\r{name}: {passed}/{done} passed, {total - done} to go ", end="")

    return show


def run_chat_eval(
    task_name: str,
    model,
    tokenizer,
    engine,
    batch_size: int = 1,
    num_samples: int = 1,
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    top_k: int | None = 50,
    max_problems: int | None = None,
    dist=None,
    task=None,
) -> float | None:
    """Return the accuracy on one task, over all ranks; None without problems.

    The task is the registry's of that name, unless it is given.
    """
    from nanochat.evals.chat import run_categorical_eval, run_generative_eval

    task = load_tasks([task_name])[task_name] if task is None else task
    shared = {"max_problems": max_problems, "batch_size": batch_size, "dist": dist}
    shared["progress"] = show_progress(task_name)
    if task.eval_type == "categorical":
        figures = run_categorical_eval(task, tokenizer, model, **shared)
    else:
        figures = run_generative_eval(
            task, tokenizer, engine, num_samples, max_new_tokens, temperature, top_k, **shared
        )
    start = "\r\033[K" if sys.stdout.isatty() else ""
    accuracy, passed, total = figures["accuracy"], figures["passed"], figures["total"]
    result = "no result (no problems)" if accuracy is None else f"{accuracy:.2%}"
    too_long = f", {figures['too_long']} too long for the context" if figures["too_long"] else ""
    print0(f"{start}{task_name}: {result} ({passed}/{total} passed{too_long})")
    return accuracy


def main(argv: list[str] | None = None) -> None:
    config = parse(ChatEvalConfig, argv, prog="chat_eval", description=__doc__)
    tasks = load_tasks(choose_tasks(config.task_name))

    from nanochat import distributed
    from nanochat.checkpoint_manager import load_model
    from nanochat.engine import Engine
    from nanochat.evals.chat import chat_core
    from nanochat.infer.sampling import check_sampling
    from nanochat.report import get_report
    from tasks.registry import CHATCORE_BASELINES

    check_sampling(config.temperature, config.top_k)
    dist = distributed.init(config.device_type or None)
    model, tokenizer, meta = load_model(
        config.source,
        dist.device,
        "eval",
        config.model_tag,
        config.step,
        distributed.weight_dtype(config.dtype),
    )
    engine, accuracies = Engine(model, tokenizer), {}
    for name, task in tasks.items():
        with distributed.mixed_precision(dist.device, config.dtype):
            accuracies[name] = run_chat_eval(
                name,
                model,
                tokenizer,
                engine,
                batch_size=config.batch_size,
                num_samples=config.num_samples,
                max_new_tokens=config.max_new_tokens,
                temperature=config.temperature,
                top_k=config.top_k,
                max_problems=config.max_problems,
                dist=dist,
                task=task,
            )
    metrics = {name: accuracy for name, accuracy in accuracies.items() if accuracy is not None}
    if (core := chat_core(accuracies, CHATCORE_BASELINES)) is not None:
        metrics["ChatCORE metric"] = core
        print0(f"ChatCORE metric: {core:.4f}")
    chosen = meta["checkpoint"]  # figures are worth little without what they are about
    flags = asdict(config) | {"model_tag": chosen["tag"], "step": chosen["step"]}
    get_report().log(f"Chat evaluation {config.source}", flags, metrics=metrics)
    dist.close()


if __name__ == "__main__":
    run(main)
