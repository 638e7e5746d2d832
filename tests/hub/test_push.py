"""Publishing to the stand-in hub, and pulling it back on another machine."""

import dataclasses
import json
import os

import pytest
import torch
import yaml

from nanochat.checkpoint_manager import load_model, save_checkpoint
from nanochat.common import UserError
from nanochat.hub.push import PushOptions
from nanochat.hub.push import push as push_with_options
from nanochat.report import Report
from scripts import chat_cli
from scripts import pull as pull_script
from scripts import push as push_script
from tests.hub.hub_server import WRITER
from tests.tiny_world import save_model, train_tokenizer

REPO = "me/nanochat-tiny"


@pytest.fixture
def hub(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    return hub


def push(source="sft", tag="d1", step=None, records=None, **options):
    return push_with_options(REPO, source, tag, step, PushOptions(**options), records or {})


@pytest.fixture
def chain(base_dir):
    """A base, a mid and an sft model, each made from the one before."""
    tokenizer, parent = train_tokenizer(), None
    for stage, step in (("base", 30), ("mid", 20), ("sft", 10)):
        model = save_model(tokenizer, stage, "d1", step)
        meta = {
            "step": step,
            "stage": stage,
            "parent": parent,
            "model_config": dataclasses.asdict(model.config),
            "user_config": {"run": "dummy", "mixture": "default", "custom": "/home/me/my.jsonl"},
            {"sft": "val_loss"}.get(stage, "val_bpb"): 0.5,
        }
        torch.manual_seed(step)
        weights = {k: torch.randn_like(v) for k, v in model.state_dict().items()}
        path = str(base_dir / f"{'chatsft' if stage == 'sft' else stage}_checkpoints" / "d1")
        save_checkpoint(path, step, weights, None, meta, tokenizer=tokenizer)
        parent = {"source": stage, "tag": "d1", "step": step}


def weights_of(source, tag="d1", step=None):
    return load_model(source, "cpu", "eval", tag, step)[0].state_dict()


# -- there and back -------------------------------------------------------------------------------


def test_a_chat_model_there_and_back(hub, chain, elsewhere, capsys):
    push_script.main([REPO, "--source=sft", "--model_tag=d1", "--step=10", "--with_mid"])
    own = ("tokenizer.pkl", "nanochat_tokenizer.json", "token_bytes.pt")
    assert set(hub.repositories[REPO].files) == {
        ".gitattributes",
        "README.md",
        "model_000010.pt",
        "meta_000010.json",
        "mid_model_000020.pt",
        "mid_meta_000020.json",
        *(f"tokenizer/{name}" for name in own),
    }
    assert len(hub.repositories[REPO].commits) == 2  # made, and filled in one go
    assert f"next: nanochat pull {REPO}" in capsys.readouterr().out
    ours = {source: weights_of(source) for source in ("sft", "mid")}

    def there():
        pull_script.main([REPO])
        pull_script.main([REPO, "--source=mid"])
        theirs = {source: weights_of(source) for source in ("sft", "mid")}
        capsys.readouterr()
        chat_cli.main(["--prompt", "Hello", "--model-tag", "d1", "--step", "10"])
        return theirs

    theirs = elsewhere(there)
    for source, weights in ours.items():
        assert weights.keys() == theirs[source].keys()
        assert all(torch.equal(weights[name], theirs[source][name]) for name in weights)
    printed = capsys.readouterr().out
    assert "sft · d1 · step 10 is speaking" in printed
    assert "Assistant: " in printed


def test_a_base_model_there_and_back(hub, chain, elsewhere):
    push("base")
    assert set(hub.repositories[REPO].files) - {".gitattributes", "README.md"} == {
        "model_000030.pt",
        "meta_000030.json",
        "tokenizer.pkl",
        "token_bytes.pt",
    }
    ours = weights_of("base")

    def there():
        pull_script.main([REPO, "--model-tag=d34"])
        chat_cli.main(["-i", "base", "--prompt", "Hello"])
        return weights_of("base", "d34", 30)

    theirs = elsewhere(there)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_came_from_the_hub_is_named_as_the_base_model(hub, chain, elsewhere):
    push("base")

    def there():
        pull_script.main([REPO])
        tokenizer = load_model("base", "cpu", "eval", "d1", 30)[1]
        model = save_model(tokenizer, "sft", "d1", 9)
        meta = {
            "stage": "sft",
            "model_config": dataclasses.asdict(model.config),
            "parent": {"source": "base", "tag": "d1", "step": 30},
        }
        directory = os.path.join(os.environ["NANOCHAT_BASE_DIR"], "chatsft_checkpoints", "d1")
        save_checkpoint(directory, 9, model.state_dict(), None, meta, tokenizer=tokenizer)
        push_with_options("me/child", "sft", "d1", 9, PushOptions(), {})

    elsewhere(there)
    assert card(hub, "me/child")[0]["base_model"] == REPO


def test_pushing_again_sends_only_what_is_new(hub, chain, capsys):
    push()
    stored = len(hub.asked_for("/storage/", "PUT"))
    assert stored == 3  # model, tokenizer.pkl, token_bytes.pt
    push()
    assert len(hub.asked_for("/storage/", "PUT")) == stored


# -- before anything is sent ----------------------------------------------------------------------


def test_a_dry_run_lists_everything_and_sends_nothing(hub, chain, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN")
    push(with_mid=True, dry_run=True)
    printed = capsys.readouterr().out
    assert hub.requests == []
    size = os.path.getsize(
        os.path.join(os.environ["NANOCHAT_BASE_DIR"], "chatsft_checkpoints/d1/model_000010.pt")
    )
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines() if line[:2] == "  ")
    assert lines["model_000010.pt"] == f"{size / 1000:.2f} kB"
    assert {"mid_model_000020.pt", "README.md", "tokenizer/tokenizer.pkl"} <= set(lines)
    assert "8 files, " in printed
    assert "licence in the model card: mit" in printed


def test_without_a_token_one_is_told_how_to_get_one(hub, chain, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match=r"needs a token .*/settings/tokens, then log in with `hf"):
        push()
    assert hub.requests == []


def test_a_token_that_may_not_write(hub, chain, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    with pytest.raises(UserError, match=r"may not do that with me/.*write access"):
        push()
    monkeypatch.setenv("HF_TOKEN", "hf_nonsense")
    with pytest.raises(UserError, match=r"may not do that|does not accept this token"):
        push()
    assert REPO not in hub.repositories


def test_private_repositories(hub, chain):
    push(private=True)
    assert hub.repositories[REPO].private
    hub.publish("me/open", {"a.txt": b""})
    with pytest.raises(UserError, match="me/open exists and is public"):
        push_with_options("me/open", "sft", "d1", None, PushOptions(private=True), {})
    assert set(hub.repositories["me/open"].files) == {"a.txt"}


def test_a_damaged_checkpoint_is_not_published(hub, chain, base_dir):
    path = base_dir / "chatsft_checkpoints" / "d1" / "model_000010.pt"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="truncated"):
        push()
    assert hub.requests == []


def test_models_in_a_repository_keep_their_tokenizer(hub, chain, base_dir):
    push()
    before = hub.repositories[REPO].main
    save_model(train_tokenizer(vocab_size=270), "sft", "other", 5)
    with pytest.raises(UserError, match=r"holds model_000010.pt, which needs another tokenizer"):
        push(tag="other", step=5)
    assert hub.repositories[REPO].main == before
    tokenizer = load_model("sft", "cpu", "eval", "d1", 10)[1]
    save_model(tokenizer, "sft", "d1", 11)
    push(step=11)
    assert {"model_000010.pt", "model_000011.pt"} <= set(hub.repositories[REPO].files)


def test_a_model_card_that_somebody_wrote_is_kept(hub, chain, capsys):
    hub.publish(REPO, {"README.md": b"# My words\n"})
    push()
    assert hub.repositories[REPO].files["README.md"] == b"# My words\n"
    assert "one that somebody wrote" in capsys.readouterr().out
    hub.publish(REPO, {})
    push()
    push(license="apache-2.0")
    assert card(hub)[0]["license"] == "apache-2.0"  # ours is written anew


def test_licences_the_hub_would_not_take(hub, chain):
    with pytest.raises(UserError, match=r"--license='My own!': expected a name .* mit, apache"):
        push(license="My own!")
    with pytest.raises(UserError, match=r"--base_model='d34': expected a repository"):
        push(base_model="d34")
    assert hub.requests == []
    with pytest.raises(UserError, match=r'does not accept this .*"license" must be one of'):
        push(license="unheard-of")


def test_only_chat_models_have_a_mid_trained_parent(hub, chain):
    with pytest.raises(UserError, match="--with_mid is for sft and rl models, not for base"):
        push("base", with_mid=True)


# -- the model card -------------------------------------------------------------------------------


def card(hub, repo=REPO):
    text = hub.repositories[repo].files["README.md"].decode()
    _, header, body = text.split("---\n", 2)
    return yaml.safe_load(header), body


def test_the_model_card_says_what_it_is(hub, chain):
    push(base_model="karpathy/nanochat-d34")
    header, body = card(hub)
    assert header == {
        "license": "mit",
        "library_name": "nanochat",
        "base_model": "karpathy/nanochat-d34",
        "pipeline_tag": "text-generation",
        "tags": ["nanochat", "sft", "chat"],
    }
    assert "# nanochat-tiny" in body
    assert f"nanochat pull {REPO} --source=sft --model_tag=d1 --step=10" in body
    assert "nanochat chat_web --source=sft --model_tag=d1 --step=10" in body
    history = [line for line in body.splitlines() if line.startswith("1. ")]
    assert [line.split(":")[0] for line in history] == ["1. base", "1. mid", "1. sft"]
    assert "step 30, mixture `default` (karpathy/nanochat-d34)" in history[0]
    assert "| validation bits per byte | 0.5000 | 0.5000 |  |" in body
    assert "| validation loss (nats per token) |  |  | 0.5000 |" in body
    assert "| `custom` | `my.jsonl` |" in body and "/home/me" not in body


def test_figures_are_of_this_model_or_left_out(hub, chain, base_dir):
    report = Report(base_dir / "report")
    flags = {"source": "sft", "model_tag": "d1", "step": 10}
    report.log("Chat evaluation sft", flags, metrics={"MMLU": 0.42, "a|b": 0.1})
    report.log("Chat evaluation mid", flags | {"step": 999}, metrics={"MMLU": 0.31})
    report.log("Base model loss", {"sample": "x"}, metrics={"val bpb": 0.7})
    push(records=report.records())
    _, body = card(hub)
    assert "| MMLU |  |  | 0.4200 |" in body
    assert "| a b |" in body
    assert "0.3100" not in body and "val bpb" not in body


def test_no_folder_of_the_users_is_published(hub, base_dir, capsys):
    tokenizer = train_tokenizer()
    save_model(tokenizer, "sft", "d34", 700)
    path = base_dir / "chatsft_checkpoints" / "d34" / "meta_000700.json"
    private = {
        "user_config": {"custom_data": ["/home/anna/acme/my.jsonl:3", r"C:\anna\x.jsonl"], "lr": 1},
        "custom_data": [{"path": "../acme/my.jsonl", "sha256": "0" * 64}],
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | private))
    written = path.read_bytes()
    push_script.main(["me/mine", "--source=sft", "--dry_run"])
    shown = capsys.readouterr().out
    assert "my.jsonl:3" in shown and "anna" not in shown and "acme" not in shown
    push_script.main(["me/mine", "--source=sft"])
    files = hub.repositories["me/mine"].files
    everything = b"".join(files.values())
    assert b"anna" not in everything and b"acme" not in everything
    published = json.loads(files["meta_000700.json"])
    assert published["user_config"] == {"custom_data": ["my.jsonl:3", "x.jsonl"], "lr": 1}
    assert published["model_config"] == json.loads(written)["model_config"]
    assert path.read_bytes() == written


def test_a_model_with_anothers_tokenizer_is_not_published(hub, base_dir):
    save_model(train_tokenizer(), "sft", "d1", 10)
    path = base_dir / "chatsft_checkpoints" / "d1" / "meta_000010.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_fingerprint": "0" * 64}))
    with pytest.raises(UserError, match="not the one it was trained with"):
        push()
    assert REPO not in hub.repositories
