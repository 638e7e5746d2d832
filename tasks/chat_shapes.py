"""One conversation in any of the usual shapes, recognised by its keys.

{"messages": [{"role": "user", "content": "..."}, ...]}           or only the list
{"conversations": [{"from": "human", "value": "..."}, ...]}       ShareGPT
{"instruction": "...", "input": "...", "output": "..."}           Alpaca
"""

from typing import Any

from nanochat.common import UserError
from nanochat.conversation import validate_messages
from tasks.common import Conversation, turn

SPEAKERS = {
    "system": "system",
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "model", "bot", "ai", "bard"), "assistant"),
}


def read_conversation(parsed: Any) -> Conversation:
    """Return the conversation that a JSON value holds, checked as training wants it.

    Raises UserError for any other value, for wrong roles and for messages without content.
    """
    conversation = _in_messages(parsed)
    validate_messages(conversation["messages"])
    for index, message in enumerate(conversation["messages"]):
        if _is_blank(message["content"]):
            raise UserError(f"message {index}: the {message['role']}'s content is empty")
    if conversation["messages"][-1]["role"] != "assistant":
        raise UserError("the last message must be the assistant's answer")
    return conversation


def _in_messages(parsed: Any) -> Conversation:
    if isinstance(parsed, list):
        return {"messages": _with_roles(parsed)}
    if isinstance(parsed, dict):
        if isinstance(parsed.get("messages"), list):
            return {**parsed, "messages": _with_roles(parsed["messages"])}
        if isinstance(parsed.get("conversations"), list):
            turns = _with_roles(parsed["conversations"])
            return {"messages": _system(parsed) + turns}
        if "instruction" in parsed and "output" in parsed:
            return _from_alpaca(parsed)
    raise UserError(
        'expected an object with a list "messages", or a list of messages '
        '(or "conversations" as in ShareGPT, or "instruction" and "output" as in Alpaca), '
        f"got {parsed!r:.60}"
    )


def _with_roles(turns: list) -> list:
    """Turn ShareGPT's `from` and `value` into `role` and `content`; leave others as they are."""
    first = turns[0] if turns else None
    if not isinstance(first, dict) or "role" in first or "from" not in first:
        return turns
    messages = []
    for index, said in enumerate(turns):
        if not isinstance(said, dict) or not {"from", "value"} <= set(said):
            raise UserError(f"message {index}: expected an object with 'from' and 'value'")
        speaker = said["from"]
        role = SPEAKERS.get(speaker.lower()) if isinstance(speaker, str) else None
        if role is None:
            known = ", ".join(SPEAKERS)
            raise UserError(f"message {index}: unknown speaker {speaker!r:.60}; known: {known}")
        messages.append({"role": role, "content": said["value"]})
    return messages


def _system(parsed: dict) -> list:
    """The system message that ShareGPT and Alpaca files may have beside the turns."""
    content = parsed.get("system")
    return [] if content is None or content == "" else [{"role": "system", "content": content}]


def _from_alpaca(parsed: dict) -> Conversation:
    question, more = parsed["instruction"], parsed.get("input") or ""
    for key, value in (("instruction", question), ("input", more), ("output", parsed["output"])):
        if not isinstance(value, str):
            raise UserError(f"'{key}' must be a string, got {value!r:.60}")
    if more.strip():
        question = f"{question}\n\n{more}"
    return {"messages": _system(parsed) + turn(question, parsed["output"])["messages"]}


def _is_blank(content: str | list) -> bool:
    """Whether there is nothing to read; a tool's output may be empty beside other parts."""
    texts = [content] if isinstance(content, str) else [part["text"] for part in content]
    return not any(text.strip() for text in texts)
