"""Pulling from the stand-in hub and from directories; nothing half, nothing overwritten."""

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
from tests.hub.conftest import read_tree
from tests.hub.hub_server import sha256
from tests.tiny_world import save_model, train_tokenizer

BASE, CHAT = "karpathy/nanochat-d34", "victoremnm/nanochat-d34-sft"
MODEL = "model_169150.pt"


def placed(base_dir):
    return [(c.source, c.tag, c.step) for c in list_checkpoints()]


def model_bytes(base_dir, path=f"base_checkpoints/d1/{MODEL}"):
    return (base_dir / path).read_bytes()


def changed(files, name, **keys):
    """The files with other values in a metadata file."""
    meta = json.loads(files[name])
    return files | {name: json.dumps(meta | keys).encode()}


# -- what arrives ---------------------------------------------------------------------------------


def test_a_pretrained_model_is_ready_for_mid_training(hub, pretrained, base_dir, capsys):
    hub.publish(BASE, pretrained | {"README.md": b"hello", "evil.pkl": b"x"})
    info = pull(BASE)
    assert (info.source, info.tag, info.step) == ("base", "d1", 169150)
    assert model_bytes(base_dir) == pretrained[MODEL]
    kept = set(read_tree(base_dir))
    own = {"tokenizer.pkl", "nanochat_tokenizer.json", "token_bytes.pt"}
    there = {MODEL, "meta_169150.json", "pulled_169150.json"} | {f"tokenizer/{n}" for n in own}
    assert kept == {f"base_checkpoints/d1/{n}" for n in there} | {f"tokenizer/{n}" for n in own}

    model, tokenizer, meta = load_model("base", "cpu", "eval", "d1", 169150)
    weights = torch.load(base_dir / "base_checkpoints" / "d1" / MODEL, weights_only=True)
    assert all(torch.equal(weights[k].float(), v) for k, v in model.state_dict().items())
    assert tokenizer.fingerprint() == meta["tokenizer_fingerprint"]
    printed = capsys.readouterr().out
    assert "base its metadata says so" in printed
    assert "next: nanochat mid_train --model_tag=d1 --model_step=169150\n" in printed
    assert "was empty; it now holds this tokenizer" in printed
    assert not hub.asked_for("evil.pkl") and not hub.asked_for("README.md")


def test_a_chat_model_and_then_the_one_it_was_made_from(hub, finetuned, base_dir, capsys):
    hub.publish(CHAT, finetuned)
    pull(CHAT)
    printed = capsys.readouterr().out
    assert "others there: mid_model_000813.pt (mid)" in printed
    assert "next: nanochat chat_web --source=sft --model_tag=d1 --step=700" in printed
    pull(CHAT, source="mid", model_tag="d34")
    assert placed(base_dir) == [("mid", "d34", 813), ("sft", "d1", 700)]
    assert "nanochat chat_sft --source=mid --model_tag=d34" in capsys.readouterr().out
    load_model("mid", "cpu", "eval", "d34", 813)
    load_model("sft", "cpu", "eval", "d1", 700)


def test_a_whole_base_directory_from_disk(finetuned, elsewhere, base_dir, tmp_path):
    root = str(tmp_path / "somebody")
    with pytest.raises(UserError, match=r"several checkpoints fit.*chatsft_checkpoints/d1"):
        pull(root)
    pull(root, source="sft")
    assert placed(base_dir) == [("sft", "d1", 700)]
    assert not os.path.islink(base_dir / "chatsft_checkpoints" / "d1" / "model_000700.pt")


def test_the_layout_that_earlier_releases_wrote_says_the_stage(finetuned, as_directory, capsys):
    old = {"model_config": json.loads(finetuned["meta_000700.json"])["model_config"]}
    files = finetuned | {"meta_000700.json": json.dumps(old | {"val_loss": 1.0}).encode()}
    assert pull(as_directory(files)).source == "sft"
    assert "the figures of fine-tuning" in capsys.readouterr().out


def test_a_stage_asked_for_wins_and_is_said(pretrained, as_directory, base_dir, capsys):
    pull(as_directory(pretrained), source="mid")
    assert placed(base_dir) == [("mid", "d1", 169150)]
    assert "note: its metadata calls it a base checkpoint" in capsys.readouterr().out


def test_batch_size_for_deep_models_is_suggested():
    from nanochat.hub.pull import next_command

    info = SimpleNamespace(source="base", tag="d34", step=169150)
    assert next_command(info, 34).endswith("--model_step=169150 --device_batch_size=4")
    assert next_command(info, 20).endswith("--model_step=169150")


