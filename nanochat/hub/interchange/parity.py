"""Compare an exported directory with the model it was made from, by running both.

Both compute in fp32. nanochat keeps its rotary tables in bf16, other programs in fp32 (which moves
logits by some thousandths), so one comparison lends nanochat fp32 tables: what is left is rounding.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from nanochat.common import UserError
from nanochat.gpt import GPT
from nanochat.hub.extras import load_extra
from nanochat.hub.interchange.importing import describe_directory, read_weights
from nanochat.hub.interchange.sample_texts import sample_conversations, sample_strings
from nanochat.hub.interchange.tensor_files import StoredTensors
from nanochat.hub.interchange.transformers_format import LLAMA_ROPE_MODEL_TYPE, MODEL_TYPE
from nanochat.tokenizer import RustBPETokenizer

ROWS, MAX_POSITIONS = 4, 128  # of token ids that both models are run on
STRINGS = 1000
LARGEST_DIFFERENCE = 1e-3  # of logits within +-15; small models agree to 1e-6


@dataclass(frozen=True)
class LogitComparison:
    """Two models on the same ids: the largest difference of logits, how often arg-max agrees."""

    what: str
    largest: float
    same_argmax: float

    @classmethod
    def of(cls, what: str, ours: torch.Tensor, theirs: torch.Tensor) -> "LogitComparison":
        same = (ours.argmax(-1) == theirs.argmax(-1)).float().mean()
        return cls(what, (ours - theirs).abs().max().item(), same.item())


@dataclass(frozen=True)
class Parity:
    """The figures of one export; `logits[0]` is the comparison that has to be exact."""

    runtime: str
    positions: int
    logits: list[LogitComparison]
    equal_strings: int
    strings: int
    equal_chats: int
    chats: int

    def problem(self) -> str | None:
        """Return what does not agree, or None."""
        exact = self.logits[0]
        if not exact.largest <= LARGEST_DIFFERENCE:
            return f"logits differ by {exact.largest:.1e} ({exact.what})"
        if self.equal_strings < self.strings:
            return f"{self.strings - self.equal_strings} of {self.strings} strings get other ids"
        if self.equal_chats < self.chats:
            return f"{self.chats - self.equal_chats} of {self.chats} conversations get other ids"
        return None

    def table(self) -> str:
        """Return the figures as Markdown."""
        rows = [
            f"| {one.what} | {one.largest:.1e} | {one.same_argmax:.2%} |".replace("0.0e+00", "0")
            for one in self.logits
        ]
        return "\n".join(
            [
                f"Compared with {self.runtime}, both in float32, at {self.positions} positions:",
                "",
                "| nanochat's side | largest logit difference | arg-max equal |",
                "|---|---|---|",
                *rows,
                "",
                f"Same ids, and the same text back: {self.equal_strings} of {self.strings} "
                f"strings. Same ids by the chat template: {self.equal_chats} of {self.chats} "
                "conversations.",
            ]
        )


@torch.no_grad()
def compare(
    directory: str, model: GPT, tokenizer: RustBPETokenizer, dtype: torch.dtype, model_type: str
) -> Parity:
    """Run `model` and what was exported from it as `dtype` into `directory` on the same input.

    `model` has to be on the CPU in fp32; its weights are rounded to `dtype` on the way. Raises
    UserError if transformers is not installed or cannot load the directory.
    """
    transformers = load_extra("transformers", "export")
    ids = _sample_ids(model, tokenizer)
    logits = _our_logits(model, ids, dtype)
    with _silenced(transformers):
        if model_type == LLAMA_ROPE_MODEL_TYPE:
            runtime = "a graph that rotates as Llama does"
            theirs = usual_rotation_logits(directory, ids)
        else:
            runtime = f"transformers {transformers.__version__}"
            theirs = _transformers_logits(transformers, directory, ids)
        foreign = transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True)
        strings, chats = sample_strings(STRINGS), sample_conversations()
        return Parity(
            runtime,
            ids.numel(),
            [LogitComparison.of(what, ours, theirs) for what, ours in logits.items()],
            sum(_same_tokens(text, tokenizer, foreign) for text in strings),
            len(strings),
            sum(_same_chat(messages, tokenizer, foreign) for messages in chats),
            len(chats),
        )


@contextlib.contextmanager
def _silenced(transformers: Any) -> Iterator[None]:
    """Keep transformers from remarks and progress bars, which are meant for its own users."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _our_logits(model: GPT, ids: torch.Tensor, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Logits by what they were computed with, the comparable ones first; rounds the weights."""
    before_rounding = model(ids)
    for parameter in model.parameters():
        parameter.copy_(parameter.to(dtype))
    usual = model(ids)
    model.init_rotary(torch.float32)
    exact = model(ids)
    model.init_rotary()
    logits = {
        "the same weights, fp32 rotary tables": exact,
        "the same weights, its bf16 rotary tables": usual,
    }
    if dtype != torch.float32:
        logits["the checkpoint before rounding to bfloat16, its bf16 tables"] = before_rounding
    return logits


def _sample_ids(model: GPT, tokenizer: RustBPETokenizer) -> torch.Tensor:
    """Ids (ROWS, T): one row of conversations, the others any tokens in any order."""
    config = model.config
    length = min(config.sequence_len, MAX_POSITIONS)
    ids = torch.randint(
        config.vocab_size, (ROWS, length), generator=torch.Generator().manual_seed(0)
    )
    text = [
        token
        for messages in sample_conversations()
        for token in tokenizer.render_conversation({"messages": messages})[0]
    ][:length]
    ids[0, : len(text)] = torch.tensor(text)
    return ids


def _transformers_logits(transformers: Any, directory: str, ids: torch.Tensor) -> torch.Tensor:
    try:
        loader = transformers.NanoChatForCausalLM
    except AttributeError as error:
        raise UserError(
            f"transformers {transformers.__version__} does not know nanochat models; update it, or "
            "export with --no-check"
        ) from error
    theirs, report = loader.from_pretrained(
        directory, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    unread = {what: names for what, names in report.items() if names}
    if unread:
        raise UserError(f"{directory}: transformers did not load all of it: {unread!s:.300}")
    return theirs.eval()(ids).logits.float()


def usual_rotation_logits(directory: str, ids: torch.Tensor) -> torch.Tensor:
    """Logits (B, T, V) of the weights of an `hf-llama-rope` export with Llama's rotation."""
    foreign = describe_directory(directory)
    as_stored = dataclasses.replace(foreign, model_type=MODEL_TYPE)  # rows stay as they are
    with StoredTensors(directory) as stored:
        weights = read_weights(as_stored, stored)
    model = GPT(foreign.config)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    model.init_rotary(torch.float32)
    model.sin.neg_()  # the opposite angle is the usual rotation
    return model.eval()(ids)


def _same_tokens(text: str, tokenizer: RustBPETokenizer, foreign: Any) -> bool:
    ids = tokenizer.encode(text)
    theirs = foreign(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return theirs == ids and foreign.decode(theirs) == text


def _same_chat(messages: list[dict], tokenizer: RustBPETokenizer, foreign: Any) -> bool:
    conversation = {"messages": messages}
    whole, _ = tokenizer.render_conversation(conversation, max_tokens=2**31)
    prompt = tokenizer.render_for_completion(conversation)
    return whole == chat_ids(foreign, messages) and prompt == chat_ids(
        foreign, messages[:-1], add_generation_prompt=True
    )


def chat_ids(foreign: Any, messages: list[dict], **options: Any) -> list[int]:
    """Return the ids that a transformers tokenizer's chat template gives."""
    return foreign.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
