"""From raw text to your own chat model with one command: `bash runs/quickstart.sh`.

Runs every stage as the command you could type yourself, prints it first, and remembers what is
done, so that a second run continues at the first unfinished stage.
"""

import os
import shlex
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError


@dataclass
class QuickstartConfig:
    """Train a small chat model from raw text and talk to it."""

    minutes: float = 10.0
    """Training time in total: pretraining, mid-training and fine-tuning."""
    serve: bool = True
    """Open the chat page at the end."""
    port: Annotated[int, flag("-p")] = 8000
    """Port of the chat page."""
    items: int = 200
    """Held-out items per evaluation."""
    device_type: Literal["", "cuda", "mps", "cpu"] = ""
    """Device; empty = the first available of cuda, mps, cpu."""

    def __post_init__(self):
        if not self.minutes > 0:
            raise UserError(f"--minutes must be more than 0, got {self.minutes}")
        if self.items < 1:
            raise UserError(f"--items must be at least 1, got {self.items}")


def show_results(config: QuickstartConfig, steps, seconds) -> None:
    from nanochat.distributed import init
    from nanochat.quickstart import table

    device = init(config.device_type or None).device
    print("\n" + table.figures_table(config.items, *table.held_out_bits_per_byte(device)))
    print("\n" + table.times_table(steps, seconds))
    print(f"\nFour conversations with the model (sampled at temperature {table.TEMPERATURE}):")
    for text in table.sample_conversations(device):
        print("\n" + text)
    print(flush=True)


def main(argv=None) -> None:
    config = parse(QuickstartConfig, argv, prog="quickstart")

    from nanochat.quickstart.plan import TAG, make_steps
    from nanochat.quickstart.runner import command_text, run_steps

    # a directory of its own: the quickstart must not touch another model's tokenizer
    base_dir = os.environ.get("NANOCHAT_BASE_DIR")
    base_dir = base_dir or os.path.expanduser("~/.cache/nanochat-quickstart")
    os.environ["NANOCHAT_BASE_DIR"] = base_dir
    prepare = f"source .venv/bin/activate; export NANOCHAT_BASE_DIR={shlex.quote(base_dir)}"
    print(f"To repeat a step by hand, first:\n$ {prepare}")
    steps = make_steps(config.minutes, config.items, config.device_type)
    seconds = run_steps(steps)
    show_results(config, steps, seconds)
    page = ("scripts.chat_web", "--source=sft", f"--model_tag={TAG}", f"--port={config.port}")
    if config.device_type:
        page += (f"--device_type={config.device_type}",)
    ask = ("scripts.chat_cli", "--source=sft", f"--model_tag={TAG}", "--prompt=Who are you?")
    print(f"To talk to it later:\n$ {prepare}\n$ {command_text(ask)}")
    print(f"$ {command_text(page)}", flush=True)
    if config.serve:
        os.execv(sys.executable, [sys.executable, "-m", *page])


if __name__ == "__main__":
    run(main)
