"""The tokenizer: byte-level BPE in the GPT-4 style, trained with rustbpe, run by tiktoken.

Ids 0-255 are the single bytes, then come the merges in the order learnt, then the nine special
tokens that mark documents, turns and tool calls. Text is always encoded as ordinary characters:
special tokens are put in by id, so a user who types `<|bos|>` gets seven characters.
"""

import functools
import logging
import os
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import tiktoken

from nanochat import conversation as chat
from nanochat.common import UserError, atomic_write, get_base_dir
from nanochat.tokenizer_files import (
    ENCODING_NAME,
    SPECIAL_TOKENS,
    SPLIT_PATTERN,
    TokenizerData,
    has_tokenizer,
    load_files,
    save_files,
)

if TYPE_CHECKING:  # importing torch takes seconds, and most uses of a tokenizer need no tensor
    import torch

__all__ = [
    "SPECIAL_TOKENS",
    "SPLIT_PATTERN",
    "RustBPETokenizer",
    "get_token_bytes",
    "get_tokenizer",
]

logger = logging.getLogger(__name__)
TOKEN_BYTES_NAME = "token_bytes.pt"
# The regex engine's stack overflows on about a million blanks in a row; cut such runs here.
MAX_BLANK_RUN = 100_000
_BLANK_RUN = re.compile(rf"\s{{{MAX_BLANK_RUN}}}")


