"""Downloads: whole or not at all, with second attempts where they make sense."""

import os
import threading

import pytest

from nanochat.common import UserError
from nanochat.data.download import ATTEMPTS, download
from tests.data.file_server import FileServer

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def server():
    with FileServer() as server:
        server.files["/file"] = CONTENT
        yield server


def fetch(server, path, **options):
    options = {"first_wait": 0.001, **options}
    download(f"{server.url}/file", path / "file", **options)


def test_a_file_arrives_whole(server, tmp_path):
    pieces = []
    fetch(server, tmp_path, on_bytes=pieces.append)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert sum(pieces) == len(CONTENT)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("failure", ["broken", "hangup", 500, 503, 429])
def test_passing_failures_are_tried_again(server, tmp_path, failure):
    pieces = []
    server.plans["/file"] = [failure] * (ATTEMPTS - 1)
    fetch(server, tmp_path, on_bytes=pieces.append)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests["/file"] == ATTEMPTS
    assert sum(pieces) == len(CONTENT)  # broken attempts are taken back


@pytest.mark.parametrize(
    ("failure", "message"),
    [("broken", "connection broke"), ("hangup", "no connection"), (502, "answered 502")],
)
def test_lasting_failures_leave_nothing(server, tmp_path, failure, message):
    (tmp_path / "file").write_text("from before")
    server.plans["/file"] = [failure] * 99
    with pytest.raises(UserError, match=rf"{message}.*\({ATTEMPTS} attempts\)"):
        fetch(server, tmp_path)
    assert server.requests["/file"] == ATTEMPTS
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "from before"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_will_not_change_is_not_tried_again(server, tmp_path, status):
    server.plans["/file"] = [status] * 9
    with pytest.raises(UserError, match=str(status)):
        fetch(server, tmp_path)
    assert server.requests["/file"] == 1


def test_the_callers_check_decides(server, tmp_path):
    def check(file):
        return None if file.read() == CONTENT else "too short"

    server.plans["/file"] = ["short"]  # ends early, and no length was announced
    fetch(server, tmp_path, check=check)
    assert (tmp_path / "file").read_bytes() == CONTENT
    with pytest.raises(UserError, match="never good"):
        fetch(server, tmp_path, check=lambda file: "never good")


class Answer:
    """An answer of an HTTP library that does not compare lengths itself."""

    status_code, reason, url = 200, "OK", "http://x"

    def __init__(self, headers):
        self.headers = headers

    def iter_content(self, size):
        return iter([b"12345"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Content-Length": "5"}, True),
        ({"Content-Length": "6"}, False),
        ({"Content-Length": "9", "Content-Encoding": "gzip"}, True),
        ({}, True),
    ],
)
def test_lengths_are_compared_where_they_can_be(tmp_path, monkeypatch, headers, accepted):
    monkeypatch.setattr("requests.get", lambda *_, **__: Answer(headers))
    if accepted:
        download("http://x", tmp_path / "file", first_wait=0.001)
    else:
        with pytest.raises(UserError, match="expected 6 bytes, received 5"):
            download("http://x", tmp_path / "file", first_wait=0.001)
    assert (tmp_path / "file").exists() == accepted


def test_nobody_there(tmp_path, caplog):
    with FileServer() as server:
        pass
    with pytest.raises(UserError, match=r"no connection \(.*refused\)"):
        fetch(server, tmp_path)
    assert caplog.text.count("trying again") == ATTEMPTS - 1


@pytest.mark.parametrize("url", ["no address", "ftp://example.org/x", "http://"])
def test_addresses_that_are_none(tmp_path, url):
    with pytest.raises(UserError):
        download(url, tmp_path / "file", first_wait=0.001)


def test_full_disk_ends_at_once(server, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(server, tmp_path)
    assert server.requests["/file"] == 1 and os.listdir(tmp_path) == []


def test_stopping(server, tmp_path):
    stop = threading.Event()
    server.gate = threading.Event()
    errors = []

    def run():
        try:
            fetch(server, tmp_path, stop=stop)
        except UserError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    assert server.half_sent.wait(20)
    stop.set()
    server.gate.set()
    thread.join(20)
    assert "stopped" in errors[0] and os.listdir(tmp_path) == []


def test_stopping_ends_the_wait_between_attempts(server, tmp_path):
    stop = threading.Event()
    stop.set()
    server.plans["/file"] = [500] * 9
    with pytest.raises(UserError, match="stopped"):
        fetch(server, tmp_path, stop=stop, first_wait=1000)
