"""The base directory, files that are written whole or not at all, printing, logging."""

import errno
import logging
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from nanochat.common import (
    UserError,
    atomic_write,
    duration,
    get_base_dir,
    print0,
    setup_default_logging,
    text_table,
)

# -- the base directory ---------------------------------------------------------------------------


def test_the_base_directory_is_the_one_named_and_made_on_demand(base_dir):
    assert not base_dir.exists()
    assert get_base_dir() == str(base_dir)
    assert base_dir.is_dir()
    assert get_base_dir() == str(base_dir)


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_name_it_is_in_the_users_cache(tmp_path, monkeypatch, value):
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("NANOCHAT_BASE_DIR")
    else:
        monkeypatch.setenv("NANOCHAT_BASE_DIR", value)
    assert get_base_dir() == str(tmp_path / ".cache" / "nanochat")
    assert (tmp_path / ".cache" / "nanochat").is_dir()


def test_a_base_directory_that_cannot_be_is_explained(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("NANOCHAT_BASE_DIR", str(tmp_path / "file" / "base"))
    with pytest.raises(UserError, match=r"cannot create the base directory .*NANOCHAT_BASE_DIR"):
        get_base_dir()


# -- atomic_write ---------------------------------------------------------------------------------


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    return path


def assert_untouched(path):
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]  # and no temporary file is left


def test_the_new_content_appears_at_the_end_of_the_block(old_file):
    with atomic_write(old_file) as file:
        file.write(b"new")
        file.flush()
        assert old_file.read_bytes() == b"old"
    assert old_file.read_bytes() == b"new"
    assert os.listdir(old_file.parent) == [old_file.name]


def test_directories_are_made_and_names_may_be_relative(tmp_path, monkeypatch):
    with atomic_write(tmp_path / "a" / "b" / "file", "w") as file:
        file.write("x")
    assert (tmp_path / "a" / "b" / "file").read_text() == "x"
    monkeypatch.chdir(tmp_path)
    with atomic_write("here", "w") as file:
        file.write("y")
    assert (tmp_path / "here").read_text() == "y"


def test_text_is_utf8_whatever_the_locale(tmp_path):
    program = (
        "import sys; from nanochat.common import atomic_write\n"
        "with atomic_write(sys.argv[1], 'w') as file: file.write('\\xe9\\U0001f600')"
    )
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = tmp_path / "text"
    subprocess.run([sys.executable, "-c", program, str(path)], env=environment, check=True)
    assert path.read_bytes() == "é😀".encode()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_keeps_the_old_file(old_file, error):
    with pytest.raises(error), atomic_write(old_file) as file:
        file.write(b"half of the ne")
        raise error
    assert_untouched(old_file)


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_full_disk_keeps_the_old_file(old_file, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"), atomic_write(old_file) as file:
        file.write(b"new")
    assert_untouched(old_file)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_a_write_that_fails_when_buffers_are_emptied_keeps_the_old_file(old_file, monkeypatch):
    fdopen = os.fdopen

    def onto_a_full_disk(descriptor, *arguments, **options):
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, descriptor)
        os.close(full)
        return fdopen(descriptor, *arguments, **options)

    monkeypatch.setattr(os, "fdopen", onto_a_full_disk)
    with pytest.raises(OSError, match="No space left"), atomic_write(old_file) as file:
        file.write(b"new")  # small enough to stay in the buffer until the end
    assert_untouched(old_file)


def test_content_is_on_the_disk_before_it_has_the_name(old_file, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append(os.fstat(fd).st_size), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *a: (steps.append("replace"), replace(*a)))
    with atomic_write(old_file) as file:
        file.write(b"12345")
    assert steps == [5, "replace"]


KILLED = """
import sys, time
from nanochat.common import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half of the new content")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_being_killed_keeps_the_old_file(old_file):
    command = [sys.executable, "-c", KILLED, str(old_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert old_file.read_bytes() == b"old"
    (left,) = set(os.listdir(old_file.parent)) - {old_file.name}
    assert left.startswith("weights.bin.") and left.endswith(".tmp")  # recognisable, never read
    with atomic_write(old_file) as file:
        file.write(b"new")
    assert old_file.read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "file") as file:
            file.write(b"x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_writers_at_the_same_time_do_not_mix(tmp_path):
    path = tmp_path / "file"
    barrier = threading.Barrier(4)

    def write(number):
        for _ in range(10):
            with atomic_write(path) as file:
                barrier.wait()
                file.write(bytes([number]) * 100_000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_bytes()
    assert len(content) == 100_000 and len(set(content)) == 1
    assert os.listdir(tmp_path) == ["file"]


# -- printing and logging -------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "printed"), [(None, "a-b\n"), ("0", "a-b\n"), ("3", "")])
def test_only_rank_zero_prints(monkeypatch, capsys, rank, printed):
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    print0("a", "b", sep="-")
    assert capsys.readouterr().out == printed


def test_every_line_is_flushed(monkeypatch):
    class Stream:
        flushed = 0

        def write(self, text):
            pass

        def flush(self):
            self.flushed += 1

    stream = Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    print0("x")
    print0("y", flush=False)
    assert stream.flushed == 1


class Terminal:
    def __init__(self, is_one):
        self.is_one, self.text = is_one, ""

    def isatty(self):
        return self.is_one

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "coloured"),
    [(True, None, True), (False, None, False), (True, "1", False)],
)
def test_log_lines_are_coloured_on_a_terminal_only(monkeypatch, is_terminal, no_color, coloured):
    stream, root = Terminal(is_terminal), logging.getLogger()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    setup_default_logging()
    logging.getLogger("nanochat.data").warning("3 documents")
    logging.getLogger("nanochat.data").debug("not shown")
    level = "\033[33mWARNING\033[0m" if coloured else "WARNING"
    assert stream.text.endswith(f" nanochat.data {level} 3 documents\n")
    assert stream.text.count("\n") == 1


def test_text_table():
    rows = [["tag", "size", "note"], ["d34", "8.6", ""], ["tiny", "10,000", "small"]]
    assert text_table(rows, right={1}).splitlines() == [
        "tag     size  note",
        "----  ------  -----",
        "d34      8.6",
        "tiny  10,000  small",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (185, "3m05s"), (7620, "2h07m"), (90000, "25h00m")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
