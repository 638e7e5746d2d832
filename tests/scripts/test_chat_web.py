"""The real command: a server process with a tiny random model behind it."""

import contextlib
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from nanochat.common import UserError
from nanochat.serve.settings import Identity
from scripts import chat_web
from tests.tiny_world import save_model, train_tokenizer

ADDRESS = re.compile(r"http://localhost:([0-9]+)")
MODULE = [sys.executable, "-m", "scripts.chat_web"]


@contextlib.contextmanager
def running(*flags):
    """Start the command; gives (its address, what it printed so far) once it is ready."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*MODULE, *flags],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        # a background job inherits an ignored Ctrl+C
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        lines = []
        try:
            for line in process.stdout:
                lines.append(line)
                if "Ctrl+C" in line:
                    break
            (port,) = set(ADDRESS.findall("".join(lines)))
            yield f"http://localhost:{port}", "".join(lines), process
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_serves_a_checkpoint():
    save_model(train_tokenizer(), "sft", tag="d1", step=3)
    flags = ("--port=0", "--model_tag=d1", "--step=3", "--temperature=0.6", "--device-type=cpu")
    body = {"messages": [{"role": "user", "content": "How many legs has a cat?"}], "max_tokens": 8}
    with running(*flags) as (address, printed, process):
        port = address.rpartition(":")[2]
        assert "sft · d1 · step 3 is speaking" in printed
        assert f"ssh -L {port}:localhost:{port}" in printed
        assert "<title>NanoChat</title>" in httpx.get(address).text
        health = httpx.get(f"{address}/health").json()
        assert health["model"] == {"source": "sft", "tag": "d1", "step": 3}
        assert health["defaults"]["temperature"] == 0.6

        reply = httpx.post(f"{address}/chat", json=body, timeout=60).json()
        assert 0 < reply["usage"]["completion_tokens"] <= 8
        with httpx.stream("POST", f"{address}/chat/completions", json=body, timeout=60) as stream:
            lines = [line for line in stream.iter_lines() if line]
        events = [json.loads(line.removeprefix("data: ")) for line in lines]
        assert events[-1]["done"]
        text = "".join(event["token"] for event in events[:-1])
        assert text == events[-1]["message"]["content"]

        # a second server on the same port says so, without having loaded a model
        second = subprocess.run(
            [*MODULE, f"--port={port}"], capture_output=True, text=True, timeout=60
        )
        assert second.returncode != 0
        assert second.stderr.count("\n") == 1
        assert f"port {port}" in second.stderr
        assert "--port=" in second.stderr
        assert second.stdout == ""
    assert process.returncode == 130  # Ctrl+C ends it, and nothing is left running


def refusal(*flags):
    with pytest.raises(UserError) as error:
        chat_web.main(list(flags))
    return str(error.value)


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refusal(f"--port={port}")
    assert f"port {port} on 127.0.0.1 is in use" in message
    assert "--port=" in message


def test_the_last_port_has_no_next(monkeypatch):
    def taken(*_, **__):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket, "create_server", taken)
    message = refusal("--port=65535")
    assert "in use" in message
    assert "65536" not in message


@pytest.mark.parametrize(
    "flags, needle",
    [
        (["--port=70000"], "--port"),
        (["--host=nowhere.invalid"], "nowhere.invalid"),
        (["--temperature=3"], "temperature"),
        (["--top-k=201"], "top_k"),
        (["--max-tokens=0"], "max_tokens"),
        (["--port=0", "--num-gpus=0", "--device-type=cpu"], "--num-gpus"),
        (["--port=0", "--num-gpus=2", "--device-type=cpu"], "CUDA"),
        (["--port=0", "--device-type=cpu"], "sft"),  # nothing has been trained yet
    ],
)
def test_bad_flags_are_explained(flags, needle):
    assert needle in refusal(*flags)


def test_a_missing_step_lists_those_there_are():
    save_model(train_tokenizer(), "sft", tag="d1", step=3)
    assert "3" in refusal("--port=0", "--model-tag=d1", "--step=4", "--device-type=cpu")


@pytest.mark.parametrize(
    "host, shown, warned",
    [
        ("127.0.0.1", "http://localhost:8000", False),
        ("0.0.0.0", "http://localhost:8000", True),
        ("192.168.1.5", "http://192.168.1.5:8000", True),
        ("fd00::1", "http://[fd00::1]:8000", True),
    ],
)
def test_the_announcement_fits_the_address(capsys, host, shown, warned):
    chat_web.announce(host, 8000, Identity("sft", "d20", 700))
    printed = capsys.readouterr().out
    assert f"sft · d20 · step 700 is speaking at {shown}\n" in printed
    assert ("no password" in printed) == warned


def test_listens_on_this_machine_only_unless_told():
    assert chat_web.ChatWebConfig().host == "127.0.0.1"
