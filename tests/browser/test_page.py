"""The chat page in a real browser, against the real server with an engine that follows a script."""

import re
import shutil
import threading

import httpx
import pytest

from nanochat.serve.settings import Defaults
from tests.serve_stubs import ScriptedEngine, make_app, make_tokenizer, served, wait_until

pytestmark = pytest.mark.browser
playwright_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed", exc_type=ImportError
)
expect = playwright_api.expect

TOKENIZER = make_tokenizer()
SPECIAL = TOKENIZER.encode_special
DEFAULTS = Defaults(temperature=0.3, top_k=7, max_tokens=99)


def calculates(expression, result):
    return [
        *(SPECIAL("<|python_start|>"), *expression.encode(), SPECIAL("<|python_end|>")),
        *(SPECIAL("<|output_start|>"), *result.encode(), SPECIAL("<|output_end|>")),
    ]


def script(prompt):
    """Answer the newest question: a few have answers of their own, the rest are echoed."""
    question = TOKENIZER.decode(prompt).rsplit("<|user_start|>")[-1].split("<|user_end|>")[0]
    if question == "fail":
        raise RuntimeError("as the test wishes")
    if question == "silence":
        pass
    elif question == "calculate":
        yield from [*b"It is ", *calculates("12*3", "36"), *b" then."]
    elif question == "for ever":
        while True:
            yield from b"line\n"
    else:
        yield from f"You said: {question}".encode()
    yield SPECIAL("<|assistant_end|>")


class Gate:
    """Open: the engine runs freely. Closed: it waits for permits, one per token."""

    def __init__(self):
        self.permits = threading.Semaphore(0)
        self.closed = False

    def __call__(self):
        if self.closed:
            assert self.permits.acquire(timeout=60)

    def let(self, count):
        self.permits.release(count)

    def open(self):
        self.closed = False
        self.permits.release(1_000_000)

    def forget(self):
        """Take back the permits given so far; only while nothing waits for them."""
        self.permits = threading.Semaphore(0)


@pytest.fixture(scope="module")
def browser():
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no chromium on the PATH (apt-get install chromium)")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Visit:
    """A reader at the page, and what can be seen from the server's side."""

    def __init__(self, page, engine, gate, address):
        self.page, self.engine, self.gate, self.address = page, engine, gate, address
        self.requests = []
        self.complaints = []
        page.on("request", self._note_request)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note_console)
        page.set_default_timeout(60_000)
        self.input = page.locator("#input")
        self.users = page.locator("article.user .text")
        self.answers = page.locator("article.assistant .text")
        self.notes = page.locator(".note")
        self.errors = page.locator(".error")

    def _note_request(self, request):
        if request.url.endswith("/chat/completions"):
            self.requests.append(request.post_data_json)

    def _note_console(self, message):
        # the browser itself reports replies with an error status, which tests provoke
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def go(self, path="/"):
        self.page.goto(self.address + path)
        return self

    def say(self, text, wait=True):
        self.input.fill(text)
        self.input.press("Enter")
        if wait:
            self.wait_for_end()

    def wait_for_end(self):
        expect(self.page.locator("html")).not_to_have_class("running")

    def worker_is_free(self):
        return httpx.get(f"{self.address}/stats").json()["available_workers"] == 1

    def sent(self):
        """The newest request's messages as pairs of role and content."""
        return [(m["role"], m["content"]) for m in self.requests[-1]["messages"]]


@pytest.fixture(scope="module")
def server():
    gate = Gate()
    engine = ScriptedEngine(script, step=gate)
    with served(make_app([engine], TOKENIZER, context=100_000, defaults=DEFAULTS)) as address:
        yield engine, gate, address
        gate.open()


@pytest.fixture(params=[{}])
def visit(browser, server, request):
    engine, gate, address = server
    engine.calls.clear()
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 700}, **request.param})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit = Visit(context.new_page(), engine, gate, address)
    yield visit.go()
    context.close()
    gate.open()
    assert wait_until(visit.worker_is_free)
    gate.forget()
    assert visit.complaints == []


