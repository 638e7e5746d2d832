"""Weights as safetensors: what we write, the library reads; what is damaged, is named."""

import json
import weakref

import pytest
import torch
from safetensors.torch import load_file

from nanochat.common import UserError
from nanochat.hub.interchange.tensor_files import Pending, StoredTensors, write_tensors


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return {
        "a.weight": torch.randn(3, 5),
        "b": torch.randn(7, 4)[:5],  # a view of something longer
        "c": torch.randn(2, 6).T,  # not contiguous
        "größe": torch.randn(1),
    }


def pending(tensors):
    return [Pending(name, tuple(t.shape), lambda t=t: t) for name, t in tensors.items()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_library_reads_what_was_written(tmp_path, tensors, dtype):
    size = write_tensors(str(tmp_path), pending(tensors), dtype)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert size == sum(t.numel() for t in tensors.values()) * dtype.itemsize
    loaded = load_file(tmp_path / "model.safetensors")
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == dtype
        assert torch.equal(loaded[name], tensor.to(dtype))
    raw = (tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    assert json.loads(raw[8 : 8 + length])["__metadata__"] == {"format": "pt"}


def test_we_read_what_was_written(tmp_path, tensors):
    write_tensors(str(tmp_path), pending(tensors), torch.bfloat16)
    with StoredTensors(str(tmp_path)) as stored:
        assert stored.shapes() == {name: tuple(t.shape) for name, t in tensors.items()}
        assert set(stored.types().values()) == {"BF16"}
        read = {name: stored.read(name) for name in tensors}
    for name, tensor in tensors.items():
        assert torch.equal(read[name], tensor.bfloat16())
        assert read[name].untyped_storage().nbytes() == tensor.numel() * 2  # not the whole file's


def test_large_models_come_in_several_files_with_an_index(tmp_path, tensors):
    size = write_tensors(str(tmp_path), pending(tensors), torch.float32, shard_bytes=100)
    names = [f"model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3)]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == size == (15 + 20 + 12 + 1) * 4
    assert index["weight_map"] == dict(zip(tensors, [*names, names[2]], strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*names, "model.safetensors.index.json"]
    )
    assert list(load_file(tmp_path / names[2])) == ["c", "größe"]
    with StoredTensors(str(tmp_path)) as stored:
        for name, tensor in tensors.items():
            assert torch.equal(stored.read(name), tensor)


def test_a_tensor_larger_than_a_file_gets_one_of_its_own(tmp_path, tensors):
    write_tensors(str(tmp_path), pending(tensors), torch.float32, shard_bytes=1)
    assert len(list(tmp_path.glob("model-*-of-00004.safetensors"))) == 4


def test_one_tensor_is_made_at_a_time(tmp_path):
    alive = []

    def make():
        assert all(reference() is None for reference in alive)
        tensor = torch.zeros(1000)
        alive.append(weakref.ref(tensor))
        return tensor

    write_tensors(str(tmp_path), [Pending(f"t{i}", (1000,), make) for i in range(4)], torch.float32)
    assert len(alive) == 4


def test_a_failure_leaves_no_file(tmp_path):
    def fail():
        raise OSError("no space")

    with pytest.raises(OSError):
        write_tensors(str(tmp_path), [Pending("a", (1,), fail)], torch.float32)
    assert list(tmp_path.iterdir()) == []


def refused(directory, message):
    with pytest.raises(UserError, match=message) as caught:
        StoredTensors(str(directory))
    assert str(directory) in str(caught.value)


def test_missing_and_damaged_files_are_named(tmp_path, tensors):
    refused(tmp_path, r"expected model.safetensors")
    write_tensors(str(tmp_path), pending(tensors), torch.float32)
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:50], whole[:4], b"", b"\xff" * 100):
        path.write_bytes(broken)
        refused(tmp_path, "model.safetensors is truncated or damaged")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "not an index"),
        ("[]", "not an index"),
        ("{}", "not an index"),
        ('{"weight_map": {"a": 3}}', "not an index"),
        ('{"weight_map": {"a": "../model.safetensors"}}', "not beside it"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "not beside it"),
        ('{"weight_map": {"a": "pytorch_model.bin"}}', "not beside it"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "gone.safetensors is missing"),
        ('{"weight_map": {"x": "model-00001-of-00003.safetensors"}}', "no file holds: x"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path, tensors, index, message):
    write_tensors(str(tmp_path), pending(tensors), torch.float32, shard_bytes=100)
    (tmp_path / "model.safetensors.index.json").write_text(index)
    refused(tmp_path, message)
