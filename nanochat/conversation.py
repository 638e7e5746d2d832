"""The only chat renderer: messages to (token ids, loss mask) and back, and the stream decoder.

A conversation is `{"messages": [{"role", "content"}, ...]}`; an assistant's content is a string or
a list of parts `{"type", "text"}` of type `text`, `python` (a tool call) or `python_output` (its
result). Every span of text is encoded on its own and always as ordinary text, so that a special
token's name typed by a user stays what it is: characters.
"""

import codecs
from collections.abc import Mapping, Sequence
from typing import Any

from nanochat.common import UserError

# part type -> (opening token, closing token, whether the loss is taken on it)
PARTS = {
    "text": (None, None, 1),
    "python": ("<|python_start|>", "<|python_end|>", 1),
    "python_output": ("<|output_start|>", "<|output_end|>", 0),
}
Message = Mapping[str, Any]


def validate_messages(messages: Sequence[Message]) -> None:
    """Raise UserError unless roles, order and content are those of a conversation."""
    if not isinstance(messages, list | tuple) or not messages:
        raise UserError("expected a non-empty list of messages")
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
            raise UserError(f"message {index}: expected an object with 'role' and 'content'")
    has_system = messages[0]["role"] == "system"
    if has_system and not isinstance(messages[0]["content"], str):
        raise UserError("message 0: the system message's content must be a string")
    if has_system and len(messages) == 1:
        raise UserError("a system message must be followed by a user message")
    for index, message in enumerate(messages[1:] if has_system else messages, int(has_system)):
        expected = ("user", "assistant")[(index - has_system) % 2]
        if message["role"] != expected:
            raise UserError(
                f"message {index}: expected role '{expected}', got {message['role']!r} "
                "(roles alternate, beginning with the user; one leading system message is allowed)"
            )
        _validate_content(index, expected, message["content"])


def _validate_content(index: int, role: str, content: Any) -> None:
    if isinstance(content, str):
        return
    if role == "user" or not isinstance(content, list | tuple):
        allowed = "a string" if role == "user" else "a string or a list of parts"
        raise UserError(f"message {index}: {role} content must be {allowed}, got {content!r:.60}")
    for part in content:
        known = isinstance(part, Mapping) and part.get("type") in tuple(PARTS)
        if not known or not isinstance(part.get("text"), str):
            raise UserError(
                f"message {index}: each part must have 'type' ({', '.join(PARTS)}) and a string "
                f"'text', got {part!r:.60}"
            )


def _merge_system(messages: Sequence[Message]) -> list[Message]:
    """Put a leading system message in front of the first user message; the input stays as it is."""
    if messages[0]["role"] != "system":
        return list(messages)
    system, user, *rest = messages
    return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]


def _render_message(tokenizer, message: Message) -> tuple[list[int], list[int]]:
    special = tokenizer.encode_special
    if message["role"] == "user":
        text = tokenizer.encode(message["content"])
        ids = [special("<|user_start|>"), *text, special("<|user_end|>")]
        return ids, [0] * len(ids)
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    ids, mask = [special("<|assistant_start|>")], [0]
    for part in parts:
        opening, closing, train = PARTS[part["type"]]
        span = tokenizer.encode(part["text"])
        if opening is not None:
            span = [special(opening), *span, special(closing)]
        ids += span
        mask += [train] * len(span)
    return [*ids, special("<|assistant_end|>")], [*mask, 1]


def render(tokenizer, conversation: Mapping, max_tokens: int = 2048) -> tuple[list[int], list[int]]:
    """Return (ids, mask) of equal length, cut to `max_tokens`; mask 1 marks what is trained on.

    Raises UserError for a malformed conversation.
    """
    if not isinstance(conversation, Mapping) or "messages" not in conversation:
        raise UserError(f"expected an object with 'messages', got {conversation!r:.60}")
    validate_messages(conversation["messages"])
    ids, mask = [tokenizer.get_bos_token_id()], [0]
    for message in _merge_system(conversation["messages"]):
        message_ids, message_mask = _render_message(tokenizer, message)
        ids += message_ids
        mask += message_mask
    return ids[:max_tokens], mask[:max_tokens]


def render_prompt(
    tokenizer, messages: Sequence[Message], max_tokens: int | None = None
) -> list[int]:
    """Return the ids that make the model answer `messages`, which end with a user's turn.

    When they are more than `max_tokens`, whole old exchanges are dropped first (never the system
    message, never the newest turn). Raises UserError if the newest turn alone does not fit.
    """
    validate_messages(messages)
    if messages[-1]["role"] != "user":
        raise UserError("the last message must be from the user")
    system = list(messages[:1]) if messages[0]["role"] == "system" else []
    turns = list(messages[len(system) :])
    rendered = [_render_message(tokenizer, message)[0] for message in turns]
    for start in range(0, len(turns), 2):
        first = rendered[start]
        if system:
            first = _render_message(tokenizer, _merge_system([*system, turns[start]])[0])[0]
        ids = [tokenizer.get_bos_token_id(), *first]
        for message_ids in rendered[start + 1 :]:
            ids += message_ids
        ids.append(tokenizer.encode_special("<|assistant_start|>"))
        if max_tokens is None or len(ids) <= max_tokens:
            return ids
    raise UserError(
        f"the message needs {len(ids)} tokens, but only {max_tokens} fit into the context; "
        "shorten it"
    )


def parse_tokens(tokenizer, ids: Sequence[int]) -> str | list[dict[str, str]]:
    """Turn an answer's ids back into content: a string, or parts if it holds tool calls."""
    special = tokenizer.encode_special
    opening = {special(PARTS[kind][0]): kind for kind in ("python", "python_output")}
    closing = {special(PARTS[kind][1]) for kind in ("python", "python_output")}
    ends = {special("<|assistant_end|>"), tokenizer.get_bos_token_id()}
    stray = {special(name) for name in tokenizer.get_special_tokens()}
    parts: list[tuple[str, list[int]]] = [("text", [])]
    for token in ids:
        if token in ends:
            break
        if token in opening:
            parts.append((opening[token], []))
        elif token in closing:
            parts.append(("text", []))
        elif token not in stray:
            parts[-1][1].append(token)
    content = [
        {"type": kind, "text": tokenizer.decode(span)}
        for kind, span in parts
        if span or kind != "text"
    ]
    if all(part["type"] == "text" for part in content):
        return "".join(part["text"] for part in content)
    return content


class StreamDecoder:
    """Turn ids into displayable text one at a time; a character split over tokens is kept back.

    Special tokens give no text, but end a pending character.
    """

    def __init__(self, tokenizer):
        self._token_bytes = tokenizer.decode_bytes
        special = tokenizer.get_special_tokens()
        self._special_ids = {tokenizer.encode_special(name) for name in special}
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        """Return the text that became complete with this token."""
        if token in self._special_ids:
            return self.flush()
        return self._decoder.decode(self._token_bytes([token]))

    def flush(self) -> str:
        """Return what is pending; incomplete UTF-8 becomes U+FFFD."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
