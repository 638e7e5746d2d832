"""Flags of the training stages: one field is the flag, its default, its help text and its line in
the checkpoint's metadata. No torch here, so that `--help` answers at once."""

from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar, Literal

from tyro.conf import UseAppendAction, arg

from nanochat.command_line import flag
from nanochat.common import UserError


def _unset(value):
    """The contract writes 'unset' as -1 on the command line; inside it is None."""
    return None if value is not None and value < 0 else value


@dataclass(kw_only=True)
class StageConfig:
    """What every training stage can be told."""

    run: str = "dummy"
    """Weights & Biases run name; 'dummy' logs nothing there."""
    device_type: Literal["", "cuda", "mps", "cpu"] = ""
    """Device; empty = the first available of cuda, mps, cpu."""
    model_tag: str | None = None
    """Name of the checkpoint directory, e.g. d34 (base: default d<depth>)."""
    num_iterations: int | None = None
    """Number of updates; -1 or unset = derived from the data or the model."""
    minutes: float | None = None
    """Train for this long instead of a number of updates; the schedules follow the clock."""
    embedding_lr: float = 0.2
    """AdamW learning rate of the embedding at width 768."""
    unembedding_lr: float = 0.004
    """AdamW learning rate of the head at width 768."""
    matrix_lr: float = 0.02
    """Muon learning rate of the matrices."""
    weight_decay: float = 0.0
    """Decoupled weight decay of the AdamW groups."""
    save_every: int | None = None
    """Save a resumable checkpoint every so many updates; -1 or unset = only at the end."""
    resume_from_step: int | None = None
    """Continue this stage exactly from its own checkpoint at this step."""

    # flags that only some stages have, and what holds for the others
    source: ClassVar[str] = "base"
    dtype: ClassVar[str] = "bfloat16"
    init_lr_frac: ClassVar[float] = 1.0
    grad_clip: ClassVar[float] = 0.0
    dry_run: ClassVar[bool] = False

    UNSET = ("num_iterations", "save_every", "resume_from_step")
    POSITIVE = ("num_iterations", "save_every", "device_batch_size", "total_batch_size")
    POSITIVE += (
        "max_seq_len",
        "target_examples_per_step",
        "num_epochs",
        "depth",
        "aspect_ratio",
        "head_dim",
    )
    POSITIVE += ("eval_every", "eval_tokens", "eval_steps", "sample_every", "core_metric_every")
    POSITIVE += ("eval_before_after_problems",)

    def __post_init__(self):
        for name in self.UNSET:
            setattr(self, name, _unset(getattr(self, name)))
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if name in self.POSITIVE and value is not None and value < 1:
                raise UserError(f"--{name} must be at least 1, got {value}")
            if name == "minutes" and value is not None and not value > 0:
                raise UserError(f"--minutes must be more than 0, got {value}")
            if name.endswith("_lr") and not value >= 0:
                raise UserError(f"--{name} must not be negative, got {value}")

    @property
    def device(self) -> str | None:
        return self.device_type or None


@dataclass(kw_only=True)
class BaseTrainConfig(StageConfig):
    """Pretrain a base model on the shards in base_data/."""

    depth: int = 20
    """Number of layers; width, heads, training length and step sizes follow from it."""
    aspect_ratio: int = 64
    """Width per layer: the width is this times the depth."""
    head_dim: int = 128
    """Wanted attention head size; the nearest one that divides the width is taken."""
    max_seq_len: int = 2048
    """Context length in tokens."""
    target_flops: float | None = None
    """Choose the number of updates to reach this much compute; -1 or unset = off."""
    target_param_data_ratio: int | None = 20
    """Training tokens per parameter, when nothing else sets the number of updates."""
    device_batch_size: int = 32
    """Sequences per device and micro-batch; lowering it trades time for memory."""
    total_batch_size: int = 524288
    """Tokens per update, over all devices."""
    embedding_lr: float = 0.3
    """AdamW learning rate of the embedding at width 768."""
    grad_clip: float = 1.0
    """Clip the gradient's global norm to this; 0 = off."""
    warmup_ratio: float = 0.0
    """Fraction of the updates over which the learning rate rises."""
    warmdown_ratio: float = 0.4
    """Fraction of the updates over which the learning rate falls."""
    final_lr_frac: float = 0.0
    """Learning-rate multiplier at the end."""
    eval_every: int | None = 250
    """Validate every so many updates; -1 = off."""
    eval_tokens: int = 10_485_760
    """Tokens per validation."""
    core_metric_every: int | None = 2000
    """CORE benchmark every so many updates; -1 = off."""
    core_metric_max_per_task: int = 500
    """Examples per CORE task."""
    sample_every: int | None = 2000
    """Print sample completions every so many updates; -1 = off."""

    UNSET = (
        *StageConfig.UNSET,
        "target_flops",
        "target_param_data_ratio",
        "eval_every",
        "core_metric_every",
        "sample_every",
    )


