"""The shard downloader as a command, against a server on this machine."""

import io
import os

import pyarrow
import pyarrow.parquet
import pytest

from nanochat import dataset
from nanochat.command_line import run
from nanochat.common import UserError
from nanochat.data import download
from nanochat.data.shards import index_to_filename, split_files
from tests.data.file_server import FileServer

PREFIX = "/datasets/karpathy/fineweb-edu-100b-shuffle/resolve/main/"


def shard(index) -> bytes:
    file = io.BytesIO()
    table = pyarrow.table({"text": [f"document {index}-{i}" for i in range(20)]})
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    monkeypatch.setitem(download.download.__kwdefaults__, "first_wait", 0.001)
    with FileServer() as server:
        for index in (0, 1, 2, 3, 1822):
            server.files[PREFIX + index_to_filename(index)] = shard(index)
        monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
        yield server


def present(base_dir):
    return sorted(os.listdir(base_dir / "base_data"))


def test_the_validation_shard_comes_with_every_request(server, base_dir, capsys):
    dataset.main(["-n", "2", "-w", "3"])
    files = ["shard_00000.parquet", "shard_00001.parquet", "shard_01822.parquet"]
    assert present(base_dir) == files
    assert [os.path.basename(path) for path in split_files("val")] == files[-1:]
    out = capsys.readouterr().out
    assert "[3/3]" in out and "all 3 shards" in out


def test_what_is_there_is_not_fetched_again(server, base_dir):
    dataset.main(["--num_files=1"])
    dataset.main(["--num-files=2"])
    assert max(server.requests.values()) == 1 and len(server.requests) == 3
    damaged = base_dir / "base_data" / "shard_00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:50])
    dataset.main(["--num-files=2"])
    assert damaged.read_bytes() == shard(1)


def test_broken_connections_are_survived(server, base_dir):
    for index in (0, 1822):
        server.plans[PREFIX + index_to_filename(index)] = ["broken"]
    dataset.main(["-n", "1"])
    assert present(base_dir) == ["shard_00000.parquet", "shard_01822.parquet"]


def test_missing_shards_are_listed_and_the_status_is_not_zero(server, base_dir, capsys):
    for index in (1, 2):
        del server.files[PREFIX + index_to_filename(index)]
    server.files[PREFIX + index_to_filename(3)] = b"<html>a login page</html>"
    with pytest.raises(SystemExit) as caught:
        run(lambda: dataset.main(["-n", "4", "-w", "1"]))
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert "3 of 5 shards are missing: 1-3;" in error and "404" in error
    assert present(base_dir) == ["shard_00000.parquet", "shard_01822.parquet"]


def test_no_connection_at_all_is_noticed_early(server, base_dir):
    server.files.clear()
    with pytest.raises(UserError, match="1823 of 1823 shards are missing: 0-1822"):
        dataset.main(["-w", "2"])
    assert sum(server.requests.values()) < 20
    assert present(base_dir) == []


def test_full_disk(server, base_dir, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        dataset.main(["-n", "4", "-w", "1"])
    assert present(base_dir) == []


def test_interruption_stops_the_downloads(server, base_dir, monkeypatch):
    def interrupted(jobs):
        server.half_sent.wait(20)
        server.gate.set()
        raise KeyboardInterrupt

    import threading

    server.gate = threading.Event()
    monkeypatch.setattr(dataset, "as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dataset.main(["-n", "4", "-w", "1"])
    assert not [name for name in present(base_dir) if name.endswith(".tmp")]


def test_left_overs_of_killed_downloads_go(server, base_dir):
    directory = base_dir / "base_data"
    directory.mkdir(parents=True)
    old, new = directory / "shard_00007.parquet.a.tmp", directory / "shard_00008.parquet.b.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (1000, 1000))
    dataset.main(["-n", "1"])
    assert not old.exists() and new.exists()


@pytest.mark.parametrize(
    ("num_files", "expected"), [(1, 2), (1822, 1823), (1823, 1823), (9999, 1823), (-1, 1823)]
)
def test_which_shards_a_request_means(num_files, expected):
    wanted = dataset.wanted_indices(num_files)
    assert len(wanted) == expected and wanted[-1] == 1822 and wanted == sorted(set(wanted))


def test_addresses(monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert dataset.shard_url(3) == (
        "https://huggingface.co/datasets/karpathy/fineweb-edu-100b-shuffle/resolve/main/"
        "shard_00003.parquet"
    )


@pytest.mark.parametrize("argv", [["-n", "0"], ["-n", "-2"], ["-n", "1", "-w", "0"]])
def test_impossible_numbers(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        dataset.main(argv)
    assert caught.value.code == 2 and "must be at least 1" in capsys.readouterr().err


def test_ranges():
    assert dataset._ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
    assert dataset._ranges([]) == ""
