"""What the quickstart runs: a list of commands that anyone could type.

The sizes were chosen by measuring; docs/quickstart-experiments.md has the figures.
"""

from dataclasses import dataclass

TAG = "quickstart"
TASKS = (
    "Spelling",
    "SpellingBee",
    "Arithmetic",
    "WordProblems",
    "ReadingArticles",
    "ReadingStories",
    "MultipleChoice",
    "Identity",
)
# Shares of the training time. Fine-tuning takes most: it sees each conversation by itself, as it is
# asked later, and learns twice as fast from that as from a packed stream of many.
BASE, MID, SFT = 0.07, 0.07, 0.86
MID_ITEMS = 0.25  # of the items: the mid model is measured in passing


@dataclass(frozen=True)
class Shape:
    """Size of the model and of its batches."""

    depth: int
    aspect_ratio: int  # width per layer
    head_dim: int
    vocab_size: int
    context: int
    device_batch_size: int
    total_batch_size: int  # tokens per update


def choose_shape(minutes: float) -> Shape:
    """A bigger budget feeds a bigger model."""
    if minutes < 30:
        return Shape(4, 32, 64, 512, 256, 8, 2048)
    return Shape(6, 64, 128, 4096, 512, 8, 8192)


@dataclass(frozen=True)
class Step:
    """One command: module and arguments of `python -m`, and what it does in a few words."""

    name: str
    does: str
    argv: tuple[str, ...]
    stage: str | None = None  # of the checkpoints it writes; such a step can be resumed


def _training(stage: str, does: str, script: str, minutes: float, *flags: str) -> Step:
    argv = (script, f"--model_tag={TAG}", f"--minutes={minutes:.4g}", *flags)
    return Step(stage, does, argv, stage)


def _chat_eval(stage: str, items: int, device: tuple[str, ...]) -> Step:
    argv = (
        "scripts.chat_eval",
        f"--source={stage}",
        f"--model_tag={TAG}",
        f"--task-name={'|'.join(TASKS)}",
        "--max-new-tokens=192",
        f"--max-problems={items}",
        *device,
    )
    return Step(f"{stage}-eval", f"measure the {stage} model", argv)


def mid_items(items: int) -> int:
    """Return how many held-out items the mid model answers when the final one answers `items`."""
    return max(1, round(MID_ITEMS * items))


def make_steps(minutes: float, items: int, device_type: str = "") -> list[Step]:
    """The whole quickstart without its last step, the chat page."""
    shape = choose_shape(minutes)
    device = (f"--device_type={device_type}",) if device_type else ()
    context = f"--max_seq_len={shape.context}"
    batch = (
        f"--device_batch_size={shape.device_batch_size}",
        f"--total_batch_size={shape.total_batch_size}",
    )
    val_tokens = shape.device_batch_size * shape.context * 20
    evaluation = ("--eval_every=-1", f"--eval_tokens={val_tokens}")
    return [
        Step("corpus", "fetch real text", ("scripts.corpus",)),
        Step(
            "tokenizer",
            "learn the vocabulary",
            ("scripts.tok_train", f"--vocab_size={shape.vocab_size}"),
        ),
        _training(
            "base",
            "pretrain on text",
            "scripts.base_train",
            BASE * minutes,
            f"--depth={shape.depth}",
            f"--aspect_ratio={shape.aspect_ratio}",
            f"--head_dim={shape.head_dim}",
            context,
            *batch,
            *evaluation,
            "--core_metric_every=-1",
            "--sample_every=-1",
            *device,
        ),
        Step(
            "base-eval",
            "measure the base model",
            (
                "scripts.base_loss",
                f"--model_tag={TAG}",
                f"--device_batch_size={shape.device_batch_size}",
                f"--split_tokens={val_tokens * 2}",
                *device,
            ),
        ),
        _training(
            "mid",
            "mid-train on conversations and tasks",
            "scripts.mid_train",
            MID * minutes,
            "--mixture=quickstart",
            "--assistant_only",
            context,
            *batch,
            *evaluation,
            *device,
        ),
        _chat_eval("mid", mid_items(items), device),
        _training(
            "sft",
            "fine-tune on conversations",
            "scripts.chat_sft",
            SFT * minutes,
            "--mixture=quickstart",
            "--device_batch_size=16",
            "--target_examples_per_step=64",
            "--init_lr_frac=1.0",
            "--eval_every=-1",
            "--eval_metrics_every=-1",
            *device,
        ),
        _chat_eval("sft", items, device),
        Step("report", "collect the report", ("nanochat.report", "generate")),
    ]
