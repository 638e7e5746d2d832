"""What goes over the wire: requests, checked against their limits, and replies.

Types are checked by pydantic (a malformed body is status 422); sizes, ranges and the order of
roles are checked here and by `conversation.validate_messages` (status 400).
"""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict

from nanochat.serve.answer import Answer
from nanochat.serve.settings import LIMITS, Defaults, Identity, Limits, check

Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]


class Part(BaseModel):
    type: str = Field(description="text, python (a tool call) or python_output (its result)")
    text: str


class Message(BaseModel):
    role: str
    content: str | list[Part]
    parts: list[Part] | None = Field(
        default=None, description="as in a reply: taken instead of content, so that tools survive"
    )

    def plain(self) -> dict[str, Any]:
        """The message as the renderer takes it."""
        content = self.content if self.parts is None else self.parts
        if not isinstance(content, str):
            content = [part.model_dump() for part in content]
        return {"role": self.role, "content": content}

    def size(self) -> int:
        """Characters of text, in all parts."""
        content = self.content if self.parts is None else self.parts
        return len(content) if isinstance(content, str) else sum(len(p.text) for p in content)


class ChatRequest(BaseModel):
    """The body of both chat routes; only `messages` is required."""

    model_config = ConfigDict(extra="ignore")
    messages: list[Message]
    temperature: Number | None = None
    max_tokens: Integer | None = None
    top_k: Integer | None = None

    def check(self) -> None:
        """Raise UserError for the first limit that is exceeded."""
        check("the number of messages", len(self.messages), LIMITS.messages)
        sizes = [message.size() for message in self.messages]
        for index, size in enumerate(sizes):
            check(f"message {index}: the number of characters", size, LIMITS.message_chars)
        check("the number of characters in total", sum(sizes), LIMITS.total_chars)
        for name in ("temperature", "top_k", "max_tokens"):
            if (value := getattr(self, name)) is not None:
                check(name, value, getattr(LIMITS, name))

    def settings(self, defaults: Defaults) -> Defaults:
        """The request's sampling settings, with `defaults` where it is silent."""
        asked = self.model_dump(include=set(asdict(defaults)), exclude_none=True)
        return Defaults(**{**asdict(defaults), **asked})


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(BaseModel):
    role: str = "assistant"
    content: str
    parts: list[Part] | None = Field(default=None, description="present if a tool was called")


class ChatReply(BaseModel):
    """A finished answer: the reply of `/chat`, and the last event of `/chat/completions`."""

    message: AnswerMessage
    finish_reason: str
    usage: Usage
    gpu: int

    @classmethod
    def of(cls, answer: Answer, gpu: int) -> "ChatReply":
        parts = None if isinstance(answer.content, str) else answer.content
        usage = Usage(
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            total_tokens=answer.prompt_tokens + answer.completion_tokens,
        )
        message = AnswerMessage(content=answer.text, parts=parts)
        return cls(message=message, finish_reason=answer.finish_reason, usage=usage, gpu=gpu)


class Health(BaseModel):
    """Whether the server can answer, who answers, and with which settings."""

    status: str = "ok"
    ready: bool
    num_gpus: int
    available_workers: int
    model: Identity
    context: int = Field(description="most tokens of prompt and answer together")
    defaults: Defaults
    limits: Limits = LIMITS


class WorkerState(BaseModel):
    gpu_id: int
    device: str


class Stats(BaseModel):
    total_workers: int
    available_workers: int
    busy_workers: int
    workers: list[WorkerState]
