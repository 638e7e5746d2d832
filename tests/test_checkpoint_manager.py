"""Saving and loading: the inherited format, damage, failures, tokenizers that do not fit."""

import errno
import json
import os
import resource
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from nanochat.checkpoint_manager import (
    load_checkpoint,
    load_model,
    load_model_from_dir,
    load_optimizer_states,
    save_checkpoint,
)
from nanochat.checkpoints import save as checkpoint_save
from nanochat.checkpoints import weights as checkpoint_weights
from nanochat.common import UserError
from nanochat.gpt import GPT, GPTConfig
from nanochat.tokenizer import RustBPETokenizer

TEXTS = ["banana bandana cabana", "the cat sat on the mat, the hat", "ein Löwe, zwei Löwen 12"] * 4


@pytest.fixture(scope="module")
def tokenizer():
    return RustBPETokenizer.train_from_iterator(TEXTS, 300)


@pytest.fixture(scope="module")
def config(tokenizer):
    return GPTConfig(16, tokenizer.get_vocab_size(), 2, 2, 1, 16)


@pytest.fixture
def model(config):
    torch.manual_seed(1)
    model = GPT(config)
    model.init_weights()
    torch.nn.init.normal_(model.lm_head.weight)
    for block in model.transformer.h:
        torch.nn.init.normal_(block.mlp.c_proj.weight)
    return model


@pytest.fixture
def directory(base_dir):
    return base_dir / "base_checkpoints" / "d2"


@pytest.fixture
def saved(directory, model, tokenizer, config):
    """A complete checkpoint of step 5, written by us."""
    meta = {"model_config": config, "val_bpb": 1.5, "user_config": {"depth": 2}}
    save_checkpoint(directory, 5, model.state_dict(), [{"m": 1}, {}], meta, tokenizer=tokenizer)
    return directory


@pytest.fixture
def inherited(base_dir, tokenizer):
    """Write a checkpoint as earlier releases do: weights, bare metadata, tokenizer elsewhere."""
    tokenizer.save(base_dir / "tokenizer")

    def write(weights, config, source="chatsft_checkpoints", tag="d2", step=700, **meta):
        directory = base_dir / source / tag
        directory.mkdir(parents=True, exist_ok=True)
        torch.save(weights, directory / f"model_{step:06d}.pt")
        fields = config if isinstance(config, dict) else vars(config)
        text = json.dumps({"model_config": fields, **meta}, indent=2)
        (directory / f"meta_{step:06d}.json").write_text(text)
        return directory

    return write


def logits(model):
    ids = torch.arange(12)[None] * 7 % model.config.vocab_size
    with torch.no_grad():
        return model(ids)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


# ---------------------------------------------------------------- round trip and format


def test_save_and_load_give_the_same_model(saved, model, tokenizer, capsys):
    loaded, loaded_tokenizer, meta = load_model("base", "cpu", "eval")
    assert torch.equal(logits(loaded), logits(model))
    assert not loaded.training
    assert loaded_tokenizer.fingerprint() == tokenizer.fingerprint()
    assert meta["checkpoint"] == {"source": "base", "tag": "d2", "step": 5, "path": str(saved)}
    assert "base d2 step 5" in capsys.readouterr().out
    assert load_model("base", torch.device("cpu"), "train", "d2", 5)[0].training
    with pytest.raises(UserError, match="phase"):
        load_model("base", "cpu", "test")


def test_files_and_metadata(saved, tokenizer):
    names = sorted(path.name for path in saved.iterdir())
    assert names == ["meta_000005.json", "model_000005.pt", "optim_000005_rank0.pt", "tokenizer"]
    meta = json.loads((saved / "meta_000005.json").read_text())
    assert meta["step"] == 5 and meta["val_bpb"] == 1.5 and meta["nanochat_format"] == 1
    assert meta["stage"] == "base" and meta["finished_at"].endswith("+00:00")
    assert meta["tokenizer_fingerprint"] == tokenizer.fingerprint()
    for name in ("model_000005.pt", "optim_000005_rank0.pt"):
        assert meta["files"][name] == (saved / name).stat().st_size
    assert RustBPETokenizer.from_directory(saved / "tokenizer").data == tokenizer.data