def test_first_screen(visit):
    page = visit.page
    assert page.title() == "NanoChat"
    expect(page.locator("#model")).to_have_text("sft · d4 · step 700")
    expect(visit.input).to_be_focused()
    expect(page.locator("#send")).to_be_disabled()
    expect(page.locator("#prompts button")).to_have_count(4)
    page.locator("#prompts button", has_text="Who are you?").click()
    expect(visit.answers).to_have_text("You said: Who are you?")
    expect(page.locator("#welcome")).to_be_hidden()


def test_an_answer_grows_while_it_is_written(visit):
    visit.gate.closed = True
    visit.say("Hi", wait=False)
    page = visit.page
    expect(visit.users).to_have_text("Hi")
    expect(page.locator(".typing")).to_be_visible()
    expect(visit.input).to_have_value("")
    visit.gate.let(3)
    expect(visit.answers).to_have_text("You")
    expect(page.locator(".typing")).to_have_count(0)
    # a new message can be written but not sent yet
    visit.input.fill("next")
    expect(page.locator("#send")).to_be_disabled()
    visit.input.press("Enter")
    expect(visit.users).to_have_count(1)
    visit.gate.open()
    expect(visit.answers).to_have_text("You said: Hi")
    expect(page.locator("#send")).to_be_enabled()
    expect(visit.input).to_have_value("next")


def test_the_whole_conversation_and_the_servers_settings_are_sent(visit):
    visit.say("one")
    visit.say("two")
    assert visit.requests[-1] == {
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "You said: one"},
            {"role": "user", "content": "two"},
        ],
        "temperature": 0.3,
        "top_k": 7,
        "max_tokens": 99,
    }


@pytest.mark.parametrize(
    "text",
    [
        "naïve 東京 🦙 👩‍👩‍👧",
        "<b>bold</b><img src=x onerror=alert(1)>",
        "a\n  b\n\nc",
        "&amp; \\u00e9",
    ],
)
def test_text_arrives_as_it_was_written(visit, text):
    visit.say(text)
    assert visit.users.inner_text() == text
    assert visit.answers.inner_text() == f"You said: {text}"


def test_keys_of_the_input(visit):
    visit.input.press_sequentially("a")
    visit.input.press("Shift+Enter")
    visit.input.press_sequentially("b")
    expect(visit.users).to_have_count(0)
    visit.input.press("Enter")
    visit.wait_for_end()
    assert visit.sent() == [("user", "a\nb")]
    # an Enter that chooses a character in an input method sends nothing
    visit.input.fill("か")
    visit.input.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(visit.users).to_have_count(1)
    # blanks are no message
    visit.input.fill("  \n ")
    expect(visit.page.locator("#send")).to_be_disabled()
    visit.input.press("Enter")
    expect(visit.users).to_have_count(1)
    # Up takes the last question back
    visit.input.fill("")
    visit.input.press("ArrowUp")
    expect(visit.input).to_have_value("a\nb")
    expect(visit.users).to_have_count(0)


def test_the_input_grows_up_to_200_pixels(visit):
    def height():
        return visit.input.bounding_box()["height"]

    empty = height()
    visit.input.fill("a\nb\nc")
    assert empty < height() < 200
    visit.input.fill("a\n" * 40)
    assert height() == 200
    visit.input.fill("")
    assert height() == empty


def test_a_click_on_a_question_takes_it_back(visit):
    for text in ("one", "two", "three"):
        visit.say(text)
    visit.users.nth(1).click()
    expect(visit.input).to_have_value("two")
    expect(visit.input).to_be_focused()
    expect(visit.users).to_have_text(["one"])
    expect(visit.answers).to_have_text(["You said: one"])
    visit.say("TWO")
    assert visit.sent() == [("user", "one"), ("assistant", "You said: one"), ("user", "TWO")]


