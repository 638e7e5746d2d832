"""Reading and writing tokenizers on disk: a data-only JSON file and the inherited `tokenizer.pkl`.

Both hold the same four values, kept in `TokenizerData`. A pickle can run code when it is loaded,
and these files are downloaded and passed around, so `tokenizer.pkl` is never given to the plain
unpickler: its opcodes are compared with a short list, its only class is replaced by an inert one,
and what comes out is checked value by value before anything is built from it.
"""

import base64
import binascii
import dataclasses
import hashlib
import io
import json
import logging
import os
import pickle
import pickletools
from collections.abc import Mapping

from nanochat.common import UserError, atomic_write

logger = logging.getLogger(__name__)

ENCODING_NAME = "rustbpe"
SPLIT_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
SPECIAL_TOKENS = (
    "<|bos|>",
    "<|user_start|>",
    "<|user_end|>",
    "<|assistant_start|>",
    "<|assistant_end|>",
    "<|python_start|>",
    "<|python_end|>",
    "<|output_start|>",
    "<|output_end|>",
)

PICKLE_NAME = "tokenizer.pkl"
JSON_NAME = "nanochat_tokenizer.json"  # not tokenizer.json, which means something else elsewhere
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_TOKEN_BYTES = 8192  # longer than any learnt token; bounds the time of the merge check
# What a pickled tiktoken encoding of protocol 4 or 5 is made of, and nothing that calls functions.
# fmt: off
PICKLE_OPCODES = {
    "PROTO", "FRAME", "STACK_GLOBAL", "EMPTY_TUPLE", "NEWOBJ", "BUILD", "STOP",
    "EMPTY_DICT", "MARK", "SETITEM", "SETITEMS", "MEMOIZE", "BINGET", "LONG_BINGET",
    "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES",
    "BININT", "BININT1", "BININT2",
}
# fmt: on


@dataclasses.dataclass(frozen=True)
class TokenizerData:
    """The four values that make a tokenizer; ranks map a token's bytes to its id."""

    name: str
    pat_str: str
    mergeable_ranks: dict[bytes, int]
    special_tokens: dict[str, int]

    def fingerprint(self) -> str:
        """Return the hex SHA-256 of pattern, ranks and special tokens (not of the name)."""
        digest = hashlib.sha256()
        parts = [self.pat_str.encode()]
        for table in (self.mergeable_ranks, self.special_tokens):
            for token, rank in sorted(table.items(), key=lambda item: item[1]):
                raw = token.encode() if isinstance(token, str) else token
                parts += [raw, b"%d" % rank]
        for part in parts:
            digest.update(len(part).to_bytes(4, "little") + part)
        return digest.hexdigest()


