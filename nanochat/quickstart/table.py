"""What the quickstart shows at the end: figures, time of each stage, sample conversations."""

import json
import os
import textwrap
from collections.abc import Mapping, Sequence

from nanochat.common import duration, get_base_dir
from nanochat.distributed import single
from nanochat.quickstart.plan import TAG, TASKS, Step, mid_items

TEMPERATURE, TOP_K, MAX_TOKENS = 0.3, 50, 150  # a small model is at its best when it is sure
CONVERSATIONS = (
    ("Hello! How are you today?", "What do you like to do?"),
    ("I had a long day at work.", "Thanks. Any idea for the evening?"),
    ("Who are you?", "How many times does the letter e appear in the word cheese?"),
    ("What is 23 * 17?", "Great, thank you! Bye."),
)


def _read_metrics(slug: str) -> dict[str, float]:
    """The figures that a stage reported; empty if there is no such report."""
    path = os.path.join(get_base_dir(), "report", f"{slug}.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file).get("metrics", {})
    except FileNotFoundError:
        return {}


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def held_out_bits_per_byte(device: str) -> tuple[float, float]:
    """Bits per byte of the whole held-out text: the base model's, and those of `xz -9`."""
    from nanochat.checkpoint_manager import load_model
    from nanochat.data.shards import parquets_iter_batched
    from nanochat.evals.bpb import compression_baseline, evaluate_split

    texts = [text for batch in parquets_iter_batched("val") for text in batch]
    model, tokenizer, _ = load_model("base", device, "eval", model_tag=TAG)
    tokens = sum(len(ids) + 1 for ids in tokenizer.encode(texts))
    T = model.config.sequence_len
    # a batch of one row takes one token more than it predicts
    bpb = evaluate_split(model, tokenizer, "val", tokens // (T + 1) * T, 1, single(device))
    return bpb, compression_baseline(texts)


def figures_table(items: int, base_bpb: float, xz_bpb: float) -> str:
    """Markdown table of what was measured on held-out items after each stage."""
    mid, sft = (_read_metrics(f"chat-evaluation-{stage}") for stage in ("mid", "sft"))
    rows = [
        "| held out | base | mid | sft |",
        "|---|---|---|---|",
        f"| bits per byte of text (`xz -9`: {xz_bpb:.3f}) | {base_bpb:.3f} | | |",
    ]
    for task in TASKS:
        rows.append(f"| {task} | | {_percent(mid.get(task))} | {_percent(sft.get(task))} |")
    note = f"Up to {items} items each (mid: {mid_items(items)}), none of them seen in training."
    return "\n".join([*rows, "", note])


def times_table(steps: Sequence[Step], seconds: Mapping[str, float]) -> str:
    """Markdown table of the time each step took."""
    rows = ["| step | time |", "|---|---|"]
    rows += [f"| {step.does} | {duration(seconds[step.name])} |" for step in steps]
    return "\n".join([*rows, f"| total | {duration(sum(seconds[s.name] for s in steps))} |"])


def sample_conversations(device: str) -> list[str]:
    """Talk to the fine-tuned model: each conversation as text, the model's turns included."""
    from nanochat.checkpoint_manager import load_model
    from nanochat.conversation import parse_tokens, render_prompt
    from nanochat.engine import Engine

    model, tokenizer, _ = load_model("sft", device, "eval", model_tag=TAG)
    engine = Engine(model, tokenizer)
    texts = []
    for seed, questions in enumerate(CONVERSATIONS):
        messages, lines = [], []
        for question in questions:
            messages.append({"role": "user", "content": question})
            prompt = render_prompt(tokenizer, messages, model.config.sequence_len - MAX_TOKENS)
            sequences, _ = engine.generate_batch(
                prompt, max_tokens=MAX_TOKENS, temperature=TEMPERATURE, top_k=TOP_K, seed=seed
            )
            content = parse_tokens(tokenizer, sequences[0][len(prompt) :])
            messages.append({"role": "assistant", "content": content})
            lines += [_said("you", question), _said("nanochat", plain_text(content))]
        texts.append("\n".join(lines))
    return texts


def _said(speaker: str, text: str) -> str:
    """One turn, indented; further lines stand a little deeper than its first."""
    return f"  {speaker}: {textwrap.indent(text.strip(), '    ').lstrip()}"


def plain_text(content) -> str:
    """Content as one readable string; tool calls as [expression = result]."""
    if isinstance(content, str):
        return content
    texts = {"text": "{}", "python": "[{}", "python_output": " = {}]"}
    return "".join(texts[part["type"]].format(part["text"]) for part in content)