def test_a_dry_run_writes_nothing(hub, pretrained, base_dir, capsys):
    hub.publish(BASE, pretrained)
    pull(BASE, dry_run=True)
    assert read_tree(base_dir) == {}
    assert not hub.asked_for(MODEL)
    printed = capsys.readouterr().out
    assert f"{MODEL} (" in printed and "base_checkpoints/d1" in printed and "dry run" in printed


def test_a_revision(hub, pretrained, base_dir):
    repository = hub.publish(BASE, pretrained)
    first = repository.main
    hub.publish(BASE, {"README.md": b"the model has moved"})
    with pytest.raises(UserError, match="no nanochat checkpoint"):
        pull(BASE)
    pull(BASE, revision=first)
    assert placed(base_dir) == [("base", "d1", 169150)]
    record = json.loads((base_dir / "base_checkpoints/d1/pulled_169150.json").read_text())
    assert record == {"repository": BASE, "revision": first, "file": MODEL}


def test_the_token_goes_to_the_hub_only(hub, pretrained):
    hub.publish(BASE, pretrained, private=True)
    pull(BASE)
    assert all("authorization" in headers for headers in hub.asked_for("/api/models"))
    (stored,) = hub.asked_for(f"/cdn/{BASE}/{hub.repositories[BASE].main}/{MODEL}")
    assert "authorization" not in stored


# -- nothing is overwritten -----------------------------------------------------------------------


def test_what_is_there_already_is_not_fetched_again(hub, pretrained, base_dir, capsys):
    hub.publish(BASE, pretrained)
    pull(BASE)
    before, sent = read_tree(base_dir), len(hub.asked_for(MODEL))
    pull(BASE)
    assert "already there" in capsys.readouterr().out
    assert len(hub.asked_for(MODEL)) == sent
    assert read_tree(base_dir) == before


@pytest.mark.parametrize("from_hub", [True, False])
def test_another_checkpoint_of_the_same_name_is_kept(
    hub, pretrained, as_directory, base_dir, from_hub
):
    hub.publish(BASE, pretrained)
    where = BASE if from_hub else as_directory(pretrained)
    pull(where)
    path = base_dir / "base_checkpoints" / "d1" / MODEL
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    before = read_tree(base_dir)
    with pytest.raises(UserError, match=r"is another model; pull it .* with --model_tag"):
        pull(where)
    assert read_tree(base_dir) == before
    pull(where, model_tag="other")
    assert model_bytes(base_dir, f"base_checkpoints/other/{MODEL}") == pretrained[MODEL]


def test_metadata_of_another_checkpoint_is_kept(pretrained, as_directory, base_dir):
    pull(as_directory(pretrained))
    before = read_tree(base_dir)
    other = as_directory(changed(pretrained, "meta_169150.json", note=1), "other")
    with pytest.raises(UserError, match=r"meta_169150.json exists, and it is another checkpoint"):
        pull(other)
    assert read_tree(base_dir) == before


def test_the_base_directorys_tokenizer_is_never_replaced(pretrained, as_directory, base_dir, capsys):
    own = train_tokenizer(vocab_size=290)
    before = read_tree(base_dir / "tokenizer")
    pull(as_directory(pretrained))
    assert read_tree(base_dir / "tokenizer") == before
    assert "stays as it is; the model uses its own copy" in capsys.readouterr().out
    _, tokenizer, _ = load_model("base", "cpu", "eval", "d1", 169150)
    assert tokenizer.fingerprint() != own.fingerprint()


@pytest.mark.parametrize("own_copy", [True, False])
def test_models_beside_it_keep_their_tokenizer(pretrained, as_directory, base_dir, own_copy):
    """Those of earlier releases have no copy and use the base directory's."""
    tokenizer = train_tokenizer(vocab_size=290)
    save_model(tokenizer, "base", "d1", 3)
    if not own_copy:
        folder = base_dir / "base_checkpoints" / "d1" / "tokenizer"
        for name in os.listdir(folder):
            (folder / name).unlink()
        folder.rmdir()
    before = read_tree(base_dir)
    with pytest.raises(UserError, match=r"another tokenizer, which the models in .*d1 need"):
        pull(as_directory(pretrained))
    assert read_tree(base_dir) == before
    pull(as_directory(pretrained), model_tag="pulled")


# -- interruptions --------------------------------------------------------------------------------


