"""What a pull refuses, and that it then leaves everything as it was."""

import json
import os
import pickle
import sys
from types import SimpleNamespace

import pytest
import torch

from nanochat.checkpoint_manager import list_checkpoints, load_model
from nanochat.common import UserError
from nanochat.hub import transfer
from nanochat.hub.pull import pull
from tests.hub.hub_server import sha256
from tests.hub.published import read_tree
from tests.tiny_world import train_tokenizer

BASE, MODEL = "karpathy/nanochat-d34", "model_169150.pt"


def changed(listing, name, **keys):
    """The files with other values in a metadata file."""
    meta = json.loads(listing[name])
    return listing | {name: json.dumps(meta | keys).encode()}


def refuses(base_dir, where, message, **flags):
    before = read_tree(base_dir)
    with pytest.raises(UserError, match=message) as caught:
        pull(where, **flags)
    assert read_tree(base_dir) == before
    assert list_checkpoints() == []
    return str(caught.value)


@pytest.mark.parametrize("path", [MODEL, "meta_169150.json", "tokenizer.pkl"])
def test_bytes_that_are_not_what_the_repository_lists(hub, pretrained, base_dir, path):
    hub.publish(BASE, pretrained)
    hub.damaged.add(path)
    refuses(base_dir, BASE, rf"{path} did not arrive as {BASE} has it \(expected the hash")
    hub.damaged.clear()
    pull(BASE)


def test_a_full_disk_is_noticed_before_the_download(hub, pretrained, base_dir, monkeypatch):
    hub.publish(BASE, pretrained)
    usage = SimpleNamespace(total=10**6, used=10**6 - 12_345, free=12_345)
    monkeypatch.setattr("nanochat.hub.arrival.shutil.disk_usage", lambda path: usage)
    size = transfer.readable_size(len(pretrained[MODEL]))
    refuses(base_dir, BASE, rf"{MODEL} needs {size}, but .* has only 12.35 kB free")
    assert not hub.asked_for(MODEL)


def test_later_architectures_are_refused_by_name(hub, pretrained, base_dir, tmp_path):
    config = json.loads(pretrained["meta_169150.json"])["model_config"]
    later = changed(pretrained, "meta_169150.json", model_config=config | {"window_pattern": "L"})
    hub.publish(BASE, later)
    message = refuses(base_dir, BASE, r"later nanochat release \(found window_pattern\)")
    assert message.startswith(f"{BASE} at ") and "/tmp" not in message
    assert not hub.asked_for(MODEL)  # gigabytes are not fetched for that

    path = tmp_path / "weights.pt"
    path.write_bytes(pretrained[MODEL])
    weights = torch.load(path, weights_only=True) | {"x0_lambdas": torch.zeros(1)}
    torch.save(weights, path)
    meta = json.loads(pretrained["meta_169150.json"])
    files = changed(pretrained, "meta_169150.json", files=None) | {MODEL: path.read_bytes()}
    assert meta["files"]
    hub.publish(BASE, files)
    refuses(base_dir, BASE, r"later nanochat release \(found x0_lambdas\)")


def other_weights(files, change, tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(files[MODEL])
    weights = torch.load(path, weights_only=True)
    torch.save(change(weights), path)
    return changed(files, "meta_169150.json", files=None) | {MODEL: path.read_bytes()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {k: v.half() for k, v in w.items()}, r"must be float32 or bfloat16"),
        (lambda w: {k: v[:-1] for k, v in w.items()}, r"does not match the model_config"),
        (lambda w: dict(list(w.items())[:-1]), r"missing: lm_head.weight"),
    ],
)
def test_weights_that_do_not_fit(pretrained, as_directory, base_dir, tmp_path, change, message):
    refuses(base_dir, as_directory(other_weights(pretrained, change, tmp_path)), message)


def test_bf16_weights_and_compiled_prefixes_are_fine(pretrained, as_directory, base_dir, tmp_path):
    files = other_weights(
        pretrained, lambda w: {f"_orig_mod.{k}": v.bfloat16() for k, v in w.items()}, tmp_path
    )
    pull(as_directory(files))
    load_model("base", "cpu", "eval", "d1", 169150)


class Evil:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.pkl", pickle.dumps(Evil(), protocol=4), "refers to builtins.print"),
        ("meta_169150.json", b"[1, 2]", "expected a JSON object"),
        ("meta_169150.json", b"{", "not valid JSON"),
        ("meta_169150.json", b"{}", "expected an object 'model_config'"),
        (MODEL, b"not a model", "truncated"),
        (MODEL, pickle.dumps(Evil()), "truncated|refused"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    pretrained, as_directory, base_dir, capsys, name, content, message
):
    files = changed(pretrained, "meta_169150.json", files=None) | {name: content}
    refuses(base_dir, as_directory(files), message)
    assert "executed" not in capsys.readouterr().out


