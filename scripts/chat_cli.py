"""Chat with a trained model in the terminal.

    python -m scripts.chat_cli                          the newest SFT checkpoint
    python -m scripts.chat_cli -i mid -g d4 -s 300      a particular one
    python -m scripts.chat_cli -p "Why is the sky blue?"

Without a tag or step the choice is printed. A tool call is shown as `[12*3 = 36]`. Long chats
forget their oldest exchanges, so that the newest message and up to 256 tokens of answer fit.
"""

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError
from nanochat.serve.answer import Answer, Delta, Sampling, answer, fit_prompt

MAX_ANSWER_TOKENS = 256


@dataclass(frozen=True)
class ChatCLIConfig:
    source: Annotated[Literal["sft", "mid", "rl", "base"], flag("-i")] = "sft"
    """stage of the checkpoint"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """directory of the checkpoint, such as d4"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint"""
    prompt: Annotated[str, flag("-p")] = ""
    """ask this one question, print the answer and exit"""
    temperature: Annotated[float, flag("-t")] = 0.6
    """0 always takes the likeliest token; higher is more varied"""
    top_k: Annotated[int, flag("-k")] = 50
    """draw from the k likeliest tokens only; 0 = from all"""
    dtype: Annotated[Literal["bfloat16", "float32"] | None, flag("-d")] = None
    """precision; unset = bfloat16 on CUDA, float32 elsewhere. bfloat16 halves the memory"""
    device_type: Literal["", "cuda", "cpu", "mps"] = ""
    """device; empty = the first available"""


def show(events: Iterable[Delta | Answer]) -> Answer:
    """Print an answer as it grows, tool calls in brackets; return its last event."""
    kind, part = "text", None
    for event in events:
        next_kind, next_part = "text", None
        if isinstance(event, Delta):
            next_kind, next_part = event.type, event.part
        if next_part != part:
            result = (kind, next_kind) == ("python", "python_output")
            closing = "]" if kind != "text" and not result else ""
            opening = " = " if result else "[" if next_kind != "text" else ""
            print(closing, opening, sep="", end="")
        kind, part = next_kind, next_part
        if isinstance(event, Delta):
            print(event.text, end="", flush=True)
    print(flush=True)
    return event


def chat(reply, prompt: str = "") -> None:
    """Read questions and print answers; `reply(messages)` prints one and returns its content."""
    if prompt:
        reply([{"role": "user", "content": prompt}])
        return
    print("Type a message; 'clear' starts a new conversation, 'quit' or 'exit' ends.")
    messages: list[dict] = []
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while (text := input("\nUser: ").strip()).lower() not in ("quit", "exit"):
            if text.lower() == "clear":
                messages = []
                print("Conversation cleared.")
            elif text:
                asked = [*messages, {"role": "user", "content": text}]
                try:
                    # parts, not text: earlier tool calls must look to the model as in training
                    messages = [*asked, {"role": "assistant", "content": reply(asked)}]
                except UserError as error:
                    print(f"error: {error}")
    print("\nGoodbye!")


def main(argv: list[str] | None = None) -> None:
    config = parse(ChatCLIConfig, argv, prog="chat_cli", description=__doc__)
    from nanochat.infer.sampling import check_sampling
    from nanochat.serve.replicas import load_pool, pick_devices

    check_sampling(config.temperature, config.top_k)
    devices = pick_devices(config.device_type or None, num_gpus=1)
    pool, identity = load_pool(config.source, config.model_tag, config.step, devices, config.dtype)
    (model,) = pool.workers
    print(f"{identity} is speaking, on {model.device}.")

    def reply(messages: list[dict]) -> str | list[dict]:
        prompt, room = fit_prompt(model.tokenizer, messages, model.context, MAX_ANSWER_TOKENS)
        seed = secrets.randbelow(2**31)
        sampling = Sampling(config.temperature, config.top_k, room, seed)
        print("Assistant: ", end="", flush=True)
        with model.precision():
            return show(answer(model.engine, model.tokenizer, prompt, sampling)).content

    chat(reply, config.prompt)


if __name__ == "__main__":
    run(main)
