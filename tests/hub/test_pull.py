"""Pulling from the stand-in hub and from directories; nothing half, nothing overwritten."""

import json
import os
from types import SimpleNamespace

import pytest
import torch

from nanochat.checkpoint_manager import list_checkpoints, load_model
from nanochat.common import UserError
from nanochat.hub.pull import pull
from tests.hub.published import read_tree
from tests.tiny_world import save_model, train_tokenizer

BASE, CHAT = "karpathy/nanochat-d34", "victoremnm/nanochat-d34-sft"
MODEL = "model_169150.pt"


def placed(base_dir):
    return [(c.source, c.tag, c.step) for c in list_checkpoints()]


def model_bytes(base_dir, path=f"base_checkpoints/d1/{MODEL}"):
    return (base_dir / path).read_bytes()


def changed(listing, name, **keys):
    """The files with other values in a metadata file."""
    meta = json.loads(listing[name])
    return listing | {name: json.dumps(meta | keys).encode()}


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
    assert "step 169150 of stage base (its metadata says so)" in printed
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


def test_the_base_directorys_tokenizer_is_never_replaced(
    pretrained, as_directory, base_dir, capsys
):
    own = train_tokenizer(vocab_size=270)
    before = read_tree(base_dir / "tokenizer")
    pull(as_directory(pretrained))
    assert read_tree(base_dir / "tokenizer") == before
    assert "stays as it is; the model uses its own copy" in capsys.readouterr().out
    _, tokenizer, _ = load_model("base", "cpu", "eval", "d1", 169150)
    assert tokenizer.fingerprint() != own.fingerprint()


@pytest.mark.parametrize("own_copy", [True, False])
def test_models_beside_it_keep_their_tokenizer(pretrained, as_directory, base_dir, own_copy):
    """Those of earlier releases have no copy and use the base directory's."""
    tokenizer = train_tokenizer(vocab_size=270)
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


def test_a_server_that_cannot_continue_sends_all_of_it(hub, pretrained, base_dir):
    hub.publish(BASE, pretrained)
    hub.breaks[MODEL] = [1000]
    hub.ranges = False
    pull(BASE)
    assert model_bytes(base_dir) == pretrained[MODEL]


def test_a_pull_that_was_given_up_is_continued_by_the_next(hub, pretrained, base_dir, capsys):
    hub.publish(BASE, pretrained)
    hub.breaks[MODEL] = [3000] + [0] * 100
    with pytest.raises(UserError, match=r"cannot exchange files with http.*check the connection"):
        pull(BASE)
    assert list_checkpoints() == []  # nobody takes it for a checkpoint
    assert not (base_dir / "tokenizer").exists()
    assert "the same command continues" in capsys.readouterr().out
    hub.breaks.clear()
    hub.requests.clear()
    pull(BASE)
    assert model_bytes(base_dir) == pretrained[MODEL]
    assert [h["range"] for h in hub.asked_for(MODEL) if "range" in h] == ["bytes=3000-"] * 2
    assert not (base_dir / "base_checkpoints" / "d1" / ".pull").exists()


def test_what_was_begun_of_another_version_is_not_continued(hub, pretrained, base_dir):
    other = bytearray(pretrained[MODEL])
    other[100] ^= 1
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


def test_a_finished_pull_keeps_another_steps_interrupted_download(
    as_directory, pretrained, base_dir
):
    directory = as_directory(pretrained)
    other = base_dir / "base_checkpoints" / "d1" / ".pull" / "0123456789abcdef"
    other.mkdir(parents=True)
    (other / "model_000002.pt").write_bytes(b"half")
    pull(directory, "base", "d1")
    assert (other / "model_000002.pt").read_bytes() == b"half"
    assert list_checkpoints("base")