@dataclass(kw_only=True)
class ChatStageConfig(StageConfig):
    """What mid-training and fine-tuning share."""

    model_step: Annotated[int | None, flag("--step")] = None
    """Step of the checkpoint to start from; unset = the newest, said loudly."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Autocast type on CUDA; elsewhere everything is float32."""
    init_lr_frac: float = 1.0
    """Factor on all learning rates."""
    mixture: Literal["nanochat", "quickstart"] = "nanochat"
    """Training data: the hub's data sets, or the generated ones that need no hub."""
    custom_data: UseAppendAction[Annotated[list[str], arg(metavar="FILE[:EPOCHS]")]] = field(
        default_factory=list
    )
    """Your own conversations, mixed into the training data EPOCHS times (a number such as 3 or 0.5,
    by default 1). `nanochat data-check FILE` checks them first."""


@dataclass(kw_only=True)
class MidTrainConfig(ChatStageConfig):
    """Mid-train a base model on conversations and tasks; every token is trained on."""

    max_seq_len: int = 2048
    """Context length in tokens."""
    device_batch_size: int = 32
    """Sequences per device and micro-batch; d34 on one 80 GB GPU: 4."""
    total_batch_size: int = 524288
    """Tokens per update, over all devices."""
    eval_every: int | None = 150
    """Validate every so many updates; -1 = off."""
    eval_tokens: int = 10_485_760
    """Tokens per validation."""
    assistant_only: bool = False
    """Take the loss on the assistant's tokens only; by default every token is trained on."""
    dry_run: bool = False
    """Train, but write no checkpoint and no report."""

    UNSET = (*StageConfig.UNSET, "eval_every")


@dataclass(kw_only=True)
class SFTConfig(ChatStageConfig):
    """Fine-tune on conversations with the loss on the assistant's words only."""

    source: Literal["mid", "base"] = "mid"
    """Stage to start from; base skips mid-training, which the answers will show."""
    num_epochs: int = 1
    """Passes over the mixture."""
    device_batch_size: int = 4
    """Conversations per device and micro-batch."""
    target_examples_per_step: int = 32
    """Conversations per update, over all devices."""
    init_lr_frac: float = 0.02
    """Factor on all learning rates."""
    eval_every: int | None = 100
    """Validation loss every so many updates; 0 or -1 = off."""
    eval_steps: int = 100
    """Validation batches per process."""
    eval_metrics_every: int | None = 200
    """MMLU and ARC-Easy accuracy every so many updates; 0 or -1 = off."""
    eval_metrics_max_problems: int = 1024
    """Problems per accuracy task."""
    eval_before_after: str | None = None
    """Task names joined by |, as in chat_eval: answer the same problems before and after
    fine-tuning, and say what became better or worse."""
    eval_before_after_problems: int = 200
    """Problems per task of --eval_before_after."""

    UNSET = (*StageConfig.UNSET, "eval_every", "eval_metrics_every")

    def __post_init__(self):
        # the contract: values <= 0 switch an evaluation off
        self.eval_every = self.eval_every or None
        self.eval_metrics_every = self.eval_metrics_every or None
        super().__post_init__()