def test_a_click_on_an_answer_asks_for_another(visit):
    for text in ("one", "two", "three"):
        visit.say(text)
    visit.answers.nth(1).click()
    visit.wait_for_end()
    expect(visit.users).to_have_text(["one", "two"])
    expect(visit.answers).to_have_text(["You said: one", "You said: two"])
    assert visit.sent() == [("user", "one"), ("assistant", "You said: one"), ("user", "two")]
    assert len(visit.requests) == 4


def test_a_click_that_ends_a_selection_does_nothing(visit):
    visit.say("some words to select")
    box = visit.answers.bounding_box()
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + 5, middle)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 100, middle, steps=4)
    visit.page.mouse.up()
    assert visit.page.evaluate("getSelection().toString()") != ""
    assert len(visit.requests) == 1
    expect(visit.answers).to_have_count(1)


def test_nothing_is_edited_while_an_answer_is_written(visit):
    visit.say("one")
    visit.gate.closed = True
    visit.say("two", wait=False)
    expect(visit.page.locator(".typing")).to_be_visible()
    visit.users.nth(0).click()
    visit.answers.nth(0).click()
    expect(visit.users).to_have_text(["one", "two"])
    expect(visit.input).to_have_value("")
    visit.gate.open()
    visit.wait_for_end()
    assert len(visit.requests) == 2


def test_commands_are_answered_here_and_do_not_shift_the_conversation(visit):
    visit.say("/help")
    expect(visit.notes.last).to_contain_text("/temperature")
    visit.say("one")
    for command, reply in {
        "/temperature": "temperature is 0.3",
        "/temperature 0.9": "temperature is now 0.9",
        "/temperature 2.1": "0.0–2.0",
        "/temperature warm": "warm",
        "/topk": "top-k is 7",
        "/topk 33": "top-k is now 33",
        "/topk 201": "1–200",
        "/topk 1.5": "whole number",
        "/nonsense": "no command /nonsense",
    }.items():
        visit.say(command)
        expect(visit.notes.last).to_contain_text(reply)
    expect(visit.page.locator("#settings")).to_have_text("temperature 0.9 · top-k 33")
    visit.say("two")
    assert visit.sent() == [("user", "one"), ("assistant", "You said: one"), ("user", "two")]
    assert (visit.requests[-1]["temperature"], visit.requests[-1]["top_k"]) == (0.9, 33)

    visit.answers.nth(1).click()
    visit.wait_for_end()
    assert visit.sent() == [("user", "one"), ("assistant", "You said: one"), ("user", "two")]
    visit.users.nth(1).click()
    expect(visit.input).to_have_value("two")
    expect(visit.answers).to_have_count(1)

    visit.say("/clear")
    expect(visit.page.locator("#messages > *")).to_have_count(0)
    visit.say("new")
    assert visit.sent() == [("user", "new")]
    # a path is a message, not a command
    visit.say("/usr/bin is a directory")
    expect(visit.users.last).to_have_text("/usr/bin is a directory")


@pytest.mark.parametrize("how", ["button", "keys"])
def test_a_new_conversation_may_begin_at_any_time(visit, how):
    visit.gate.closed = True
    visit.say("for ever", wait=False)
    visit.gate.let(3)
    expect(visit.answers).to_have_text("lin")
    if how == "button":
        visit.page.locator("#new").click()
    else:
        visit.page.keyboard.press("Control+Shift+N")
    expect(visit.page.locator("#messages > *")).to_have_count(0)
    expect(visit.page.locator("#welcome")).to_be_visible()
    expect(visit.input).to_be_focused()
    visit.gate.open()
    visit.say("fresh")
    assert visit.sent() == [("user", "fresh")]
    expect(visit.answers).to_have_text("You said: fresh")


def test_tool_calls_are_shown_and_sent_back_as_tool_calls(visit):
    visit.say("calculate")
    tool = visit.page.locator(".tool")
    assert re.sub(r"\s+", " ", tool.inner_text()) == "calculator 12*3 = 36"
    visit.say("thanks")
    (answer,) = [m for m in visit.requests[-1]["messages"] if m["role"] == "assistant"]
    assert [(p["type"], p["text"]) for p in answer["parts"]] == [
        ("text", "It is "),
        ("python", "12*3"),
        ("python_output", "36"),
        ("text", " then."),
    ]
    prompt = visit.engine.calls[-1][0]
    assert SPECIAL("<|python_start|>") in prompt
    article = visit.page.locator("article.assistant").first
    article.hover()
    article.get_by_role("button", name="Copy").click()
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied == "It is [12*3 = 36] then."


