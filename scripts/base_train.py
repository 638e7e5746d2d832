"""Pretrain a base model: `python -m scripts.base_train --depth=20`."""

from nanochat.command_line import parse, run
from nanochat.train.config import BaseTrainConfig


def main(argv=None) -> None:
    config = parse(BaseTrainConfig, argv, prog="base_train")

    from nanochat import distributed
    from nanochat.common import print0
    from nanochat.engine import Engine
    from nanochat.evals.samples import sample_completions
    from nanochat.train.session import Session
    from nanochat.train.stages import BASE
    from nanochat.train.trainer import every

    dist = distributed.init(config.device)
    session = Session(BASE, config, dist)
    if config.core_metric_every is not None:
        print0("note: the CORE benchmark is not part of this version; validating bits per byte")

    def sample(trainer, last):
        if dist.is_main:
            for text in sample_completions(
                Engine(session.model, session.tokenizer), session.tokenizer
            ):
                print0(f"  {text!r}")

    session.run([every(config.sample_every, sample, first=False)])
    dist.close()


if __name__ == "__main__":
    run(main)
