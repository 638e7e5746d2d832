"""The tokenizer as `tokenizer.json`, which the `tokenizers` library reads, and back.

That format writes a token's bytes in the alphabet of GPT-2, one printable character a byte, and
needs the list of merges, which our rank table implies: a token's merge is what byte-pair encoding
with only the lower ranks leaves of it.
"""

import json
import os
from typing import Any

from nanochat.common import UserError
from nanochat.tokenizer_files import (
    ENCODING_NAME,
    MAX_FILE_BYTES,
    SPLIT_PATTERN,
    TokenizerData,
    find_problem,
    merge_pieces,
)

TOKENIZER_NAME = "tokenizer.json"


def _byte_alphabet() -> dict[int, str]:
    """Return GPT-2's character for each byte: itself if printable Latin-1, else one from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    alphabet = {byte: chr(byte) for byte in printable}
    return alphabet | {byte: chr(256 + index) for index, byte in enumerate(others)}


CHARACTERS = _byte_alphabet()
BYTES = {character: byte for byte, character in CHARACTERS.items()}
_CHARACTER_OF_LATIN1 = str.maketrans({chr(byte): char for byte, char in CHARACTERS.items()})


def spell(token: bytes) -> str:
    """Write a token's bytes as characters."""
    return token.decode("latin-1").translate(_CHARACTER_OF_LATIN1)


def unspell(text: str) -> bytes:
    """Return the bytes that `spell` wrote; KeyError for a character outside the alphabet."""
    return bytes(BYTES[character] for character in text)


def find_merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Return the two pieces of every token of more than one byte, in the order of ranks."""
    by_rank = sorted(ranks, key=ranks.__getitem__)
    return [tuple(merge_pieces(token, ranks)) for token in by_rank if len(token) > 1]


def describe_tokenizer(data: TokenizerData) -> dict[str, Any]:
    """Return tokenizer.json: no normaliser, no automatic bos (the chat template puts it)."""
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": rank, "content": name, **added, "special": True}
            for name, rank in sorted(data.special_tokens.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": data.pat_str},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {
                    "type": "ByteLevel",
                    "add_prefix_space": False,
                    "trim_offsets": False,
                    "use_regex": False,
                },
            ],
        },
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": False,
            "use_regex": False,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {
                spell(token): rank
                for token, rank in sorted(data.mergeable_ranks.items(), key=lambda item: item[1])
            },
            "merges": [
                [spell(left), spell(right)] for left, right in find_merges(data.mergeable_ranks)
            ],
        },
    }


def describe_tokenizer_config(sequence_len: int, chat_template: str) -> dict[str, Any]:
    """Return tokenizer_config.json."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|assistant_end|>",
        # Training libraries leave the padding id out of the loss. The end of a turn has to stay in
        # it, while bos is never predicted.
        "pad_token": "<|bos|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": sequence_len,
        "chat_template": chat_template,
    }


def read_tokenizer(directory: str) -> TokenizerData:
    """Return the four values of a directory's tokenizer.json if it is a nanochat tokenizer.

    Raises UserError naming the part in which it encodes differently.
    """
    path = os.path.join(directory, TOKENIZER_NAME)
    if not os.path.isfile(path):
        raise UserError(f"{path} is missing; download or copy the directory again")
    size = os.path.getsize(path)
    if size > MAX_FILE_BYTES:
        raise UserError(f"{path}: a tokenizer file has at most {MAX_FILE_BYTES} bytes, not {size}")
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        problem = _find_difference(document)
        data = None if problem else _parse(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: not the tokenizer of a nanochat model ({error!r:.200})"
        ) from error
    problem = problem or find_problem(data) or _find_other_merges(document, data)
    if problem:
        raise UserError(f"{path}: not the tokenizer of a nanochat model: {problem}")
    return data


def _parse(document: dict[str, Any]) -> TokenizerData:
    special = {token["content"]: token["id"] for token in document["added_tokens"]}
    vocabulary = document["model"]["vocab"]
    ranks = {unspell(text): rank for text, rank in vocabulary.items() if text not in special}
    return TokenizerData(ENCODING_NAME, SPLIT_PATTERN, ranks, special)


def _find_difference(document: dict[str, Any]) -> str | None:
    """Return in which of its settings a tokenizer.json splits or maps text otherwise, or None."""
    model = document["model"]
    if model.get("type", "BPE") != "BPE":
        return f"its model is {model['type']!r:.60}, expected 'BPE'"
    if document.get("normalizer") is not None:
        return "it normalises text"
    for name in ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(name):
            return f"its model has {name} {model[name]!r:.60}"
    if model.get("byte_fallback"):
        return "its model falls back to bytes"
    steps = (document.get("pre_tokenizer") or {}).get("pretokenizers") or []
    if [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        return "it does not split text by a pattern and then into bytes"
    split, byte_level = steps
    if split["pattern"].get("Regex") != SPLIT_PATTERN:
        return "the split pattern is not nanochat's"
    if split["behavior"] != "Isolated" or split.get("invert"):
        return "the split pattern is applied differently"
    if byte_level.get("add_prefix_space", True) or byte_level.get("use_regex", True):
        return "it adds a space in front, or splits once more"
    return None


def _is_merge(merge: Any) -> bool:
    return isinstance(merge, str | list)


def _find_other_merges(document: dict[str, Any], data: TokenizerData) -> str | None:
    given = document["model"].get("merges")
    if not isinstance(given, list):
        return "it has no list of merges"
    pairs = [tuple(m.split(" ") if isinstance(m, str) else m) for m in given if _is_merge(m)]
    expected = [(spell(left), spell(right)) for left, right in find_merges(data.mergeable_ranks)]
    if len(pairs) != len(given) or pairs != expected:
        return "its merges are not those that its vocabulary implies"
    return None
