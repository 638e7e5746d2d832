import contextlib
import subprocess
import sys

import pytest
import torch

from nanochat import conversation
from nanochat.checkpoint_manager import save_checkpoint
from nanochat.common import UserError, get_base_dir
from nanochat.engine import Engine
from nanochat.gpt import GPT, GPTConfig
from nanochat.serve.answer import Answer, Delta
from nanochat.serve.pool import Worker, WorkerPool
from nanochat.serve.settings import Identity
from scripts import chat_cli
from tests.serve_stubs import CONTEXT, ScriptedEngine, make_tokenizer

TOKENIZER = make_tokenizer()
END = TOKENIZER.encode_special("<|assistant_end|>")
PARTS = [
    {"type": "text", "text": "Let me see: "},
    {"type": "python", "text": "6*7"},
    {"type": "python_output", "text": "42"},
    {"type": "text", "text": "so 42 \N{BUG}"},
]


def answer_ids(content):
    """The ids the model produces for an answer, its end included."""
    messages = [{"role": "user", "content": ""}, {"role": "assistant", "content": content}]
    ids, _ = conversation.render(TOKENIZER, {"messages": messages})
    return ids[len(conversation.render_prompt(TOKENIZER, messages[:1])) :]


@pytest.fixture
def keyboard(monkeypatch):
    """Call it with the lines a user types; a line may be an exception. Then the input ends."""

    def type_lines(*lines):
        waiting = iter([*lines, EOFError()])

        def read(prompt):
            line = next(waiting)
            print(prompt, end="")
            if isinstance(line, str):
                return line
            raise line

        monkeypatch.setattr("builtins.input", read)

    return type_lines


@pytest.fixture
def engine(monkeypatch):
    """The engine `main` will get; it answers every question with PARTS."""
    engine = ScriptedEngine(lambda prompt: iter(answer_ids(PARTS)))
    engine.entered = 0  # how often the worker's precision was entered

    @contextlib.contextmanager
    def precision():
        engine.entered += 1
        yield

    pool = WorkerPool([Worker(0, "cpu", engine, TOKENIZER, CONTEXT, precision)])
    asked = []

    def load_pool(*arguments):
        asked.append(arguments[:3])
        return pool, Identity("sft", "d4", 700)

    monkeypatch.setattr("nanochat.serve.replicas.load_pool", load_pool)
    engine.asked = asked
    return engine


def test_help_needs_no_torch():
    code = "import sys, scripts.chat_cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("deltas", "shown"),
    [
        (["Hi ", "you"], "Hi you"),
        ([("6*7", "python"), ("42", "python_output"), "ok"], "[6*7 = 42]ok"),
        (["a", ("6", "python"), ("*7", "python"), ("42", "python_output")], "a[6*7 = 42]"),
        (["a", ("2**8", "python"), "b"], "a[2**8]b"),
        ([("1+1", "python"), ("2", "python_output"), ("3", "python")], "[1+1 = 2][3]"),
        ([("x", "python_output"), "y"], "[x]y"),
        ([], ""),
    ],
)
def test_tool_calls_are_shown_in_brackets(capsys, deltas, shown):
    last = Answer("", "", "stop", 1, 1)
    events, part, before = [], -1, None
    for delta in deltas:
        text, kind = (delta, "text") if isinstance(delta, str) else delta
        part += kind != before
        events.append(Delta(text, kind, part))
        before = kind
    assert chat_cli.show(iter([*events, last])) is last
    assert capsys.readouterr().out == shown + "\n"


def test_one_prompt_gives_one_answer_and_says_who_speaks(engine, capsys):
    chat_cli.main(["-p", "What is 6*7?", "-t", "0.1", "--top_k", "3", "-g", "d4", "-s", "700"])
    out = capsys.readouterr().out
    assert "sft" in out and "d4" in out and "700" in out
    assert out.endswith("Assistant: Let me see: [6*7 = 42]so 42 \N{BUG}\n")
    assert engine.asked == [("sft", "d4", 700)]
    assert engine.entered == 1
    ((prompt, options),) = engine.calls
    question = [{"role": "user", "content": "What is 6*7?"}]
    assert prompt == conversation.render_prompt(TOKENIZER, question)
    assert (options["temperature"], options["top_k"]) == (0.1, 3)
    assert len(prompt) + options["max_tokens"] <= CONTEXT