def test_the_model_file_is_as_inherited(saved, model):
    weights = torch.load(saved / "model_000005.pt", weights_only=True)
    assert type(weights) is OrderedDict
    blocks = ("attn.c_q", "attn.c_k", "attn.c_v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    expected = [f"transformer.h.{i}.{name}.weight" for i in range(2) for name in blocks]
    assert list(weights) == ["transformer.wte.weight", *expected, "lm_head.weight"]
    assert weights["transformer.wte.weight"].shape == (320, 16)  # 300 rounded up to 64
    for name, tensor in model.state_dict().items():
        assert torch.equal(weights[name], tensor) and weights[name].dtype == torch.float32


def test_compiled_prefix_is_removed_on_saving_and_once_on_loading(directory, model, inherited):
    prefixed = {f"_orig_mod.{name}": tensor for name, tensor in model.state_dict().items()}
    save_checkpoint(directory, 1, prefixed, None, {"model_config": model.config})
    assert list(torch.load(directory / "model_000001.pt", weights_only=True)) == list(
        model.state_dict()
    )
    inherited(prefixed, model.config)
    assert torch.equal(logits(load_model("sft", "cpu", "eval")[0]), logits(model))
    inherited({f"_orig_mod.{name}": tensor for name, tensor in prefixed.items()}, model.config)
    with pytest.raises(UserError, match=r"unknown: _orig_mod\."):
        load_model("sft", "cpu", "eval")


def test_inherited_checkpoint_with_bf16_embedding_and_bare_metadata(model, inherited):
    weights = model.state_dict()
    weights["transformer.wte.weight"] = weights["transformer.wte.weight"].bfloat16()
    directory = inherited(weights, model.config)
    loaded, _, meta = load_model("sft", "cpu", "eval")
    assert meta["step"] == 700
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    model.transformer.wte.weight.data = model.transformer.wte.weight.data.bfloat16().float()
    assert torch.equal(logits(loaded), logits(model))
    plain, optimizer, _ = load_checkpoint(directory, 700, "cpu")
    assert optimizer is None and plain["transformer.wte.weight"].dtype == torch.float32


def test_padded_vocabulary(inherited, base_dir):
    texts = [
        f"w{chr(97 + i)}{chr(97 + j)}{chr(97 + k)} " * 3
        for i in range(26)
        for j in range(8)
        for k in range(26)
    ]
    tokenizer = RustBPETokenizer.train_from_iterator(texts, 1000)
    model = GPT(GPTConfig(8, 1000, 1, 1, 1, 8))
    model.init_weights()
    inherited(model.state_dict(), model.config)
    tokenizer.save(base_dir / "tokenizer")
    loaded, _, _ = load_model("sft", "cpu", "eval")
    assert loaded.lm_head.weight.shape[0] == 1024
    assert logits(loaded).shape[-1] == 1000
    assert torch.equal(logits(loaded), logits(model))


def test_load_model_from_any_directory(model, inherited, tmp_path):
    directory = inherited(model.state_dict(), model.config, tag="mine")
    directory.parent.rename(tmp_path / "copied")
    loaded, _, meta = load_model_from_dir(tmp_path / "copied", "cpu", "eval")
    assert torch.equal(logits(loaded), logits(model))
    assert meta["checkpoint"]["source"] == "copied" and meta["checkpoint"]["tag"] == "mine"
    with pytest.raises(UserError, match="mine step 700"):
        load_model_from_dir(tmp_path / "copied", "cpu", "eval", "d34")


def is_mapped(tensor, path):
    """Whether the tensor lies in the pages of the file, and not in memory of its own."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        area, *_, name = line.split(maxsplit=5)
        start, end = (int(bound, 16) for bound in area.split("-"))
        if start <= tensor.data_ptr() < end:
            return name.strip() == str(path)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_weights_that_are_only_read_stay_in_the_mapped_file(saved, model):
    path = saved / "model_000005.pt"
    read_only, training = (load_model("base", "cpu", phase)[0] for phase in ("eval", "train"))
    assert all(is_mapped(tensor, path) for tensor in read_only.state_dict().values())
    assert not any(is_mapped(tensor, path) for tensor in training.state_dict().values())
    assert all(parameter.requires_grad for parameter in training.parameters())


def test_mapped_weights_survive_a_newer_save_and_the_removal_of_the_file(saved, model, tokenizer):
    loaded, _, _ = load_model("base", "cpu", "eval")
    other = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    save_checkpoint(saved, 5, other, None, {"model_config": model.config}, tokenizer=tokenizer)
    assert torch.equal(logits(loaded), logits(model))
    (saved / "model_000005.pt").unlink()
    assert torch.equal(logits(loaded), logits(model))


@pytest.mark.parametrize("phase", ["eval", "train"])
@pytest.mark.parametrize("group_bytes", [1, 4000, 2**29])
def test_weights_in_bf16_when_asked(inherited, model, phase, group_bytes, monkeypatch):
    monkeypatch.setattr(checkpoint_weights, "GROUP_BYTES", group_bytes)
    weights = model.state_dict()
    weights["transformer.wte.weight"] = weights["transformer.wte.weight"].bfloat16()
    path = inherited(weights, model.config) / "model_000700.pt"
    halved, _, _ = load_model("sft", "cpu", phase, dtype=torch.bfloat16)
    for name, tensor in halved.state_dict().items():
        assert torch.equal(tensor, weights[name].bfloat16()), name
        kept = name == "transformer.wte.weight" and phase == "eval"
        assert sys.platform != "linux" or is_mapped(tensor, path) == kept
    expected = logits(model)
    assert logits(halved).dtype == torch.float32
    assert (logits(halved) - expected).abs().max() < 0.05 * expected.abs().max()


def test_training_changes_nothing_on_disk(saved, model):
    before = contents(saved)
    loaded, _, _ = load_model("base", "cpu", "train")
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.add_(1)
    assert contents(saved) == before


# ---------------------------------------------------------------- what does not fit


def test_all_differences_are_reported_together(model, inherited):
    weights = model.state_dict()
    del weights["lm_head.weight"]
    weights["transformer.h.0.mlp.c_fc.weight"] = torch.zeros(3, 16)
    weights["something.else"] = torch.zeros(2)
    inherited(weights, model.config)
    with pytest.raises(UserError) as caught:
        load_model("sft", "cpu", "eval")
    for part in (
        "missing: lm_head.weight (320, 16)",
        "transformer.h.0.mlp.c_fc.weight: expected (64, 16), found (3, 16)",
        "unknown: something.else (2,)",
        "model_000700.pt",
    ):
        assert part in str(caught.value)


def test_metadata_of_another_model(model, inherited):
    inherited(model.state_dict(), {**vars(model.config), "n_layer": 5, "n_embd": 32})
    with pytest.raises(UserError, match=r"missing: transformer\.h\.2(.|\n)*and \d+ more"):
        load_model("sft", "cpu", "eval")


def test_rows_that_do_not_fit_the_vocabulary(model, inherited):
    weights = {
        k: torch.zeros(256, 16) if v.shape[0] == 320 else v for k, v in model.state_dict().items()
    }
    inherited(weights, model.config)
    with pytest.raises(UserError, match="vocabulary of 300 needs 320 rows, the file has 256"):
        load_model("sft", "cpu", "eval")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rope_base": 10000}, "unknown: rope_base"),
        ({"n_head": None}, "n_head"),
        ({"window_pattern": "SSSL"}, "later nanochat release.*window_pattern"),
        ({"n_head": 3}, "not divisible"),
        ({"n_layer": 2.5}, "n_layer must be a positive whole number"),
    ],
)
def test_wrong_configuration(model, inherited, change, message):
    inherited(model.state_dict(), {**vars(model.config), **change})
    with pytest.raises(UserError, match=message) as caught:
        load_model("sft", "cpu", "eval")
    assert "meta_000700.json" in str(caught.value)


def test_a_shape_that_could_not_be_built_is_refused(model, inherited):
    inherited(model.state_dict(), vars(model.config) | {"n_layer": 10**9})
    with pytest.raises(UserError, match="cannot be 1000000000 layers"):
        load_model("sft", "cpu", "eval")


def test_missing_configuration(model, inherited):
    directory = inherited(model.state_dict(), model.config)
    (directory / "meta_000700.json").write_text("{}")
    with pytest.raises(UserError, match=r"meta_000700\.json: expected an object 'model_config'"):
        load_model("sft", "cpu", "eval")
    fields = {k: v for k, v in vars(model.config).items() if k != "n_kv_head"}
    (directory / "meta_000700.json").write_text(json.dumps({"model_config": fields}))
    with pytest.raises(UserError, match="missing: n_kv_head"):
        load_model("sft", "cpu", "eval")


@pytest.mark.parametrize(
    "name",
    [
        "resid_lambdas",
        "x0_lambdas",
        "value_embeds.1.weight",
        "transformer.h.0.attn.ve_gate.weight",
        "smear_gate.weight",
        "backout_lambda",
    ],
)
def test_later_architectures_are_refused_by_name(model, inherited, name):
    inherited({**model.state_dict(), name: torch.zeros(1)}, model.config)
    with pytest.raises(UserError, match=f"later nanochat release.*{name}"):
        load_model("sft", "cpu", "eval")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int8])
def test_other_types_are_refused(model, inherited, dtype):
    inherited({k: v.to(dtype) for k, v in model.state_dict().items()}, model.config)
    with pytest.raises(UserError, match=str(dtype).removeprefix("torch.")):
        load_model("sft", "cpu", "eval")


# ---------------------------------------------------------------- damaged files


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.999])
def test_truncated_weights(saved, model, inherited, kept):
    path = saved / "model_000005.pt"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(kept if isinstance(kept, int) else int(size * kept))
    with pytest.raises(UserError, match=rf"model_000005\.pt is truncated.*expected {size:,} bytes"):
        load_model("base", "cpu", "eval")
    old = inherited(model.state_dict(), model.config) / "model_000700.pt"  # no sizes recorded
    with open(old, "r+b") as file:
        file.truncate(kept if isinstance(kept, int) else int(old.stat().st_size * kept))
    with pytest.raises(UserError, match=r"model_000700\.pt .* is truncated or damaged"):
        load_model("sft", "cpu", "eval")


def test_missing_weights_and_wrong_contents(saved, inherited, model):
    torch.save([1, 2], saved / "model_000005.pt")
    meta = json.loads((saved / "meta_000005.json").read_text())
    del meta["files"]
    (saved / "meta_000005.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="expected named tensors"):
        load_checkpoint(saved, 5, "cpu")
    (saved / "model_000005.pt").unlink()
    with pytest.raises(UserError, match=r"model_000005\.pt is missing"):
        load_checkpoint(saved, 5, "cpu")


class Hostile:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_hostile_weights_run_nothing(model, inherited, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inherited({**model.state_dict(), "extra": Hostile()}, model.config)
    with pytest.raises(UserError, match=r"model_000700\.pt: refused"):
        load_model("sft", "cpu", "eval")
    assert not (tmp_path / "hacked").exists()


# ---------------------------------------------------------------- tokenizers


def other_tokenizer(vocab_size):
    return RustBPETokenizer.train_from_iterator([*TEXTS, "zz zz zz zz zz " * 9], vocab_size)


def test_the_checkpoints_own_tokenizer_comes_first(saved, base_dir, tokenizer, caplog):
    other_tokenizer(300).save(base_dir / "tokenizer")
    assert load_model("base", "cpu", "eval")[1].fingerprint() == tokenizer.fingerprint()
    assert not caplog.text


def test_wrong_tokenizer_of_the_same_size_is_warned_about(saved, caplog):
    other_tokenizer(300).save(saved / "tokenizer")
    load_model("base", "cpu", "eval")
    assert "NOT the one the model" in caplog.text


def test_the_base_tokenizer_serves_if_it_is_the_right_one(saved, base_dir, tokenizer, caplog):
    other_tokenizer(290).save(saved / "tokenizer")
    tokenizer.save(base_dir / "tokenizer")
    assert load_model("base", "cpu", "eval")[1].fingerprint() == tokenizer.fingerprint()
    assert not caplog.text


def test_vocabulary_mismatch_names_both_sizes(model, inherited, base_dir):
    inherited(model.state_dict(), model.config)
    other_tokenizer(290).save(base_dir / "tokenizer")
    with pytest.raises(UserError, match=r"vocabulary of 300.*has 290.*put the tokenizer"):
        load_model("sft", "cpu", "eval")


def test_no_tokenizer_at_all(model, inherited, base_dir):
    inherited(model.state_dict(), model.config)
    for path in (base_dir / "tokenizer").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no tokenizer for"):
        load_model("sft", "cpu", "eval")


def test_a_run_with_another_tokenizer_leaves_earlier_steps_usable(saved, model, tokenizer, caplog):
    other = other_tokenizer(300)
    meta = {"model_config": model.config}
    save_checkpoint(saved, 6, model.state_dict(), None, meta, tokenizer=other)
    save_checkpoint(saved, 7, model.state_dict(), None, meta, tokenizer=other)
    for step, expected in ((5, tokenizer), (6, other), (7, other)):
        loaded = load_model("base", "cpu", "eval", "d2", step)[1]
        assert loaded.fingerprint() == expected.fingerprint()
    save_checkpoint(saved, 8, model.state_dict(), None, meta, tokenizer=tokenizer)  # and back
    assert load_model("base", "cpu", "eval", "d2", 7)[1].fingerprint() == other.fingerprint()
    assert load_model("base", "cpu", "eval", "d2", 5)[1].fingerprint() == tokenizer.fingerprint()
    assert not caplog.text


# ---------------------------------------------------------------- failing and interrupted saves


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullFile:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file, room, error):
        self.file, self.room, self.error = file, room, error

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise self.error
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


def fill_disk(monkeypatch, room, error):
    import contextlib

    original = checkpoint_save.atomic_write

    @contextlib.contextmanager
    def atomic_write(path, mode="wb"):
        with original(path, mode) as file:
            yield FullFile(file, room, error)

    monkeypatch.setattr(checkpoint_save, "atomic_write", atomic_write)


@pytest.mark.parametrize("room", [0, 100, 5000, 40_000])
@pytest.mark.parametrize("step", [5, 6])  # the same step again, and the next
def test_full_disk_leaves_everything_as_it_was(saved, model, tokenizer, monkeypatch, room, step):
    before = contents(saved)
    fill_disk(monkeypatch, room, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    weights = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    with pytest.raises(UserError, match=rf"could not save step {step} .*No space left on device"):
        save_checkpoint(saved, step, weights, [{}], {"model_config": model.config})
    assert contents(saved) == before
    monkeypatch.undo()


def test_disk_that_is_full_only_when_data_reach_it(saved, model, monkeypatch):
    before = contents(saved)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UserError, match="No space left"):
        save_checkpoint(saved, 5, model.state_dict(), [{}], {"model_config": model.config})
    assert contents(saved) == before


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit(143)])
def test_interruption_leaves_everything_as_it_was(saved, model, monkeypatch, interruption):
    before = contents(saved)
    fill_disk(monkeypatch, 20_000, interruption)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        save_checkpoint(saved, 6, model.state_dict(), [{}], {"model_config": model.config})
    assert contents(saved) == before


def test_a_real_limit_on_file_size(saved, model):
    """torch's writer in C++ meets the error here, not only our stand-in."""
    program = f"""
import resource, sys
from nanochat.checkpoint_manager import load_checkpoint, save_checkpoint
weights, _, meta = load_checkpoint({str(saved)!r}, 5, "cpu")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_checkpoint({str(saved)!r}, 6, weights, None, meta)
except ValueError as error:
    sys.exit(0 if "File too large" in str(error) else str(error))
"""
    assert resource.RLIMIT_FSIZE is not None
    before = contents(saved)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(saved) == before


def test_unwritable_directory(model, base_dir):
    (base_dir / "base_checkpoints").mkdir(parents=True)
    (base_dir / "base_checkpoints" / "d2").write_text("a file where a directory should be")
    with pytest.raises(UserError, match="could not save step 1"):
        save_checkpoint(
            base_dir / "base_checkpoints/d2", 1, model.state_dict(), None, {"model_config": {}}
        )


def test_metadata_that_cannot_be_written_fails_before_the_weights(directory, model):
    with pytest.raises(TypeError):
        save_checkpoint(directory, 1, model.state_dict(), None, {"model_config": object()})
    assert not directory.exists()


def test_metadata_comes_last(directory, model, monkeypatch):
    order = []
    original = os.replace
    monkeypatch.setattr(
        os, "replace", lambda a, b: (order.append(os.path.basename(b)), original(a, b))
    )
    save_checkpoint(directory, 1, model.state_dict(), [{}], {"model_config": model.config})
    assert sorted(order[:2]) == ["model_000001.pt", "optim_000001_rank0.pt"]
    assert order[2:] == ["meta_000001.json"]


# ---------------------------------------------------------------- optimizer states


def adamw_slice(rows):
    moments = {"exp_avg": torch.zeros(rows, 16), "exp_avg_sq": torch.zeros(rows, 16)}
    return [{"state": {0: {"step": torch.tensor(1), **moments}}}, {"state": {}}]


def test_optimizer_states(saved):
    assert load_optimizer_states(saved, 5) == [[{"m": 1}, {}]]
    weights, optimizer, meta = load_checkpoint(saved, 5, "cpu", load_optimizer=True, rank=0)
    assert optimizer == [{"m": 1}, {}] and "lm_head.weight" in weights and meta["step"] == 5
    with pytest.raises(UserError, match=r"optim_000005_rank1\.pt is missing"):
        load_checkpoint(saved, 5, "cpu", load_optimizer=True, rank=1)


def test_no_optimizer_state(model, inherited):
    directory = inherited(model.state_dict(), model.config)
    with pytest.raises(UserError, match="no optimizer state of step 700"):
        load_optimizer_states(directory, 700)


def test_inherited_shards_must_be_complete(model, inherited):
    directory = inherited(model.state_dict(), model.config, "base_checkpoints")
    for rank in range(4):
        torch.save(adamw_slice(80), directory / f"optim_000700_rank{rank}.pt")
    torch.save(adamw_slice(1), directory / "optim_000800_rank4.pt")  # of another step
    states = load_optimizer_states(directory, 700)
    assert len(states) == 4 and states[0][0]["state"][0]["exp_avg"].shape == (80, 16)
    (directory / "optim_000700_rank3.pt").unlink()
    with pytest.raises(UserError, match="3 files hold 240 of 320 embedding rows"):
        load_optimizer_states(directory, 700)
    torch.save(adamw_slice(80), directory / "optim_000700_rank3.pt")
    (directory / "optim_000700_rank1.pt").unlink()
    with pytest.raises(UserError, match=r"saved by 4 processes, but optim_000700_rank1\.pt"):
        load_optimizer_states(directory, 700)


def test_truncated_optimizer_state(saved):
    with open(saved / "optim_000005_rank0.pt", "r+b") as file:
        file.truncate(50)
    with pytest.raises(UserError, match=r"optim_000005_rank0\.pt is truncated"):
        load_optimizer_states(saved, 5)


TWO_RANKS = """
import os, sys
import torch
from nanochat import distributed
from nanochat.checkpoints import save as checkpoint_save
from nanochat.checkpoints import weights as checkpoint_weights
from nanochat.checkpoint_manager import load_optimizer_states, save_checkpoint

directory = sys.argv[1]
dist = distributed.init("cpu")
write = checkpoint_save._write_tensors

def full(*_):
    raise OSError(28, "No space left on device")

def save(failing):
    checkpoint_save._write_tensors = full if dist.rank == failing else write
    model = {"w": torch.zeros(4)} if dist.is_main else None
    meta = {"model_config": {}} if dist.is_main else None
    save_checkpoint(directory, 3, model, [{"rank": dist.rank}, {}], meta, rank=dist.rank)

for failing in (0, 1):
    try:
        save(failing)
    except ValueError as error:
        assert f"No space left on device (rank {failing})" in str(error), error
    else:
        raise SystemExit("the failure of one rank must be that of all")
    dist.barrier()
    assert not os.path.exists(directory) or not os.listdir(directory)
    dist.barrier()
save(None)
dist.barrier()
assert load_optimizer_states(directory, 3) == [[{"rank": 0}, {}], [{"rank": 1}, {}]]
dist.close()
"""


@pytest.mark.slow
def test_two_ranks_save_together_or_not_at_all(directory, tmp_path):
    (tmp_path / "program.py").write_text(TWO_RANKS)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node=2", str(tmp_path / "program.py"), str(directory)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    meta = json.loads((directory / "meta_000003.json").read_text())
    names = {"model_000003.pt", "optim_000003_rank0.pt", "optim_000003_rank1.pt"}
    assert set(meta["files"]) == names
