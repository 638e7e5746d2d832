"""Run one stage: build what the table's row asks for, train, save, report."""

import dataclasses
import os
import time
from collections.abc import Sequence

import torch

from nanochat.checkpoint_manager import (
    STAGE_DIRS,
    load_model,
    load_model_from_dir,
    load_optimizer_states,
    save_checkpoint,
)
from nanochat.common import UserError, duration, get_base_dir, print0
from nanochat.distributed import Dist, mixed_precision
from nanochat.gpt import GPT, GPTConfig
from nanochat.report import get_report
from nanochat.report.metrics import MetricsWriter
from nanochat.report.wandb_sink import open_run
from nanochat.tokenizer import get_tokenizer
from nanochat.train.cpu import keep_freed_memory
from nanochat.train.custom_data import check_unchanged
from nanochat.train.optim import Optimizers
from nanochat.train.progress import ProgressLog
from nanochat.train.stages import Stage
from nanochat.train.trainer import Hook, Trainer, every


class Session:
    """One run of one stage; the functions of the stage table read its attributes."""

    def __init__(
        self,
        stage: Stage,
        config,
        dist: Dist,
        train_task=None,
        val_task=None,
        custom_data: Sequence[dict] = (),
    ):
        self.stage, self.config, self.dist = stage, config, dist
        self.train_task, self.val_task = train_task, val_task
        self.custom_data = list(custom_data)  # path, epochs, conversations and sha256 of each file
        if dist.device_type == "cpu":
            keep_freed_memory()
        self._load()
        self.token_bytes = self.tokenizer.token_bytes().to(dist.device)
        self.plan = stage.plan(self)
        self._print_arithmetic()
        self._build_trainer()

    # -- building ---------------------------------------------------------------------------------
    def _load(self) -> None:
        config, dist = self.config, self.dist
        resume = config.resume_from_step
        parent_meta = {}
        if resume is not None:
            directory = os.path.join(get_base_dir(), STAGE_DIRS[self.stage.name])
            tag = config.model_tag or self._default_tag()
            self.model, self.tokenizer, self.meta = load_model_from_dir(
                directory, dist.device, "train", model_tag=tag, step=resume
            )
            check_unchanged(self.meta.get("custom_data") or [], self.custom_data)
            parent_meta = self.meta
        elif self.stage.from_scratch:
            self.tokenizer = get_tokenizer()
            shape = GPTConfig.from_depth(
                config.depth,
                config.max_seq_len,
                self.tokenizer.get_vocab_size(),
                aspect_ratio=config.aspect_ratio,
                head_dim=config.head_dim,
            )
            with torch.device("meta"):
                self.model = GPT(shape)
            self.model.to_empty(device=dist.device)
            self.model.init_weights()
        else:
            self.model, self.tokenizer, parent_meta = load_model(
                config.source,
                dist.device,
                "train",
                model_tag=config.model_tag,
                step=config.model_step,
            )
        self.parent = parent_meta.get("parent") if resume is not None else None
        if resume is None and parent_meta:
            self.parent = {key: parent_meta["checkpoint"][key] for key in ("source", "tag", "step")}
        self.tag = config.model_tag or parent_meta.get("checkpoint", {}).get("tag")
        self.tag = self.tag or self._default_tag()
        self._adopt_context(parent_meta)

    def _default_tag(self) -> str:
        if not self.stage.from_scratch:
            raise UserError("--resume_from_step needs --model_tag, to know which run to continue")
        return f"d{self.config.depth}"

    def _adopt_context(self, parent_meta: dict) -> None:
        """Take over the context length asked for, and warn about what will not fit."""
        wanted = getattr(self.config, "max_seq_len", None)
        if wanted is not None and wanted != self.model.config.sequence_len:
            limit = self.model.cos.size(1)
            if wanted > limit:
                raise UserError(
                    f"--max_seq_len={wanted} is longer than the {limit} positions this model "
                    f"knows (context {self.model.config.sequence_len})"
                )
            self.model.config.sequence_len = wanted
        before = parent_meta.get("device_batch_size")
        if before and self.stage.name == "mid" and self.config.device_batch_size > before:
            print0(
                f"warning: --device_batch_size={self.config.device_batch_size} is larger than the "
                f"{before} this model was pretrained with; lower it if memory runs out"
            )

    def _print_arithmetic(self) -> None:
        config, accumulation, world = self.config, self.plan.micro_batches, self.dist.world_size
        B = config.device_batch_size
        if hasattr(config, "max_seq_len"):
            T = config.max_seq_len
            print0(f"tokens per micro-batch: {B} x {T} = {B * T:,} on each process")
            print0(f"tokens per micro-batch, {world} process(es): {B * T * world:,}")
            print0(f"micro-batches per update: {accumulation} ({config.total_batch_size:,} tokens)")
        else:
            total = config.target_examples_per_step
            print0(f"conversations per update: {total} = {accumulation} x {B} x {world} processes")
        print0(f"parameters: {self.model.num_parameters():,}")
        if self.plan.num_steps is not None:
            horizon = f"{self.plan.num_steps:,} updates"
        elif self.plan.seconds is not None:
            horizon = duration(self.plan.seconds)
        else:
            horizon = "one pass over the data"
        print0(f"horizon: {horizon}")

    def _build_trainer(self) -> None:
        config, stage = self.config, self.stage
        state = None
        if config.resume_from_step is not None:
            state = self._resume_state()
        loader_state = state["loader"] if state else None
        optimizers = Optimizers(
            self.model,
            self.dist,
            unembedding_lr=config.unembedding_lr,
            embedding_lr=config.embedding_lr,
            matrix_lr=config.matrix_lr,
            weight_decay=config.weight_decay,
            init_lr_frac=config.init_lr_frac,
        )
        self.trainer = Trainer(
            self.model,
            optimizers,
            stage.make_loader(self, loader_state),
            self.dist,
            num_steps=self.plan.num_steps,
            seconds=self.plan.seconds,
            micro_batches=self.plan.micro_batches,
            lr_multiplier=lambda position: stage.lr_multiplier(config, position),
            momentum=stage.momentum,
            grad_clip=config.grad_clip,
            autocast=self.autocast,
            compile_model=stage.compiles and self.dist.device_type == "cuda",
        )
        if state:
            self.trainer.load_state_dict(state)
            optimizers.load_state_dicts(
                load_optimizer_states(self.checkpoint_dir, config.resume_from_step)
            )

    def _resume_state(self) -> dict:
        """The trainer's state, from our metadata or (less exactly) from the original's."""
        saved = self.meta.get("trainer_state")
        if saved:
            loaders = saved["loaders"]
            if len(loaders) != self.dist.world_size:
                raise UserError(
                    f"this run was interrupted with {len(loaders)} process(es); resume it with as "
                    f"many (now {self.dist.world_size})"
                )
            return {**saved, "loader": loaders[self.dist.rank]}
        loop = self.meta.get("loop_state", {})
        print0("resuming from the original's metadata: some documents may be skipped")
        return {
            "step": self.config.resume_from_step,
            "data_progress": 0.0,
            "loader": self.meta.get("dataloader_state_dict"),
            "smooth_train_loss": loop.get("smooth_train_loss") or 0.0,
            "seconds_used": loop.get("total_training_time") or 0.0,
            "total_training_time": loop.get("total_training_time") or 0.0,
            "results": {},
        }

    # -- what hooks and the stage table use -------------------------------------------------------
    def autocast(self):
        """bf16 on CUDA unless float32 was asked for; nothing elsewhere."""
        return mixed_precision(self.dist.device, self.config.dtype)

    @property
    def checkpoint_dir(self) -> str:
        return os.path.join(get_base_dir(), STAGE_DIRS[self.stage.name], self.tag)

    def validate(self, trainer: Trainer, last: bool) -> None:
        metric = self.stage.validation_metric
        figure = self.stage.validate(self)
        results = trainer.results
        results[metric] = figure
        results[f"min_{metric}"] = min(figure, results.get(f"min_{metric}", figure))
        print0(f"step {trainer.step} | {metric} {figure:.4f}")
        self.record(trainer, {metric: figure})

    def record(self, trainer: Trainer, figures: dict) -> None:
        """Log an evaluation's figures to the metrics file and the experiment log."""
        line = {"event": "evaluation", "step": trainer.step, **figures, "time": time.time()}
        self.metrics.log(line)
        self.experiment.log(
            {"step": trainer.step, **{k.replace("_", "/", 1): v for k, v in figures.items()}}
        )

    def save(self, trainer: Trainer, last: bool) -> None:
        """Write a checkpoint; it can be resumed from, unless it is final without its optimizer."""
        if trainer.step == self.config.resume_from_step and not last:
            return
        state = trainer.state_dict()
        state["loaders"] = self.dist.gather_objects(state.pop("loader"))
        with_optimizer = not last or self.stage.keeps_optimizer
        save_checkpoint(
            self.checkpoint_dir,
            trainer.step,
            self.model.state_dict() if self.dist.is_main else None,
            trainer.optimizers.state_dict() if with_optimizer else None,
            self._metadata(trainer, state, complete=last),
            rank=self.dist.rank,
            tokenizer=self.tokenizer,
        )
        self.dist.barrier()
        print0(f"saved step {trainer.step} to {self.checkpoint_dir}")

    def _metadata(self, trainer: Trainer, state: dict, complete: bool) -> dict:
        config, results = self.config, trainer.results
        meta = {
            "step": trainer.step,
            "stage": self.stage.name,
            "complete": complete,
            "parent": self.parent,
            self.stage.validation_metric: results.get(self.stage.validation_metric),
            **{key: results.get(key) for key in self.extra_results},
            "model_config": dataclasses.asdict(self.model.config),
            "user_config": dataclasses.asdict(config),
            "custom_data": self.custom_data,
            "device_batch_size": config.device_batch_size,
            "max_seq_len": self.model.config.sequence_len,
            "training_seconds": trainer.total_training_time,
            "trainer_state": state,
        }
        if self.stage.from_scratch:
            place = state["loaders"][0] or {}
            meta["dataloader_state_dict"] = {key: place.get(key, 0) for key in ("pq_idx", "rg_idx")}
            meta["loop_state"] = {
                "min_val_bpb": results.get("min_val_bpb"),
                "smooth_train_loss": trainer.smooth_loss,
                "total_training_time": trainer.total_training_time,
            }
        return meta

    extra_results: tuple[str, ...] = ()  # further figures of the stage's metadata

    # -- running ----------------------------------------------------------------------------------
    def run(self, hooks: Sequence[Hook] = ()) -> dict[str, float]:
        """Train with validation, the given hooks and checkpoints, then report.

        Returns the figures reached.
        """
        config, dist, trainer = self.config, self.dist, self.trainer
        writes = not config.dry_run
        path = os.path.join(self.checkpoint_dir, "metrics.jsonl")
        self.metrics = MetricsWriter(path if writes and dist.is_main else None)
        self.experiment = open_run(
            config.run,
            project=self.stage.wandb_project,
            config=dataclasses.asdict(config),
            is_main=dist.is_main,
        )
        self.metrics.log(
            {"event": "start", "stage": self.stage.name, "config": dataclasses.asdict(config)}
        )
        log = ProgressLog(
            self.stage.name,
            self.model.estimate_flops(),
            dist,
            self.metrics,
            self.experiment,
            self.stage.wandb_every,
        )
        save = every(config.save_every, self.save, first=False)
        if config.save_every is None:
            save = lambda trainer, last: self.save(trainer, last) if last else None  # noqa: E731
        hooks = [every(config.eval_every, self.validate), *hooks, *([save] if writes else [])]
        try:
            trainer.run(hooks, log)
            if trainer.interrupted:
                self._leave_interrupted(writes)
        finally:
            log.close()
            self.metrics.finish()
            self.experiment.finish()
        print0(
            f"trained {trainer.step:,} updates in {duration(trainer.seconds_used)} "
            f"({duration(trainer.total_training_time)} without the warm-up)"
        )
        if dist.device_type == "cuda":
            print0(f"peak memory: {torch.cuda.max_memory_allocated() / 2**20:,.0f} MiB")
        if writes:
            self._report()
        return trainer.results

    def _leave_interrupted(self, writes: bool) -> None:
        if writes and not self.trainer.is_last:
            self.save(self.trainer, last=False)
            print0(f"continue with --resume_from_step={self.trainer.step} and the same flags")
        raise KeyboardInterrupt

    def _report(self) -> None:
        """Write the stage's section of the report: flags, then figures."""
        if self.dist.is_main:
            flags = dataclasses.asdict(self.config)
            get_report().log(self.stage.title, [flags, self.stage.figures(self)])
