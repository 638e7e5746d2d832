"""Mid-train a base model: `python -m scripts.mid_train --model_tag=d34 --device_batch_size=4`.

Your own data: `--custom_data=my.jsonl`; see docs/your-own-data.md.
"""

import os

from nanochat.command_line import parse, run
from nanochat.common import get_base_dir, print0
from nanochat.train.config import MidTrainConfig


def load_data(mixture: str):
    """Return (training task, validation task)."""
    from tasks import mixtures
    from tasks.common import TaskMixture
    from tasks.customjson import CustomJSON
    from tasks.gsm8k import GSM8K
    from tasks.mmlu import MMLU
    from tasks.smoltalk import SmolTalk
    from tasks.spellingbee import SimpleSpelling, SpellingBee

    if mixture == "quickstart":
        return mixtures.quickstart_mid("train"), mixtures.quickstart_mid("test")
    identity = os.path.join(get_base_dir(), "identity_conversations.jsonl")
    train_ds = TaskMixture(
        [
            SmolTalk(split="train"),  # 460K conversations
            MMLU(subset="auxiliary_train", split="train"),  # 100K questions
            GSM8K(subset="main", split="train"),  # 8K word problems with tool calls
            CustomJSON(filepath=identity),  # 1K conversations about itself ...
            CustomJSON(filepath=identity),  # ... twice, to weigh more
            SimpleSpelling(size=200_000, split="train"),
            SpellingBee(size=80_000, split="train"),
        ]
    )
    val_ds = TaskMixture(
        [
            SmolTalk(split="test"),
            MMLU(subset="all", split="test", stop=5_200),
            GSM8K(subset="main", split="test", stop=420),
        ]
    )
    return train_ds, val_ds


def main(argv=None) -> None:
    config = parse(MidTrainConfig, argv, prog="mid_train")

    from tasks.custom_data import CustomData, with_custom_data

    own = [CustomData(spec) for spec in config.custom_data]  # first, for it is soonest mended
    train_ds, val_ds = load_data(config.mixture)
    train_ds = with_custom_data(train_ds, own)
    print0(train_ds.table())

    from nanochat import distributed
    from nanochat.train.session import Session
    from nanochat.train.stages import MID

    dist = distributed.init(config.device)
    records = [data.record for data in own]
    session = Session(MID, config, dist, train_ds, val_ds, records)
    session.run()
    dist.close()


if __name__ == "__main__":
    run(main)
