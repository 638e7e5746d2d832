"""The page's files, and the headers that keep it to itself."""

import json
import re
from importlib import resources

import pytest

from nanochat.serve.app import SECURITY_HEADERS
from tests.serve_stubs import HELLO, ScriptedEngine, client_of, says


def test_page_and_logo_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client = client_of(ScriptedEngine(says("x")))
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>NanoChat</title>" in page.text
    assert client.get("/logo.svg").headers["content-type"] == "image/svg+xml"
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "logo.svg" in links
    for link in links:
        assert client.get(f"/{link}").status_code == 200, link


def test_page_asks_nobody_else():
    web = resources.files("nanochat.serve") / "web"
    for file in web.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|//cdn", text), file.name
        assert "innerHTML" not in text, file.name


@pytest.mark.parametrize("path", ["/", "/logo.svg", "/health", "/nothing", "/web/../app.py"])
def test_security_headers_are_on_every_reply(path):
    reply = client_of(ScriptedEngine(says("x"))).get(path)
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in reply.headers.items()}.items()
    assert "access-control-allow-origin" not in reply.headers


def test_only_json_is_taken_as_a_request():
    # a form or plain text may be sent across origins without asking; JSON may not
    reply = client_of(ScriptedEngine(says("x"))).post(
        "/chat", content=json.dumps(HELLO), headers={"Content-Type": "text/plain"}
    )
    assert reply.status_code == 422