def test_stopping_keeps_what_was_said(visit):
    visit.gate.closed = True
    visit.say("for ever", wait=False)
    visit.gate.let(4)
    expect(visit.answers).to_have_text("line")
    visit.page.keyboard.press("Escape")
    visit.wait_for_end()
    visit.gate.open()
    assert wait_until(visit.worker_is_free)
    expect(visit.page.locator(".facts")).to_have_text("stopped")
    visit.say("and now")
    assert visit.sent() == [("user", "for ever"), ("assistant", "line"), ("user", "and now")]


def test_an_answer_that_was_cut_says_so(visit):
    visit.say("x" * 200)
    expect(visit.page.locator(".facts")).to_contain_text("cut off after 99 tokens")


def test_a_failure_is_shown_in_place_of_the_answer(visit):
    visit.say("one")
    visit.say("fail")
    expect(visit.errors).to_contain_text("The model failed while answering")
    expect(visit.page.locator("article.assistant").last.locator(".error")).to_be_visible()
    visit.errors.get_by_role("button", name="Try again").click()
    visit.wait_for_end()
    assert visit.sent() == [("user", "one"), ("assistant", "You said: one"), ("user", "fail")]
    expect(visit.errors).to_have_count(1)
    # the question that got no answer is not sent again, or the roles would not alternate
    visit.say("two")
    assert visit.sent() == [("user", "one"), ("assistant", "You said: one"), ("user", "two")]
    expect(visit.answers.last).to_have_text("You said: two")


def test_the_servers_own_words_are_shown(visit):
    visit.say("x" * 8001)
    expect(visit.errors).to_contain_text("must be between 1 and 8000, got 8001")


def test_an_answer_without_a_word_is_a_failure(visit):
    visit.say("silence")
    expect(visit.errors).to_contain_text("without a word")


def test_a_server_that_cannot_be_reached(visit):
    visit.page.route("**/chat/completions", lambda route: route.abort())
    visit.say("one")
    expect(visit.errors).to_contain_text("cannot be reached")
    visit.page.unroute("**/chat/completions")
    visit.errors.get_by_role("button", name="Try again").click()
    expect(visit.answers).to_have_text("You said: one")


def test_a_reply_that_breaks_off(visit):
    visit.page.route(
        "**/chat/completions",
        lambda route: route.fulfill(
            content_type="text/event-stream", body='data: {"token": "half", "gpu": 0}\n\n'
        ),
    )
    visit.say("one")
    expect(visit.errors).to_contain_text("broke off")


def test_a_server_of_the_bare_contract_will_do(visit):
    body = 'data: {"token": "Hi", "gpu": 0}\n\ndata: {"token": "!", "gpu": 0}\n\n'
    visit.page.route(
        "**/chat/completions",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=body + 'data: {"done": true}\n\n'
        ),
    )
    visit.say("one")
    expect(visit.answers).to_have_text("Hi!")
    visit.say("two")
    assert visit.sent() == [("user", "one"), ("assistant", "Hi!"), ("user", "two")]


def test_a_server_that_does_not_answer_is_noticed_on_load(visit):
    visit.page.route("**/health", lambda route: route.abort())
    visit.go()
    expect(visit.errors).to_contain_text("does not answer")
    visit.page.unroute("**/health")
    visit.errors.get_by_role("button", name="Check again").click()
    expect(visit.page.locator("#model")).to_have_text("sft · d4 · step 700")
    expect(visit.errors).to_have_count(0)


def test_long_conversations_stay_within_the_limits(visit):
    for turn in range(6):
        visit.say(f"{turn}" + "x" * 7000)
    total = sum(len(content) for _, content in visit.sent())
    assert visit.sent()[0][1].startswith("2")
    assert total <= 32_000
    expect(visit.errors).to_have_count(0)