def test_earlier_tool_calls_go_back_to_the_model_as_such(engine, keyboard):
    keyboard("one", "two", "quit")
    chat_cli.main([])
    first, second = (prompt for prompt, _ in engine.calls)
    turn = conversation.render_prompt(TOKENIZER, [{"role": "user", "content": "two"}])[1:]
    assert second == first + answer_ids(PARTS) + turn


def test_every_turn_has_a_new_seed(engine, keyboard):
    keyboard("one", "two", "three")
    chat_cli.main([])
    assert len({options["seed"] for _, options in engine.calls}) == 3


def test_long_chats_forget_old_exchanges_and_keep_room_for_the_answer(engine, keyboard):
    keyboard(*[f"question {number} " + "x" * 30 for number in range(8)])
    chat_cli.main([])
    assert len(engine.calls) == 8
    for number, (prompt, options) in enumerate(engine.calls):
        assert f"question {number}" in TOKENIZER.decode(prompt)
        assert len(prompt) + options["max_tokens"] <= CONTEXT
        assert options["max_tokens"] >= CONTEXT // 2
    assert "question 0" not in TOKENIZER.decode(engine.calls[-1][0])


def test_a_message_that_is_too_long_is_refused_and_forgotten(engine, keyboard, capsys):
    keyboard("x" * 1000, "short")
    chat_cli.main([])
    assert "error: the message needs" in capsys.readouterr().out
    ((prompt, _),) = engine.calls
    assert prompt == conversation.render_prompt(TOKENIZER, [{"role": "user", "content": "short"}])
    with pytest.raises(UserError, match="shorten"):
        chat_cli.main(["-p", "x" * 1000])


def test_clear_and_empty_lines(engine, keyboard, capsys):
    keyboard("one", "", "  ", "Clear", "two")
    chat_cli.main([])
    assert "cleared" in capsys.readouterr().out
    assert len(engine.calls) == 2
    assert "one" not in TOKENIZER.decode(engine.calls[1][0])


@pytest.mark.parametrize("ending", ["quit", "EXIT", " Quit ", KeyboardInterrupt(), EOFError()])
def test_ways_to_leave(engine, keyboard, capsys, ending):
    keyboard(ending, "never asked")
    chat_cli.main([])
    assert engine.calls == []
    assert capsys.readouterr().out.endswith("Goodbye!\n")


def test_an_interruption_while_answering_ends_the_chat(engine, keyboard, capsys):
    def interrupt():
        if engine.steps == 5:
            raise KeyboardInterrupt

    engine.step = interrupt
    keyboard("one", "two")
    chat_cli.main([])
    assert len(engine.calls) == 1
    assert capsys.readouterr().out.endswith("Let m\nGoodbye!\n")


def test_impossible_settings_are_refused_before_anything_is_loaded(engine):
    with pytest.raises(UserError, match="temperature"):
        chat_cli.main(["--temperature=-1"])
    assert engine.asked == []


@pytest.mark.parametrize("flags", [[], ["--dtype=bfloat16"], ["-d", "float32"]])
def test_a_real_checkpoint_answers(capsys, flags):
    torch.manual_seed(0)
    config = GPTConfig(64, TOKENIZER.get_vocab_size(), n_layer=1, n_head=1, n_kv_head=1, n_embd=16)
    model = GPT(config)
    model.init_weights()
    save_checkpoint(
        f"{get_base_dir()}/chatsft_checkpoints/d1",
        7,
        model.state_dict(),
        None,
        {"step": 7, "model_config": vars(config)},
        tokenizer=TOKENIZER,
    )
    chat_cli.main(["--prompt=Hi", "--temperature=0", "--model-step=7", "--device-type=cpu", *flags])
    out = capsys.readouterr().out
    assert "sft" in out and "d1" in out and "step 7" in out
    prompt = conversation.render_prompt(TOKENIZER, [{"role": "user", "content": "Hi"}])
    (sequence,), _ = Engine(model, TOKENIZER).generate_batch(prompt, temperature=0)
    text = TOKENIZER.decode(sequence[len(prompt) :])
    assert out.split("Assistant: ")[1] == text + "\n"
    with pytest.raises(UserError, match="8"):
        chat_cli.main(["--step=8", "-p", "Hi"])
