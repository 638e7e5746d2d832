"""Stages as values. base, mid and sft differ in this table and in nothing else.

A row's functions take the `Session` of `nanochat.train.session`: config, dist, model, tokenizer,
and for the chat stages the training and validation tasks.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nanochat.common import UserError
from nanochat.data.loaders import PackedChatLoader, PaddedChatLoader, PretrainLoader
from nanochat.evals.bpb import evaluate_bpb
from nanochat.train import schedule, summary
from nanochat.train.schedule import Position


@dataclass(frozen=True)
class Plan:
    """How long a run is, and how many micro-batches an update has.

    The horizon is `num_steps` updates, else `seconds`, else (both None) one pass over the data.
    """

    micro_batches: int
    num_steps: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Stage:
    """One row: what a stage reads, how it batches, weighs, schedules and validates."""

    name: str  # also the name of its checkpoints' source
    title: str  # of its section in the report
    wandb_project: str
    wandb_every: int
    plan: Callable
    make_loader: Callable  # (session, task or split, state=None, for validation or training)
    validate: Callable  # session -> figure
    validation_metric: str  # name of that figure in metadata and logs
    lr_multiplier: Callable[[object, Position], float]
    momentum: Callable[[int], float | None]
    from_scratch: bool  # whether it builds the model itself instead of loading one
    keeps_optimizer: bool  # whether the final checkpoint has the optimizer's state, too
    compiles: bool  # whether batches have one static shape, so that compiling pays
    figures: Callable  # session -> what goes into its section of the report


def micro_batches(total: int, per_device: int, world_size: int, unit: str) -> int:
    """Return gradient accumulation steps, or raise UserError naming a fitting total."""
    per_world = per_device * world_size
    if total % per_world != 0:
        fitting = max(1, round(total / per_world)) * per_world
        raise UserError(
            f"a batch of {total:,} {unit} cannot be split into micro-batches of {per_device:,} "
            f"{unit} on {world_size} process(es): {total:,} / {per_world:,} is not whole; "
            f"use a total of {fitting:,}, or another --device_batch_size"
        )
    return total // per_world


def _token_micro_batches(session) -> int:
    config = session.config
    tokens = config.device_batch_size * config.max_seq_len
    return micro_batches(config.total_batch_size, tokens, session.dist.world_size, "tokens")


def _seconds(config) -> float | None:
    """The horizon by the clock, unless a number of updates was given."""
    if config.minutes is None or config.num_iterations is not None:
        return None
    return 60 * config.minutes


def _plan_base(session) -> Plan:
    config, model = session.config, session.model
    accumulation = _token_micro_batches(session)
    if _seconds(config) is not None:
        return Plan(accumulation, seconds=_seconds(config))
    if config.num_iterations is not None:
        num_steps = config.num_iterations
    elif config.target_flops is not None:
        num_steps = round(config.target_flops / (model.estimate_flops() * config.total_batch_size))
    elif config.target_param_data_ratio is not None:
        tokens = config.target_param_data_ratio * model.num_parameters()
        num_steps = int(tokens // config.total_batch_size)
    else:
        raise UserError(
            "nothing says how long to train; give --num_iterations, --target_flops or "
            "--target_param_data_ratio"
        )
    if num_steps < 1:
        raise UserError(
            f"the chosen horizon is less than one update of {config.total_batch_size:,} tokens; "
            "raise it or lower --total_batch_size"
        )
    return Plan(accumulation, num_steps)


def _plan_mid(session) -> Plan:
    config = session.config
    return Plan(_token_micro_batches(session), config.num_iterations, _seconds(config))


def _plan_sft(session) -> Plan:
    """The contract counts passes, the last of which only evaluates: N passes do N - 1 updates."""
    config = session.config
    examples = config.target_examples_per_step
    accumulation = micro_batches(
        examples, config.device_batch_size, session.dist.world_size, "conversations"
    )
    if _seconds(config) is not None:
        return Plan(accumulation, seconds=_seconds(config))
    passes = config.num_iterations
    if passes is None:
        passes = len(session.train_task) // examples * config.num_epochs
    if passes < 2:
        raise UserError(
            f"{len(session.train_task)} conversations give {passes} passes of {examples}; at least "
            "2 are needed for one update: lower --target_examples_per_step, raise --num_epochs or "
            "add data"
        )
    return Plan(accumulation, passes - 1)


def _pretrain_loader(session, state=None, *, validation=False):
    config = session.config
    split = "val" if validation else "train"
    B, T = config.device_batch_size, config.max_seq_len
    return PretrainLoader(session.tokenizer, B, T, split, session.dist, state=state)


def _packed_loader(session, state=None, *, validation=False):
    config = session.config
    task = session.val_task if validation else session.train_task
    B, T = config.device_batch_size, config.max_seq_len
    only = config.assistant_only and not validation  # figures stay comparable
    return PackedChatLoader(
        task, session.tokenizer, B, T, session.dist, assistant_only=only, state=state
    )


def _padded_loader(session, state=None, *, validation=False):
    task = session.val_task if validation else session.train_task
    return PaddedChatLoader(
        task,
        session.tokenizer,
        session.config.device_batch_size,
        session.dist,
        max_tokens=min(2048, session.model.config.sequence_len),
        group=1 if validation else session.plan.micro_batches,
        state=state,
    )


def _validate_bpb(session) -> float:
    """Bits per byte of the validation data, from its beginning."""
    config, dist = session.config, session.dist
    batch_tokens = config.device_batch_size * config.max_seq_len * dist.world_size
    batches = session.stage.make_loader(session, validation=True)
    pairs = ((batch.inputs, batch.targets) for batch in batches)
    with session.autocast():
        return evaluate_bpb(
            session.model,
            pairs,
            config.eval_tokens // batch_tokens,
            session.token_bytes,
            dist,
        )


@torch.inference_mode()
def _validate_loss(session) -> float:
    """Mean loss in nats over the supervised tokens of `eval_steps` batches of every rank."""
    sums = torch.zeros(2, device=session.dist.device)
    batches = session.stage.make_loader(session, validation=True)
    for batch in itertools.islice(batches, session.config.eval_steps):
        with session.autocast():
            sums[0] += session.model(batch.inputs, batch.targets, loss_reduction="sum")
        sums[1] += (batch.targets >= 0).sum()
    loss, tokens = session.dist.all_reduce_sum(sums).tolist()
    return loss / max(1.0, tokens)


BASE = Stage(
    name="base",
    title="Base model training",
    wandb_project="nanochat",
    wandb_every=100,
    plan=_plan_base,
    make_loader=_pretrain_loader,
    validate=_validate_bpb,
    validation_metric="val_bpb",
    lr_multiplier=lambda config, position: schedule.warmup_warmdown(
        position, config.warmup_ratio, config.warmdown_ratio, config.final_lr_frac
    ),
    momentum=schedule.warming_momentum,
    from_scratch=True,
    keeps_optimizer=True,
    compiles=True,
    figures=summary.base_figures,
)
MID = Stage(
    name="mid",
    title="Midtraining",
    wandb_project="nanochat-mid",
    wandb_every=10,
    plan=_plan_mid,
    make_loader=_packed_loader,
    validate=_validate_bpb,
    validation_metric="val_bpb",
    lr_multiplier=lambda config, position: schedule.late_decay(position),
    momentum=schedule.warming_momentum,
    from_scratch=False,
    keeps_optimizer=True,
    compiles=True,
    figures=summary.mid_figures,
)
SFT = Stage(
    name="sft",
    title="Chat SFT",
    wandb_project="nanochat-sft",
    wandb_every=1,
    plan=_plan_sft,
    make_loader=_padded_loader,
    validate=_validate_loss,
    validation_metric="val_loss",
    lr_multiplier=lambda config, position: schedule.linear_decay(position),
    momentum=lambda step: None,
    from_scratch=False,
    keeps_optimizer=False,
    compiles=False,
    figures=summary.sft_figures,
)
STAGES = {stage.name: stage for stage in (BASE, MID, SFT)}