def test_a_download_that_breaks_off_is_continued(hub, pretrained, base_dir):
    hub.publish(BASE, pretrained)
    size = len(pretrained[MODEL])
    hub.breaks[MODEL] = [1000, 500]
    pull(BASE)
    assert model_bytes(base_dir) == pretrained[MODEL]
    ranges = [headers.get("range") for headers in hub.asked_for(f"/cdn/{BASE}") if headers]
    assert ranges[-3:] == [None, "bytes=1000-", "bytes=1500-"]
    assert hub.sent < size + 200_000  # the small files, and the model once


def test_a_pull_that_was_given_up_is_continued_by_the_next(hub, pretrained, base_dir):
    hub.publish(BASE, pretrained)
    hub.breaks[MODEL] = [3000] + [0] * 100
    with pytest.raises(UserError, match=r"cannot exchange files with http.*check the connection"):
        pull(BASE)
    assert list_checkpoints() == []  # nobody takes it for a checkpoint
    assert not (base_dir / "tokenizer").exists()
    hub.breaks.clear()
    hub.requests.clear()
    pull(BASE)
    assert model_bytes(base_dir) == pretrained[MODEL]
    assert [h["range"] for h in hub.asked_for(MODEL) if "range" in h] == ["bytes=3000-"] * 2
    assert not (base_dir / "base_checkpoints" / "d1" / ".pull").exists()


def test_what_was_begun_of_another_version_is_not_continued(hub, pretrained, base_dir):
    other = bytearray(pretrained[MODEL])
    other[-1] ^= 1
    hub.publish(BASE, pretrained | {MODEL: bytes(other)})
    hub.breaks[MODEL] = [3000] + [0] * 100
    with pytest.raises(UserError):
        pull(BASE)
    hub.breaks.clear()
    hub.publish(BASE, pretrained)
    pull(BASE)
    assert model_bytes(base_dir) == pretrained[MODEL]


def test_a_pull_stopped_while_files_get_their_names_looks_incomplete(
    hub, pretrained, base_dir, monkeypatch
):
    hub.publish(BASE, pretrained)
    real = os.rename

    def stop(source, target):
        real(source, target)
        if target.endswith(MODEL):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nanochat.hub.pull.os.rename", stop)
        with pytest.raises(KeyboardInterrupt):
            pull(BASE)
    assert list_checkpoints() == []
    count = len(hub.asked_for(MODEL))
    pull(BASE)
    assert placed(base_dir) == [("base", "d1", 169150)]
    assert len(hub.asked_for(MODEL)) == count  # the model was there


def test_two_pulls_at_once(hub, pretrained, base_dir):
    from filelock import FileLock

    hub.publish(BASE, pretrained)
    staging = base_dir / "base_checkpoints" / "d1" / ".pull"
    staging.mkdir(parents=True)
    with FileLock(str(staging / "lock")), pytest.raises(UserError, match="another pull into"):
        pull(BASE)
    pull(BASE)


# -- what is refused ------------------------------------------------------------------------------


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
    monkeypatch.setattr("nanochat.hub.pull.shutil.disk_usage", lambda path: usage)
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

    wrong_size = pretrained | {"tokenizer.pkl": other(290)}
    where = as_directory(wrong_size, "wrong-size")
    refuses(base_dir, where, "vocabulary of 300, but the tokenizer in .* has 290")
    foreign = changed(pretrained, "meta_169150.json", tokenizer_fingerprint="0" * 64)
    refuses(base_dir, as_directory(foreign, "foreign"), "is not the one that .* was trained with")
    none = {k: v for k, v in pretrained.items() if k != "tokenizer.pkl"}
    refuses(base_dir, as_directory(none, "none"), "has no tokenizer")


def test_the_tokenizer_is_found_by_its_fingerprint(finetuned, as_directory, elsewhere):
    def other():
        train_tokenizer(vocab_size=290)
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
    refuses(base_dir, BASE, r"huggingface_hub.*nanochat\[hub\]")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nanochat-d34", "neither a directory here nor a repository"),
        ("a/b/c", "neither a directory"),
        ("../../etc", "is not a directory"),
        ("/nowhere/at/all", "is not a directory"),
    ],
)
def test_names_that_mean_nothing(base_dir, where, message):
    refuses(base_dir, where, message)


def test_a_pasted_address_is_understood(hub, pretrained, base_dir):
    hub.publish(BASE, pretrained)
    pull(f"{hub.url}/{BASE}/")
    assert placed(base_dir) == [("base", "d1", 169150)]


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
