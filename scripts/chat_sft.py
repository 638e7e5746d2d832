"""Fine-tune on conversations: `python -m scripts.chat_sft --source=mid --model_tag=d34`.

Your own data: `--custom_data=my.jsonl`, or add `CustomJSON(filepath="my.jsonl")` to `train_ds`
below; each line is
`{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}`.
"""

import os

from nanochat.command_line import parse, run
from nanochat.common import get_base_dir, print0
from nanochat.train.config import SFTConfig


def load_data(mixture: str):
    """Return (training task, validation task)."""
    from tasks import mixtures
    from tasks.arc import ARC
    from tasks.common import TaskMixture
    from tasks.customjson import CustomJSON
    from tasks.gsm8k import GSM8K
    from tasks.smoltalk import SmolTalk
    from tasks.spellingbee import SimpleSpelling, SpellingBee

    if mixture == "quickstart":
        return mixtures.quickstart_sft("train"), mixtures.quickstart_sft("test")
    train_ds = TaskMixture(
        [
            ARC(subset="ARC-Easy", split="train"),  # 2.3K questions
            ARC(subset="ARC-Challenge", split="train"),  # 1.1K questions
            GSM8K(subset="main", split="train"),  # 8K word problems with tool calls
            SmolTalk(split="train", stop=10_000),  # 10K conversations
            CustomJSON(filepath=os.path.join(get_base_dir(), "identity_conversations.jsonl")),
            SimpleSpelling(size=300, split="train"),
            SpellingBee(size=300, split="train"),
        ]
    )
    return train_ds, SmolTalk(split="test")


def load_accuracy_tasks(config: SFTConfig) -> dict:
    """The multiple-choice tasks scored while training: name in the metadata -> task."""
    from tasks.arc import ARC
    from tasks.mmlu import MMLU

    if config.mixture == "quickstart" or config.eval_metrics_every is None:
        return {}
    return {
        "mmlu_acc": MMLU(subset="all", split="test"),
        "arc_easy_acc": ARC(subset="ARC-Easy", split="test"),
    }


def load_compared_tasks(config: SFTConfig) -> dict:
    """The tasks of --eval_before_after, by name."""
    from scripts.chat_eval import choose_tasks, load_tasks

    names = config.eval_before_after
    return load_tasks(choose_tasks(names)) if names is not None else {}


def main(argv=None) -> None:
    config = parse(SFTConfig, argv, prog="chat_sft")

    from tasks.custom_data import CustomData, with_custom_data

    own = [CustomData(spec) for spec in config.custom_data]  # first, for it is soonest mended
    compared = load_compared_tasks(config)
    train_ds, val_ds = load_data(config.mixture)
    train_ds = with_custom_data(train_ds, own)
    print0(train_ds.table())

    from nanochat import distributed
    from nanochat.train.accuracy import accuracy_hook
    from nanochat.train.before_after import BeforeAfter
    from nanochat.train.session import Session
    from nanochat.train.stages import SFT

    dist = distributed.init(config.device)
    if config.source == "base":
        print0(
            "WARNING: --source=base skips mid-training. The model has never seen a conversation: "
            "expect forum or encyclopedia text, repetition and broken turns. "
            "The usual path is scripts.mid_train first."
        )
    session = Session(SFT, config, dist, train_ds, val_ds, [data.record for data in own])
    hooks = [accuracy_hook(session, load_accuracy_tasks(config))]
    if compared:
        hooks.append(BeforeAfter(session, compared, config.eval_before_after_problems))
    session.run(hooks)
    dist.close()


if __name__ == "__main__":
    run(main)
