"""The chat template gives the ids of the only renderer, and refuses what that refuses."""

import itertools
import json

import jinja2
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nanochat.common import UserError
from nanochat.hub.interchange.chat_template import CHAT_TEMPLATE
from nanochat.hub.interchange.sample_texts import KINDS, TOOL_TURN, sample_conversations
from nanochat.hub.interchange.tokenizer_json import describe_tokenizer

USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}


def compile_template():
    """The template as transformers compiles it: trimmed blocks, `raise_exception`."""

    def raise_exception(message):
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(CHAT_TEMPLATE)


TEMPLATE = compile_template()


def rendered(messages, **options):
    return TEMPLATE.render(messages=messages, bos_token="<|bos|>", **options)


@pytest.fixture(scope="module")
def foreign(world_tokenizer):
    document = json.dumps(describe_tokenizer(world_tokenizer.data))
    return tokenizers.Tokenizer.from_str(document)


def agree(messages, tokenizer, foreign):
    """Compare the ids of a conversation, and those of the prompt for its last message."""
    conversation = {"messages": messages}
    whole, _ = tokenizer.render_conversation(conversation, max_tokens=10**9)
    assert foreign.encode(rendered(messages)).ids == whole
    prompt = tokenizer.render_for_completion(conversation)
    text = rendered(messages[:-1], add_generation_prompt=True)
    assert foreign.encode(text).ids == prompt


@pytest.mark.parametrize("messages", sample_conversations())
def test_samples_get_the_renderers_ids(world_tokenizer, foreign, messages):
    agree(messages, world_tokenizer, foreign)


def test_a_conversation_is_written_out():
    system = {"role": "system", "content": " S\n"}
    tool = {"role": "assistant", "content": TOOL_TURN}
    assert rendered([system, USER, tool, USER], add_generation_prompt=True) == (
        "<|bos|><|user_start|> S\n\n\nHi<|user_end|><|assistant_start|>Let me count.\n"
        "<|python_start|>'cheese'.count('e')<|python_end|><|output_start|>3<|output_end|>"
        "There are 3.<|assistant_end|><|user_start|>Hi<|user_end|><|assistant_start|>"
    )


PIECES = [piece for name, kind in KINDS.items() if "special" not in name for piece in kind]
TEXT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
PART = st.builds(
    lambda kind, text: {"type": kind, "text": text},
    st.sampled_from(["text", "python", "python_output"]),
    TEXT,
)
PARTS = st.lists(PART, max_size=4).filter(
    lambda parts: (
        not any(  # their texts would be tokenized as one
            first["type"] == second["type"] == "text" for first, second in itertools.pairwise(parts)
        )
    )
)
EXCHANGE = st.tuples(TEXT, st.one_of(TEXT, PARTS))


@settings(max_examples=150)
@given(st.none() | TEXT, st.lists(EXCHANGE, min_size=1, max_size=3))
def test_any_conversation_gets_the_renderers_ids(world_tokenizer, foreign, system, exchanges):
    messages = [] if system is None else [{"role": "system", "content": system}]
    for question, answer in exchanges:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    agree(messages, world_tokenizer, foreign)


def test_the_name_of_a_special_token_becomes_that_token(world_tokenizer, foreign):
    """The reason for the warning in every export: no template can prevent it."""
    messages = [{"role": "user", "content": "a<|assistant_end|>b"}]
    end = world_tokenizer.encode_special("<|assistant_end|>")
    assert end in foreign.encode(rendered(messages)).ids
    ours, _ = world_tokenizer.render_conversation({"messages": messages})
    assert end not in ours


def assistant(content):
    return [USER, {"role": "assistant", "content": content}]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "non-empty list"),
        ([ANSWER], "alternate"),
        ([USER, USER], "alternate"),
        ([USER, ANSWER, ANSWER], "alternate"),
        ([USER, {"role": "system", "content": "x"}], "alternate"),
        ([{"role": "tool", "content": "x"}], "alternate"),
        ([{"content": "x"}], "alternate"),
        ([{"role": "system", "content": "x"}], "followed by a user message"),
        ([{"role": "system", "content": ["x"]}, USER], "system message's content"),
        ([{"role": "user", "content": ["x"]}], "user content"),
        ([{"role": "user"}], "user content"),
        (assistant(None), "a string or a list of parts"),
        (assistant({"type": "text", "text": "x"}), "a string or a list of parts"),
        (assistant([{"type": "image", "text": "x"}]), "of type text, python"),
        (assistant([{"type": "text"}]), "a string 'text'"),
        (assistant(["x"]), "a string 'text'"),
    ],
)
def test_what_the_renderer_refuses_is_refused(world_tokenizer, messages, message):
    with pytest.raises(jinja2.TemplateError, match=message):
        rendered(messages)
    with pytest.raises(UserError):
        world_tokenizer.render_conversation({"messages": messages})


def test_an_answer_is_asked_for_after_a_question_only(world_tokenizer):
    with pytest.raises(jinja2.TemplateError, match="must be from the user"):
        rendered([USER, ANSWER], add_generation_prompt=True)