class RustBPETokenizer:
    """A tiktoken encoding with this project's special tokens and chat format."""

    def __init__(self, enc: tiktoken.Encoding, bos_token: str):
        self.enc = enc
        self._special_ids = dict(enc._special_tokens)
        self.bos_token_id = self.encode_special(bos_token)

    @classmethod
    def train_from_iterator(cls, text_iterator: Iterable[str], vocab_size: int):
        """Learn a tokenizer of `vocab_size` ids in all, special tokens included.

        Ties between equally frequent pairs go to the smaller left id, then the smaller right id.
        A text too short to teach that many merges gives a smaller vocabulary and a warning.
        """
        import rustbpe

        ranks_wanted = vocab_size - len(SPECIAL_TOKENS)
        if ranks_wanted < 256:
            raise UserError(
                f"vocab_size must be at least {256 + len(SPECIAL_TOKENS)} (256 bytes and "
                f"{len(SPECIAL_TOKENS)} special tokens), got {vocab_size}"
            )
        trainer = rustbpe.Tokenizer()
        trainer.train_from_iterator(iter(text_iterator), ranks_wanted, pattern=SPLIT_PATTERN)
        ranks = {bytes(token): rank for token, rank in trainer.get_mergeable_ranks()}
        if len(ranks) < ranks_wanted:
            logger.warning(
                "the text was only enough for a vocabulary of %d instead of %d",
                len(ranks) + len(SPECIAL_TOKENS),
                vocab_size,
            )
        special = {name: len(ranks) + i for i, name in enumerate(SPECIAL_TOKENS)}
        return cls.from_data(TokenizerData(ENCODING_NAME, SPLIT_PATTERN, ranks, special))

    @classmethod
    def from_data(cls, data: TokenizerData):
        """Build a tokenizer from its four values."""
        encoding = tiktoken.Encoding(
            name=data.name,
            pat_str=data.pat_str,
            mergeable_ranks=data.mergeable_ranks,
            special_tokens=data.special_tokens,
        )
        return cls(encoding, SPECIAL_TOKENS[0])

    @classmethod
    def from_directory(cls, tokenizer_dir: str, any_pattern: bool = False):
        """Load what `save` wrote, or a `tokenizer.pkl` of nanochat (safely; see tokenizer_files).

        Raises UserError when nothing is there or the file is not a tokenizer of this project.
        """
        return cls.from_data(load_files(os.fspath(tokenizer_dir), any_pattern))

    @classmethod
    def from_pretrained(cls, tiktoken_name: str):
        """Load one of tiktoken's own encodings, e.g. `gpt2` (downloaded on first use)."""
        return cls(tiktoken.get_encoding(tiktoken_name), "<|endoftext|>")

    @functools.cached_property
    def data(self) -> TokenizerData:
        """The four values the tokenizer consists of."""
        enc = self.enc
        return TokenizerData(enc.name, enc._pat_str, enc._mergeable_ranks, enc._special_tokens)

    def save(self, tokenizer_dir: str) -> None:
        """Write tokenizer.pkl, its data-only JSON form and token_bytes.pt, each atomically."""
        import torch

        if set(self._special_ids) != set(SPECIAL_TOKENS):
            raise UserError(f"{self.enc.name}: only nanochat's own tokenizers can be saved")
        save_files(os.fspath(tokenizer_dir), self.data, pickle.dumps(self.enc, protocol=4))
        with atomic_write(os.path.join(tokenizer_dir, TOKEN_BYTES_NAME)) as file:
            torch.save(self.token_bytes(), file)

    def fingerprint(self) -> str:
        """Return a hex SHA-256 that two tokenizers share exactly if they encode alike."""
        return self.data.fingerprint()

    def token_bytes(self) -> "torch.Tensor":
        """Return an int32 tensor (V,): bytes each token stands for, 0 for special tokens."""
        import torch

        lengths = torch.zeros(self.get_vocab_size(), dtype=torch.int32)
        ranks = self.enc._mergeable_ranks
        lengths[list(ranks.values())] = torch.tensor([len(t) for t in ranks], dtype=torch.int32)
        return lengths

    def get_vocab_size(self) -> int:
        """Return the number of ids, special tokens included."""
        return self.enc.n_vocab

    def get_special_tokens(self) -> set[str]:
        """Return the names of the special tokens."""
        return set(self._special_ids)

    def get_bos_token_id(self) -> int:
        """Return the id that begins every document and conversation."""
        return self.bos_token_id

    def encode_special(self, name: str) -> int:
        """Return the id of the special token `name`."""
        try:
            return self._special_ids[name]
        except KeyError:
            known = ", ".join(self._special_ids)
            raise UserError(f"unknown special token {name!r}; known: {known}") from None

    def id_to_token(self, token_id: int) -> str:
        """Return one token as text."""
        return self.enc.decode([token_id])

    def encode(
        self,
        text: str | Sequence[str],
        prepend: int | str | None = None,
        append: int | str | None = None,
        num_threads: int = 8,
    ) -> list:
        """Encode a string to a list of ids, or a list of strings (in parallel) to a list of lists.

        `prepend` and `append` are put around each text: an id or a special token's name.
        Special tokens' names inside the text are ordinary characters.
        """
        if isinstance(text, str):
            rows = [self._encode_one(text)]
        elif isinstance(text, list | tuple) and all(isinstance(item, str) for item in text):
            if any(len(item) > MAX_BLANK_RUN for item in text):
                rows = [self._encode_one(item) for item in text]
            else:
                rows = self.enc.encode_ordinary_batch(list(text), num_threads=num_threads)
        else:
            raise UserError(f"expected a string or a list of strings, got {type(text).__name__}")
        before, after = ([] if x is None else [self._to_id(x)] for x in (prepend, append))
        if before or after:
            rows = [before + row + after for row in rows]
        return rows[0] if isinstance(text, str) else rows

    __call__ = encode

    def _to_id(self, token: int | str) -> int:
        return self.encode_special(token) if isinstance(token, str) else token

    def _encode_one(self, text: str) -> list[int]:
        if len(text) <= MAX_BLANK_RUN:
            return self.enc.encode_ordinary(text)
        return [i for piece in _cut_blank_runs(text) for i in self.enc.encode_ordinary(piece)]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`: incomplete UTF-8 gives U+FFFD, special ids give their names."""
        return self.enc.decode(ids)

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """Return the raw bytes of `ids`."""
        return self.enc.decode_bytes(ids)

    def render_conversation(self, conversation: Mapping, max_tokens: int = 2048):
        """Return (ids, mask) of a conversation; mask 1 marks what is trained on."""
        return chat.render(self, conversation, max_tokens)

    def render_for_completion(
        self, conversation: Mapping, max_tokens: int | None = None
    ) -> list[int]:
        """Return the ids that ask for the last message anew, which must be the assistant's.

        Whole old turns are dropped when the prompt is longer than `max_tokens`.
        """
        messages = conversation["messages"]
        if not messages or messages[-1].get("role") != "assistant":
            raise UserError("the last message must be from the assistant")
        return chat.render_prompt(self, messages[:-1], max_tokens)

    def visualize_tokenization(
        self, ids: Sequence[int], mask: Sequence[int], with_token_id: bool = False
    ) -> str:
        """Return the tokens joined by `|`, green where they are trained on, red elsewhere."""
        shown = []
        for token, train in zip(ids, mask, strict=True):
            text = f"\033[{32 if train else 31}m{self.id_to_token(token)}\033[0m"
            shown.append(text + (f"\033[90m({token})\033[0m" if with_token_id else ""))
        return "|".join(shown)


def _cut_blank_runs(text: str) -> Iterator[str]:
    start = 0
    for match in _BLANK_RUN.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


def get_tokenizer() -> RustBPETokenizer:
    """Load the tokenizer of the base directory; UserError if none has been trained yet."""
    return RustBPETokenizer.from_directory(os.path.join(get_base_dir(), "tokenizer"))


def get_token_bytes(device="cpu") -> "torch.Tensor":
    """Return the int32 tensor (V,) of token lengths in bytes, on `device`.

    Computed from the tokenizer, because files from earlier releases count a replacement
    character for every token that is not valid UTF-8; the file serves only where it stands alone.
    """
    import torch

    directory = os.path.join(get_base_dir(), "tokenizer")
    path = os.path.join(directory, TOKEN_BYTES_NAME)
    if has_tokenizer(directory):
        return get_tokenizer().token_bytes().to(device)
    if not os.path.isfile(path):
        raise UserError(
            f"no tokenizer in {directory}; train one with `python -m scripts.tok_train`"
        )
    return torch.load(path, map_location=device, weights_only=True)
