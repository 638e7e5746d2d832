"""What was worked out of an archive is kept as long as archive and code stay the same."""

from dataclasses import replace

import pytest

from nanochat.data.archives import CHATS
from nanochat.data.derived import derived

VALUE = {"kind": [["a", 1], ["b", None]]}


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "module.py").write_text("FIRST = 1\n")
    return folder


@pytest.fixture
def ask(code, base_dir):
    """Ask for the value; returns how often it has been worked out so far."""
    made = []

    def ask(archive=CHATS):
        def make():
            made.append(archive)
            return VALUE

        assert derived("things", archive, code, make) == VALUE
        return len(made)

    return ask


def test_it_is_worked_out_once(ask):
    assert [ask(), ask()] == [1, 1]


def test_other_code_works_it_out_again(ask, code):
    ask()
    (code / "module.py").write_text("FIRST = 2\n")
    assert [ask(), ask()] == [2, 2]


def test_another_archive_works_it_out_again(ask):
    ask()
    assert ask(replace(CHATS, sha256="0" * 64)) == 2


@pytest.mark.parametrize("damage", ["", '{"key": "', "[]", "null", '{"value": 3}', "\xff"])
def test_a_damaged_file_is_made_again(ask, base_dir, damage):
    ask()
    kept = base_dir / "derived" / "things.json"
    whole = kept.read_bytes()
    kept.write_bytes(damage.encode("latin-1"))
    assert ask() == 2 and kept.read_bytes() == whole