def save_files(directory: str, data: TokenizerData, pickled: bytes) -> None:
    """Write `tokenizer.pkl` (from `pickled`) and the JSON form, each atomically."""
    with atomic_write(os.path.join(directory, PICKLE_NAME)) as file:
        file.write(pickled)
    tokens = sorted(data.mergeable_ranks, key=data.mergeable_ranks.__getitem__)
    document = {
        "name": data.name,
        "pat_str": data.pat_str,
        "special_tokens": data.special_tokens,
        # tells a reader whether the pickle beside it is still the one written with it
        "pickle_sha256": hashlib.sha256(pickled).hexdigest(),
        "mergeable_ranks": [base64.b64encode(token).decode() for token in tokens],
    }
    with atomic_write(os.path.join(directory, JSON_NAME), "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def has_tokenizer(directory: str) -> bool:
    """Say whether `directory` holds a tokenizer in either form."""
    return any(os.path.isfile(os.path.join(directory, name)) for name in (JSON_NAME, PICKLE_NAME))


def load_files(directory: str, any_pattern: bool = False) -> TokenizerData:
    """Return the validated tokenizer of `directory`.

    The JSON form is preferred; a pickle that says something else was put there later and wins,
    with a warning. `any_pattern` accepts a split pattern other than ours, which a regular
    expression engine may take for ever on. Raises UserError naming the file at fault.
    """
    json_path = os.path.join(directory, JSON_NAME)
    pickle_path = os.path.join(directory, PICKLE_NAME)
    pickled = _read(pickle_path) if os.path.isfile(pickle_path) else None
    if not os.path.isfile(json_path):
        if pickled is None:
            raise UserError(
                f"no tokenizer in {directory} (looked for {JSON_NAME} and {PICKLE_NAME}); train "
                "one with `python -m scripts.tok_train` or copy the files of a trained one there"
            )
        return _validated(parse_pickle(pickled, pickle_path), pickle_path, any_pattern)
    data, pickle_hash = parse_json(_read(json_path), json_path)
    if pickled is not None and hashlib.sha256(pickled).hexdigest() != pickle_hash:
        from_pickle = parse_pickle(pickled, pickle_path)
        if from_pickle != data:
            logger.warning(
                "%s and %s differ; using %s", json_path, pickle_path, os.path.basename(pickle_path)
            )
            return _validated(from_pickle, pickle_path, any_pattern)
    return _validated(data, json_path, any_pattern)


def peek_fingerprint(directory: str) -> str:
    """Return the fingerprint that `load_files` would give, without checking every merge."""
    json_path, pickle_path = (os.path.join(directory, name) for name in (JSON_NAME, PICKLE_NAME))
    pickled = _read(pickle_path) if os.path.isfile(pickle_path) else None
    if os.path.isfile(json_path):
        data, pickle_hash = parse_json(_read(json_path), json_path)
        if pickled is None or hashlib.sha256(pickled).hexdigest() == pickle_hash:
            return data.fingerprint()
    return parse_pickle(pickled or b"", pickle_path).fingerprint()


def _read(path: str) -> bytes:
    size = os.path.getsize(path)
    if size > MAX_FILE_BYTES:
        raise UserError(f"{path}: a tokenizer file has at most {MAX_FILE_BYTES} bytes, not {size}")
    with open(path, "rb") as file:
        return file.read()


def parse_json(raw: bytes, path: str) -> tuple[TokenizerData, str | None]:
    """Return the four values and the hash of the pickle written together with them."""
    try:
        document = json.loads(raw.decode("utf-8"))
        tokens = [base64.b64decode(t, validate=True) for t in document["mergeable_ranks"]]
        data = TokenizerData(
            name=document["name"],
            pat_str=document["pat_str"],
            mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
            special_tokens=document["special_tokens"],
        )
        if len(data.mergeable_ranks) != len(tokens):
            raise ValueError("a token is listed twice")
    except KeyError as error:
        raise UserError(f"{path}: the value {error} is missing") from error
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise UserError(f"{path}: not a tokenizer file ({error})") from error
    return data, document.get("pickle_sha256")


class _InertEncoding:
    """Stands in for `tiktoken.Encoding` while unpickling: keeps its state, does nothing."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) == ("tiktoken.core", "Encoding"):
            return _InertEncoding
        raise pickle.UnpicklingError(
            f"it refers to {module}.{name}, but only tiktoken.core.Encoding is allowed"
        )


def parse_pickle(raw: bytes, path: str) -> TokenizerData:
    """Return the four values of a pickled `tiktoken.Encoding` without running anything from it.

    Raises UserError that says what the file refers to if that is more than the one known class.
    """
    if raw[:2] not in (b"\x80\x04", b"\x80\x05"):
        raise UserError(f"{path}: expected a pickle of protocol 4 or 5 as nanochat writes it")
    try:
        _check_opcodes(raw)
        encoding = _RestrictedUnpickler(io.BytesIO(raw)).load()
    except Exception as error:  # a damaged pickle can raise almost anything
        raise UserError(f"{path}: refused to load this pickle: {error}") from error
    state = encoding.state if isinstance(encoding, _InertEncoding) else None
    expected = {field.name for field in dataclasses.fields(TokenizerData)}
    if not isinstance(state, dict) or set(state) != expected:
        raise UserError(f"{path}: expected exactly the values {', '.join(sorted(expected))}")
    return TokenizerData(**state)


def _check_opcodes(raw: bytes) -> None:
    """Raise UnpicklingError for an opcode outside the list; name the function it would call."""
    strings = ["?", "?"]
    called = None
    for opcode, argument, _ in pickletools.genops(raw):
        if opcode.name in ("SHORT_BINUNICODE", "BINUNICODE"):
            strings = [strings[-1], argument]
        elif opcode.name == "STACK_GLOBAL" and strings != ["tiktoken.core", "Encoding"]:
            called = ".".join(strings)
        elif opcode.name in ("GLOBAL", "INST"):
            called = argument.replace(" ", ".")
        if called is not None:
            raise pickle.UnpicklingError(
                f"it refers to {called}, but only tiktoken.core.Encoding is allowed"
            )
        if opcode.name not in PICKLE_OPCODES:
            raise pickle.UnpicklingError(f"it contains the operation {opcode.name}")


def _validated(data: TokenizerData, path: str, any_pattern: bool) -> TokenizerData:
    """Return `data` if it is a tokenizer of this project, else raise UserError naming `path`."""
    problem = find_problem(data, any_pattern)
    if problem:
        raise UserError(f"{path}: {problem}")
    return data


def find_problem(data: TokenizerData, any_pattern: bool = False) -> str | None:
    """Return what is wrong with a tokenizer's values, or None."""
    if not isinstance(data.name, str) or not isinstance(data.pat_str, str):
        return "name and pattern must be text"
    if not any_pattern and data.pat_str != SPLIT_PATTERN:
        return (
            "the split pattern is not nanochat's; if you trust the file, load it with any_pattern"
        )
    ranks = data.mergeable_ranks
    if not _is_table(ranks, bytes) or not _is_table(data.special_tokens, str):
        return "the tables must map bytes (ranks) and text (special tokens) to integers"
    by_rank = {rank: token for token, rank in ranks.items()}
    if sorted(by_rank) != list(range(len(ranks))):
        return f"the ranks of {len(ranks)} tokens must be the integers from 0, each once"
    if len(ranks) < 256 or any(by_rank[i] != bytes([i]) for i in range(256)):
        return "the first 256 tokens must be the single bytes in order"
    expected = {name: len(ranks) + i for i, name in enumerate(SPECIAL_TOKENS)}
    if data.special_tokens != expected:
        return (
            f"the special tokens must be the {len(expected)} known ones in their order with the "
            f"ids from {len(ranks)}, got {data.special_tokens!s:.400}"
        )
    for rank in range(256, len(ranks)):
        token = by_rank[rank]
        if len(token) > MAX_TOKEN_BYTES:
            return f"token {rank} has {len(token)} bytes (at most {MAX_TOKEN_BYTES})"
        if len(merge_pieces(token, ranks)) != 2:
            return f"token {rank} ({token!r:.60}) is not the merge of two tokens of lower rank"
    return None


def _is_table(table: object, key_type: type) -> bool:
    return isinstance(table, dict) and all(
        type(key) is key_type and type(value) is int for key, value in table.items()
    )


def merge_pieces(token: bytes, ranks: Mapping[bytes, int]) -> list[bytes]:
    """Return what byte-pair encoding with only the ranks below `token`'s own makes of it.

    For a token that was learnt as a merge these are the two pieces it was merged from; a token
    that comes in more pieces would never be produced.
    """
    limit = ranks[token]
    pieces = [token[i : i + 1] for i in range(len(token))]
    pair_ranks = [ranks.get(token[i : i + 2], limit) for i in range(len(token) - 1)]
    while len(pieces) > 2:
        lowest = min(pair_ranks)
        if lowest >= limit:
            break
        i = pair_ranks.index(lowest)
        pieces[i : i + 2] = [pieces[i] + pieces[i + 1]]
        del pair_ranks[i]
        if i > 0:
            pair_ranks[i - 1] = ranks.get(pieces[i - 1] + pieces[i], limit)
        if i < len(pair_ranks):
            pair_ranks[i] = ranks.get(pieces[i] + pieces[i + 1], limit)
    return pieces