def test_a_tokenizer_that_belongs_to_another_model(pretrained, as_directory, base_dir, elsewhere):
    def other(size):
        def make():
            train_tokenizer(vocab_size=size)
            return read_tree(os.path.join(os.environ["NANOCHAT_BASE_DIR"], "tokenizer"))

        return elsewhere(make, "other")["tokenizer.pkl"]

    wrong_size = pretrained | {"tokenizer.pkl": other(270)}
    where = as_directory(wrong_size, "wrong-size")
    refuses(base_dir, where, "vocabulary of 283, but the tokenizer in .* has 270")
    foreign = changed(pretrained, "meta_169150.json", tokenizer_fingerprint="0" * 64)
    refuses(base_dir, as_directory(foreign, "foreign"), "is not the one that .* was trained with")
    none = {k: v for k, v in pretrained.items() if k != "tokenizer.pkl"}
    refuses(base_dir, as_directory(none, "none"), "has no tokenizer")


def test_the_tokenizer_is_found_by_its_fingerprint(finetuned, as_directory, elsewhere):
    def other():
        train_tokenizer(vocab_size=270)
        return read_tree(os.path.join(os.environ["NANOCHAT_BASE_DIR"], "tokenizer"))

    newer = {f"tokenizer/{k}": v for k, v in elsewhere(other, "other").items()}
    former = {k.replace("/", "-0123abcd/"): v for k, v in finetuned.items() if "tokenizer/" in k}
    pull(as_directory(finetuned | newer | former))
    load_model("sft", "cpu", "eval", "d1", 700)


@pytest.mark.parametrize("tag", ["../x", "a/b", "", ".hidden", "a b"])
def test_tags_that_are_not_names(pretrained, as_directory, base_dir, tag):
    refuses(base_dir, as_directory(pretrained), "expected letters, digits", model_tag=tag)


# -- the hub says no ------------------------------------------------------------------------------


def test_what_the_hub_refuses_is_explained(hub, pretrained, base_dir, monkeypatch):
    refuses(base_dir, "nobody/nothing", r"no repository nobody/nothing .*or it is private.*log in")
    hub.publish(BASE, pretrained)
    refuses(base_dir, BASE, "no such revision; expected a branch", revision="v9")
    hub.publish("closed/gated", pretrained, gated=True)
    refuses(base_dir, "closed/gated", "gated: accept its conditions at http.*/closed/gated")
    monkeypatch.delenv("HF_TOKEN")
    hub.publish("closed/private", pretrained, private=True)
    refuses(base_dir, "closed/private", r"it is private: .*`hf auth login` \(or set HF_TOKEN\)")
    monkeypatch.setenv("HF_TOKEN", "hf_nonsense")
    refuses(base_dir, BASE, "does not accept this token|no repository")


def test_no_hub_at_all(hub, base_dir, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refuses(base_dir, BASE, r"cannot exchange files with http://127.0.0.1:9 .*HF_ENDPOINT names")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refuses(base_dir, BASE, "HF_HUB_OFFLINE is set")


def test_without_the_hub_library(base_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refuses(base_dir, BASE, r"huggingface_hub.*`uv sync --inexact --extra hub`")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nanochat-d34", "neither a directory here nor a repository"),
        ("a/b/c", "neither a directory"),
        ("./nowhere", "is not a directory"),
        ("/nowhere/at/all", "is not a directory"),
    ],
)
def test_names_that_mean_nothing(base_dir, where, message):
    refuses(base_dir, where, message)


def test_a_pasted_address_is_understood(hub, pretrained, base_dir):
    hub.publish(BASE, pretrained)
    assert pull(f"{hub.url}/{BASE}/").step == 169150


# -- directories ----------------------------------------------------------------------------------


def test_links_out_of_the_directory_are_refused(pretrained, as_directory, base_dir, tmp_path):
    root = as_directory(pretrained)
    outside = tmp_path / "secret.pt"
    outside.write_bytes(pretrained[MODEL])
    os.unlink(os.path.join(root, MODEL))
    os.symlink(outside, os.path.join(root, MODEL))
    refuses(base_dir, root, "is a link that leads out of the directory")


def test_the_hubs_own_cache_may_be_named(pretrained, as_directory, base_dir, tmp_path):
    blobs = as_directory({f"{sha256(v)}": v for v in pretrained.values()}, "hub/models--a--b/blobs")
    snapshot = tmp_path / "hub" / "models--a--b" / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    for name, content in pretrained.items():
        (snapshot / name).symlink_to(os.path.join("..", "..", "blobs", sha256(content)))
    pull(str(snapshot))
    assert not os.path.islink(base_dir / "base_checkpoints" / "d1" / MODEL)
    assert blobs


def test_a_clone_without_its_large_files(pretrained, as_directory, base_dir):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    refuses(base_dir, as_directory(pretrained | {MODEL: pointer}), "run `git lfs pull`")


def test_a_hash_noted_by_the_download_is_checked(pretrained, as_directory, base_dir):
    note = f"0123456789abcdef0123456789abcdef01234567\n{'0' * 64}\n1700000000.0\n".encode()
    noted = pretrained | {f".cache/huggingface/download/{MODEL}.metadata": note}
    refuses(base_dir, as_directory(noted), f"{MODEL} is damaged: expected the hash 0000")
    right = note.replace(b"0" * 64, sha256(pretrained[MODEL]).encode())
    noted[f".cache/huggingface/download/{MODEL}.metadata"] = right
    pull(as_directory(noted, "right"))


def test_a_revision_of_a_directory_is_refused(pretrained, as_directory, base_dir):
    refuses(base_dir, as_directory(pretrained), "--revision is for repositories", revision="main")
