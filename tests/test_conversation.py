"""The chat renderer: masks, prompts that fit, ordinary text stays ordinary, and back again."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.conversation import (
    StreamDecoder,
    parse_tokens,
    render,
    render_prompt,
    validate_messages,
)
from nanochat.tokenizer import SPECIAL_TOKENS

# the fixtures of these tests hold no state, so examples may share them
many = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(max_size=30) | st.sampled_from(["", " ", "quick brown", "👩‍👩‍👧", *SPECIAL_TOKENS])


def user(text):
    return {"role": "user", "content": text}


def assistant(content):
    return {"role": "assistant", "content": content}


def system(text):
    return {"role": "system", "content": text}


def text_part(text):
    return {"type": "text", "text": text}


def call(expression, result=None):
    parts = [{"type": "python", "text": expression}]
    return parts if result is None else [*parts, {"type": "python_output", "text": result}]


def spelled_out(tokenizer, *pieces):
    """(ids, mask) of pieces (special token or text, mask), each encoded on its own."""
    ids, mask = [], []
    for piece, train in pieces:
        special = piece in SPECIAL_TOKENS
        span = [tokenizer.encode_special(piece)] if special else tokenizer.encode(piece)
        ids += span
        mask += [train] * len(span)
    return ids, mask


# -- rendering ------------------------------------------------------------------------------------


def test_mask_of_every_piece(tiny_tokenizer):
    parts = [text_part("let me see "), *call("12*3", "36"), text_part("it is 36")]
    messages = [user("what is 12*3"), assistant(parts), user("thanks"), assistant("yes")]
    expected = spelled_out(
        tiny_tokenizer,
        ("<|bos|>", 0),
        ("<|user_start|>", 0),
        ("what is 12*3", 0),
        ("<|user_end|>", 0),
        ("<|assistant_start|>", 0),
        ("let me see ", 1),
        ("<|python_start|>", 1),
        ("12*3", 1),
        ("<|python_end|>", 1),
        ("<|output_start|>", 0),
        ("36", 0),
        ("<|output_end|>", 0),
        ("it is 36", 1),
        ("<|assistant_end|>", 1),
        ("<|user_start|>", 0),
        ("thanks", 0),
        ("<|user_end|>", 0),
        ("<|assistant_start|>", 0),
        ("yes", 1),
        ("<|assistant_end|>", 1),
    )
    assert render(tiny_tokenizer, {"messages": messages}) == expected
    assert tiny_tokenizer.render_conversation({"messages": messages}) == expected


def test_a_conversation_may_end_with_the_user(tiny_tokenizer):
    expected = spelled_out(
        tiny_tokenizer, ("<|bos|>", 0), ("<|user_start|>", 0), ("word", 0), ("<|user_end|>", 0)
    )
    assert render(tiny_tokenizer, {"messages": [user("word")]}) == expected


def test_pieces_never_merge_across_a_border(tiny_tokenizer):
    halves, whole = (
        render(tiny_tokenizer, {"messages": [user("x"), assistant(content)]})[0]
        for content in ([text_part("qui"), text_part("ck")], "quick")
    )
    assert len(halves) > len(whole)
    assert tiny_tokenizer.decode(halves) == tiny_tokenizer.decode(whole)


def test_system_text_goes_in_front_of_the_first_question(tiny_tokenizer):
    conversation = {"messages": [system("be kind"), user("hello"), assistant("yes")]}
    before = copy.deepcopy(conversation)
    merged = {"messages": [user("be kind\n\nhello"), assistant("yes")]}
    assert render(tiny_tokenizer, conversation) == render(tiny_tokenizer, merged)
    prompt = render_prompt(tiny_tokenizer, conversation["messages"][:2])
    assert prompt == render_prompt(tiny_tokenizer, merged["messages"][:1])
    assert conversation == before


def test_too_long_is_cut_from_the_right(tiny_tokenizer):
    conversation = {"messages": [user("the quick fox"), assistant("jumps over the dog")]}
    ids, mask = render(tiny_tokenizer, conversation)
    for length in (1, 5, len(ids) - 1, len(ids), len(ids) + 1):
        assert render(tiny_tokenizer, conversation, length) == (ids[:length], mask[:length])


@pytest.mark.parametrize("name", SPECIAL_TOKENS)
def test_names_of_special_tokens_are_ordinary_text(tiny_tokenizer, name):
    typed = f"a {name} b{name}"
    parts = [text_part(typed), *call(typed, typed)]
    messages = [system(typed), user(typed), assistant(parts), user(typed), assistant(typed)]
    plain = [
        system("s"),
        user("u"),
        assistant([text_part("t"), *call("c", "r")]),
        user("u"),
        assistant("t"),
    ]
    special_ids = {tiny_tokenizer.encode_special(token) for token in SPECIAL_TOKENS}
    with_names, without = (
        [i for i in render(tiny_tokenizer, {"messages": m})[0] if i in special_ids]
        for m in (messages, plain)
    )
    assert with_names == without
    assert len(with_names) == 1 + 2 * 2 + 2 * 2 + 4
    asked, asked_plainly = (
        [i for i in render_prompt(tiny_tokenizer, m[:4]) if i in special_ids]
        for m in (messages, plain)
    )
    assert asked == asked_plainly


# -- prompts --------------------------------------------------------------------------------------

OLD = [user("first question"), assistant("first answer")]
MIDDLE = [user("second"), assistant([text_part("so "), *call("1+1", "2")])]
NEWEST = [user("and now?")]


def prompt_of(tokenizer, messages):
    ids, _ = render(tokenizer, {"messages": messages})
    return [*ids, tokenizer.encode_special("<|assistant_start|>")]


def test_a_prompt_is_the_conversation_and_an_opened_answer(tiny_tokenizer):
    messages = [system("be kind"), *OLD, *MIDDLE, *NEWEST]
    assert render_prompt(tiny_tokenizer, messages) == prompt_of(tiny_tokenizer, messages)
    finished = {"messages": [*messages, assistant("never rendered")]}
    expected = prompt_of(tiny_tokenizer, messages)
    assert tiny_tokenizer.render_for_completion(finished) == expected


@pytest.mark.parametrize("first", [[], [system("be kind")]])
def test_whole_old_exchanges_are_dropped_first(tiny_tokenizer, first):
    messages = [*first, *OLD, *MIDDLE, *NEWEST]
    before = copy.deepcopy(messages)
    candidates = [
        prompt_of(tiny_tokenizer, [*first, *rest])
        for rest in ([*OLD, *MIDDLE, *NEWEST], [*MIDDLE, *NEWEST], NEWEST)
    ]
    lengths = [len(candidate) for candidate in candidates]
    assert lengths[0] > lengths[1] > lengths[2]
    for budget in range(lengths[2], lengths[0] + 2):
        expected = next(ids for ids in candidates if len(ids) <= budget)
        assert render_prompt(tiny_tokenizer, messages, budget) == expected
    with pytest.raises(UserError, match=f"needs {lengths[2]} tokens, but only {lengths[2] - 1}"):
        render_prompt(tiny_tokenizer, messages, lengths[2] - 1)
    assert messages == before


@many
@given(st.lists(st.tuples(texts, texts), max_size=4), texts, st.none() | texts, st.integers(0, 200))
def test_a_prompt_fits_and_keeps_system_and_newest(tiny_tokenizer, pairs, newest, rules, budget):
    first = [] if rules is None else [system(rules)]
    exchanges = [m for asked, answer in pairs for m in (user(asked), assistant(answer))]
    shortest = prompt_of(tiny_tokenizer, [*first, user(newest)])
    messages = [*first, *exchanges, user(newest)]
    if len(shortest) > budget:
        with pytest.raises(UserError, match="shorten it"):
            render_prompt(tiny_tokenizer, messages, budget)
        return
    ids = render_prompt(tiny_tokenizer, messages, budget)
    assert len(ids) <= budget
    kept = [
        prompt_of(tiny_tokenizer, [*first, *exchanges[drop:], user(newest)])
        for drop in range(0, len(exchanges) + 1, 2)
    ]
    assert ids == next(candidate for candidate in kept if len(candidate) <= budget)


def test_only_a_user_can_be_answered(tiny_tokenizer):
    with pytest.raises(UserError, match="the last message must be from the user"):
        render_prompt(tiny_tokenizer, OLD)
    with pytest.raises(UserError, match="the last message must be from the assistant"):
        tiny_tokenizer.render_for_completion({"messages": [*OLD, *NEWEST]})


# -- and back -------------------------------------------------------------------------------------


@st.composite
def part_lists(draw):
    """Lists of parts with a tool call, in the one form parsing gives: text parts never adjoin."""
    parts = []
    for kind in draw(st.lists(st.sampled_from(["python", "python_output"]), min_size=1)):
        parts += [text_part(text)] if (text := draw(texts)) else []
        parts.append({"type": kind, "text": draw(texts)})
    return [*parts, text_part(text)] if (text := draw(texts)) else parts


contents = texts | part_lists()


@many
@given(st.lists(st.tuples(texts, contents), min_size=1, max_size=3), st.booleans())
def test_what_is_rendered_can_be_read_back(tiny_tokenizer, pairs, ends_early):
    messages = [m for asked, answer in pairs for m in (user(asked), assistant(answer))]
    ids, mask = render(tiny_tokenizer, {"messages": messages}, max_tokens=10**6)
    assert len(ids) == len(mask)
    opening, closing = (
        tiny_tokenizer.encode_special(f"<|assistant_{side}|>") for side in ("start", "end")
    )
    starts = [place + 1 for place, token in enumerate(ids) if token == opening]
    assert len(starts) == len(pairs)
    for start, (_, answer) in zip(starts, pairs, strict=True):
        end = ids.index(closing, start)
        # whether generation kept the end token, or what comes after it, makes no difference
        assert parse_tokens(tiny_tokenizer, ids[start : end if ends_early else None]) == answer


def test_text_parts_alone_become_a_string(tiny_tokenizer):
    parts = [text_part("the "), text_part("dog")]
    ids, _ = render(tiny_tokenizer, {"messages": [user("x"), assistant(parts)]})
    start = ids.index(tiny_tokenizer.encode_special("<|assistant_start|>")) + 1
    assert parse_tokens(tiny_tokenizer, ids[start:]) == "the dog"
    assert parse_tokens(tiny_tokenizer, []) == ""


@many
@given(st.lists(st.integers(0, 299), max_size=40))
def test_whatever_a_model_says_can_go_back_into_a_conversation(tiny_tokenizer, ids):
    content = parse_tokens(tiny_tokenizer, ids)
    messages = [user("x"), assistant(content), user("y")]
    validate_messages(messages)
    assert render_prompt(tiny_tokenizer, messages)


def test_an_unfinished_tool_call_is_kept(tiny_tokenizer):
    start = tiny_tokenizer.encode_special("<|python_start|>")
    ids = [*tiny_tokenizer.encode("so "), start, *tiny_tokenizer.encode("1+")]
    assert parse_tokens(tiny_tokenizer, ids) == [text_part("so "), *call("1+")]


# -- the stream -----------------------------------------------------------------------------------


def streamed(tokenizer, ids):
    decoder = StreamDecoder(tokenizer)
    return [*(decoder.feed(token) for token in ids), decoder.flush()]


@many
@given(st.lists(st.integers(0, 290), max_size=40))
def test_a_stream_of_ordinary_ids_is_their_text(tiny_tokenizer, ids):
    assert "".join(streamed(tiny_tokenizer, ids)) == tiny_tokenizer.decode(ids)


@many
@given(texts | st.text(alphabet="a é€😀👩\u200d\ufffd", max_size=20))
def test_streamed_text_is_whole_without_a_flush(tiny_tokenizer, text):
    *pieces, rest = streamed(tiny_tokenizer, tiny_tokenizer.encode(text))
    assert "".join(pieces) == text
    assert rest == ""


def test_a_character_over_several_tokens_comes_at_once(tiny_tokenizer):
    ids = tiny_tokenizer.encode("a😀b")
    assert len(ids) == 6  # no merges for the emoji's four bytes
    assert streamed(tiny_tokenizer, ids) == ["a", "", "", "", "😀", "b", ""]


def test_an_incomplete_character_is_flushed_once(tiny_tokenizer):
    decoder = StreamDecoder(tiny_tokenizer)
    half = "😀".encode()[:2]
    assert [decoder.feed(byte) for byte in half] == ["", ""]
    assert decoder.flush() == "\ufffd"
    assert decoder.flush() == ""
    assert decoder.feed(ord("x")) == "x"  # the decoder can be used again


def test_broken_bytes_do_not_block_what_follows(tiny_tokenizer):
    assert "".join(streamed(tiny_tokenizer, [0xFF, ord("a"), 0xC3, ord("b")])) == "\ufffda\ufffdb"


@pytest.mark.parametrize("name", SPECIAL_TOKENS)
def test_special_tokens_show_nothing_but_end_a_character(tiny_tokenizer, name):
    first, *rest = "é".encode()
    ids = [
        ord("a"),
        tiny_tokenizer.encode_special(name),
        first,
        tiny_tokenizer.encode_special(name),
    ]
    assert streamed(tiny_tokenizer, [*ids, *rest]) == ["a", "", "", "\ufffd", "\ufffd", ""]


# -- validation -----------------------------------------------------------------------------------

ORDER = "roles alternate, beginning with the user"


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "expected a non-empty list of messages"),
        (None, "expected a non-empty list of messages"),
        ("hello", "expected a non-empty list of messages"),
        ({"role": "user", "content": "x"}, "expected a non-empty list of messages"),
        (["hello"], "message 0: expected an object with 'role' and 'content'"),
        ([{"role": "user"}], "message 0: expected an object with 'role' and 'content'"),
        ([user("x"), {"content": "y"}], "message 1: expected an object"),
        ([system(["x"]), user("y")], "message 0: the system message's content must be a string"),
        ([system("x")], "must be followed by a user message"),
        ([assistant("x")], f"message 0: expected role 'user', got 'assistant' .{ORDER}"),
        ([system("x"), assistant("y")], "message 1: expected role 'user', got 'assistant'"),
        ([user("x"), user("y")], "message 1: expected role 'assistant', got 'user'"),
        ([user("x"), assistant("y"), system("z")], "message 2: expected role 'user', got 'system'"),
        ([system("x"), system("y")], "message 1: expected role 'user', got 'system'"),
        ([{"role": None, "content": "x"}], "message 0: expected role 'user', got None"),
        ([{"role": ["user"], "content": "x"}], "message 0: expected role 'user'"),
        ([user(None)], "message 0: user content must be a string, got None"),
        ([user([text_part("x")])], "message 0: user content must be a string"),
        ([user("x"), assistant(7)], "message 1: assistant content must be a string or a list of"),
        ([user("x"), assistant({"type": "text", "text": "y"})], "message 1: assistant content"),
        ([user("x"), assistant(["y"])], "message 1: each part must have 'type'"),
        ([user("x"), assistant([{"type": "image", "text": "y"}])], "python_output.*'image'"),
        ([user("x"), assistant([{"type": ["text"], "text": "y"}])], "each part must have 'type'"),
        ([user("x"), assistant([{"text": "y"}])], "message 1: each part must have 'type'"),
        ([user("x"), assistant([{"type": "text"}])], "a string 'text'"),
        ([user("x"), assistant([{"type": "python", "text": 3}])], "a string 'text'"),
    ],
)
def test_malformed_messages_are_named(tiny_tokenizer, messages, message):
    with pytest.raises(UserError, match=message):
        validate_messages(messages)
    with pytest.raises(UserError, match=message):
        render(tiny_tokenizer, {"messages": messages})
    with pytest.raises(UserError, match=message):
        render_prompt(tiny_tokenizer, messages)


@pytest.mark.parametrize("conversation", [{}, {"text": "hello"}, [user("x")], None])
def test_a_conversation_needs_messages(tiny_tokenizer, conversation):
    with pytest.raises(UserError, match="messages"):
        render(tiny_tokenizer, conversation)


def test_long_wrong_content_is_not_shown_whole():
    with pytest.raises(UserError) as error:
        validate_messages([user(["x" * 10_000])])
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "messages",
    [
        [user("")],
        [system("x"), user("y"), assistant("")],
        [user("x"), assistant([])],
        (user("x"), assistant((text_part("y"),))),
        [{**user("x"), "id": 7}],
    ],
)
def test_unusual_but_whole(tiny_tokenizer, messages):
    validate_messages(messages)
    assert render(tiny_tokenizer, {"messages": messages, "letters": ["A"]})[0]


def test_half_a_surrogate_pair_is_not_fatal(tiny_tokenizer):
    """JSON may bring one; it has no UTF-8 form, so it becomes a replacement character."""
    ids, _ = render(tiny_tokenizer, {"messages": [user("a\ud83d")]})
    assert "a\ufffd" in tiny_tokenizer.decode(ids)


def test_stray_special_tokens_in_an_answer_are_dropped(tiny_tokenizer):
    stray = tiny_tokenizer.encode_special("<|user_start|>")
    ids = [*tiny_tokenizer.encode("fox"), stray, *tiny_tokenizer.encode(" dog")]
    assert parse_tokens(tiny_tokenizer, ids) == "fox dog"
