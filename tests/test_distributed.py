"""One process alone, devices that are not there, and two real processes."""

import json
import subprocess
import sys

import pytest
import torch

from nanochat import distributed
from nanochat.common import UserError
from nanochat.distributed import Dist, autodetect_device_type, init, single

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_alone_nothing_has_to_be_agreed():
    dist = single()
    assert (dist.rank, dist.local_rank, dist.world_size) == (0, 0, 1)
    assert dist.is_main and dist.device_type == "cpu"
    tensor = torch.tensor([1.0, 2.0])
    assert dist.all_reduce_sum(tensor) is tensor and tensor.tolist() == [1.0, 2.0]
    assert dist.all_reduce_max(tensor) is tensor and tensor.tolist() == [1.0, 2.0]
    value = object()
    assert dist.gather_objects(value) == [value]
    dist.barrier()
    dist.synchronize()
    dist.close()
    assert not torch.distributed.is_initialized()


def test_only_rank_zero_is_main():
    assert [Dist(rank, rank, 2, torch.device("cpu")).is_main for rank in (0, 1)] == [True, False]


def test_init_without_torchrun_is_one_process_with_a_fixed_seed(monkeypatch):
    monkeypatch.setenv("RANK", "0")  # torchrun sets all three
    torch.manual_seed(1)
    assert init("cpu") == single("cpu")
    drawn = torch.rand(3)
    torch.manual_seed(42)
    assert torch.equal(drawn, torch.rand(3))
    init("cpu", seed=7)
    assert not torch.equal(drawn, torch.rand(3))


@pytest.mark.parametrize(
    ("cuda", "mps", "found"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_first_device_there_is(monkeypatch, cuda, mps, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert autodetect_device_type() == found


def test_no_device_named_means_detect(monkeypatch):
    monkeypatch.setattr(distributed, "autodetect_device_type", lambda: "cpu")
    assert init(None).device_type == init("").device_type == "cpu"


@pytest.mark.parametrize("device_type", ["cuda", "mps", "tpu"])
def test_a_device_that_is_not_there_is_an_error(monkeypatch, device_type):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    message = f"--device_type={device_type} is not available here; usable: cpu"
    with pytest.raises(UserError, match=message):
        init(device_type)


WORKER = """
import json, os, sys, time, torch
from nanochat import distributed
from nanochat.common import print0

dist = distributed.init("cpu")
mine = torch.tensor([float(dist.rank + 1), 10.0 - dist.rank])
said = {
    "dist": [dist.rank, dist.local_rank, dist.world_size, str(dist.device), dist.is_main],
    "sum": dist.all_reduce_sum(mine.clone()).tolist(),
    "max": dist.all_reduce_max(mine.clone()).tolist(),
    "objects": dist.gather_objects({"rank": dist.rank, "unequal": "x" * (100 * dist.rank)}),
    "drawn": torch.rand(2).tolist(),
}
in_place = mine.clone()
said["same tensor"] = dist.all_reduce_sum(in_place) is in_place
# what the slower one did before the barrier is there after it
if dist.rank == 1:
    time.sleep(0.5)
    open(sys.argv[1] + "/arrived", "w").close()
dist.barrier()
said["barrier"] = os.path.exists(sys.argv[1] + "/arrived")
with open(f"{sys.argv[1]}/{dist.rank}.json", "w") as file:
    json.dump(said, file)
print0("only once")
dist.close()
assert not torch.distributed.is_initialized()
dist.close()
"""


@pytest.mark.slow
def test_two_processes_agree(tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    with subprocess.Popen([*command, str(worker), str(tmp_path)], **PIPES) as launcher:
        try:
            printed = launcher.communicate(timeout=240)[0]
        finally:
            launcher.terminate()  # it then ends the workers, which a kill would leave behind
    assert launcher.returncode == 0, printed
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["dist"] == [0, 0, 2, "cpu", True]
    assert second["dist"] == [1, 1, 2, "cpu", False]
    assert first["sum"] == second["sum"] == [3.0, 19.0]
    assert first["max"] == second["max"] == [2.0, 10.0]
    expected = [{"rank": 0, "unequal": ""}, {"rank": 1, "unequal": "x" * 100}]
    assert first["objects"] == second["objects"] == expected
    assert first["drawn"] == second["drawn"]  # so that all begin with the same weights
    assert first["same tensor"] and second["same tensor"]
    assert first["barrier"] and second["barrier"]
    assert printed.count("only once") == 1