@pytest.mark.parametrize("visit", [{"viewport": {"width": 900, "height": 420}}], indirect=True)
def test_the_view_follows_the_end_until_the_reader_scrolls_up(visit):
    def lines_shown():
        return visit.answers.text_content().count("line\n")

    def at_end():
        end = "document.documentElement.scrollHeight - innerHeight - scrollY"
        return visit.page.evaluate(end) < 2

    visit.gate.closed = True
    visit.say("for ever", wait=False)
    visit.gate.let(14 * len("line\n"))
    assert wait_until(lambda: lines_shown() == 14)
    assert wait_until(at_end)
    assert visit.page.evaluate("scrollY") > 150
    visit.page.mouse.move(500, 200)
    visit.page.mouse.wheel(0, -100)
    to_end = visit.page.locator("#to-end")
    expect(to_end).to_be_visible()
    before = visit.page.evaluate("scrollY")
    visit.gate.let(3 * len("line\n"))
    assert wait_until(lambda: lines_shown() == 17)
    assert visit.page.evaluate("scrollY") == before
    to_end.click()
    assert wait_until(at_end)
    expect(to_end).to_be_hidden()


def test_events_survive_any_cut(visit):
    text = 'data: {"token": "naïve 🦙 東", "gpu": 0}\r\n\r\ndata: {"token": "\\n", "gpu": 0}\n\n'
    events = visit.page.evaluate(
        """async (text) => {
            const { EventParser } = await import("./web/sse.js");
            const bytes = new TextEncoder().encode(text);
            const cuts = [[...bytes].map((byte) => [byte])];
            for (let i = 0; i <= bytes.length; i++) cuts.push([bytes.slice(0, i), bytes.slice(i)]);
            return cuts.map((pieces) => {
                const parser = new EventParser();
                return pieces.flatMap((piece) => parser.push(Uint8Array.from(piece)));
            });
        }""",
        text + 'data: {"done": true}\n\n',
    )
    expected = [{"token": "naïve 🦙 東", "gpu": 0}, {"token": "\n", "gpu": 0}, {"done": True}]
    assert events == [expected] * len(events)
    assert len(events) > 50


def test_everything_can_be_done_from_the_keyboard(visit):
    visit.say("one")
    focused = "document.activeElement.innerText || document.activeElement.ariaLabel"
    seen = []
    for _ in range(6):
        visit.page.keyboard.press("Shift+Tab")
        seen.append(visit.page.evaluate(focused).strip())
        outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        if seen[-1] == "Edit":
            break
    assert seen == ["Copy", "Try again", "Edit"]
    visit.page.keyboard.press("Enter")
    expect(visit.input).to_have_value("one")


PHONE = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True}


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_fits_a_phone(visit):
    visit.say("/help")
    visit.say("w" * 300)
    visit.say("calculate")
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    assert width == 360
    # there is no hovering on a phone: what can be done with a message is always in sight
    assert visit.page.locator(".actions").first.evaluate("e => getComputedStyle(e).opacity") == "1"
    size = visit.page.locator("#send").bounding_box()
    assert min(size["width"], size["height"]) >= 40


CONTRAST = """() => {
    const style = getComputedStyle(document.documentElement);
    const luminance = (name) => {
        const hex = style.getPropertyValue(name).trim();
        const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
            .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => {
        const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    const inks = ["--ink", "--soft", "--accent", "--base", "--mid", "--sft", "--rl"];
    const papers = ["--paper", "--raised"];
    const pairs = papers.flatMap((paper) => inks.map((ink) => [ink, paper]));
    pairs.push(["--ink", "--tint"], ["--soft", "--tint"], ["--error-ink", "--error-paper"]);
    return pairs.filter(([a, b]) => !(contrast(a, b) >= 4.5)).map((pair) => pair.join(" on "));
}"""


@pytest.mark.parametrize(
    "visit", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True
)
def test_colours_can_be_read(visit):
    assert visit.page.evaluate(CONTRAST) == []
