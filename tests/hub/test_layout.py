"""Which checkpoints a list of file names holds, and of which stage each is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.checkpoints.files import STAGE_DIRS, model_name
from nanochat.common import UserError
from nanochat.hub.layout import choose, decide_stage, find_checkpoints

PRETRAINED = ["model_169150.pt", "meta_169150.json", "tokenizer.pkl", "token_bytes.pt"]
FINETUNED = ["tokenizer/tokenizer.pkl", "tokenizer/token_bytes.pt", "README.md"]
FINETUNED += ["model_000700.pt", "meta_000700.json", "mid_model_000813.pt", "mid_meta_000813.json"]
BASE_DIRECTORY = ["tokenizer/tokenizer.pkl", "base_data/shard_00000.parquet"]
BASE_DIRECTORY += [
    f"{place}/{kind}_{step}.{ending}"
    for place, step in (
        ("base_checkpoints/d34", "169150"),
        ("chatsft_checkpoints/d34", "000700"),
        ("chatsft_checkpoints/d34", "000719"),
        ("chatrl_checkpoints/d12", "000060"),
    )
    for kind, ending in (("model", "pt"), ("meta", "json"))
]
BASE_DIRECTORY += ["chatrl_checkpoints/d12/tokenizer/nanochat_tokenizer.json"]


def find_one(paths, source=None, tag=None, step=None):
    return choose(find_checkpoints(paths), paths, source, tag, step)


def test_a_pretrained_model():
    found = find_one(PRETRAINED)
    assert (found.model, found.meta, found.step) == ("model_169150.pt", "meta_169150.json", 169150)
    assert (found.stage, found.tag) == (None, None)
    assert found.tokenizers == ({"tokenizer.pkl": "tokenizer.pkl"},)


def test_a_fine_tuned_model_with_its_parent():
    assert find_one(FINETUNED).model == "model_000700.pt"
    assert find_one(FINETUNED, source="sft").model == "model_000700.pt"
    mid = find_one(FINETUNED, source="mid")
    assert (mid.model, mid.meta) == ("mid_model_000813.pt", "mid_meta_000813.json")
    assert find_one(FINETUNED, step=813).model == "mid_model_000813.pt"
    assert mid.tokenizers == ({"tokenizer.pkl": "tokenizer/tokenizer.pkl"},)


def test_a_whole_base_directory():
    found = find_checkpoints(BASE_DIRECTORY)
    assert [(item.stage, item.tag, item.step) for item in found] == [
        ("base", "d34", 169150),
        ("rl", "d12", 60),
        ("sft", "d34", 700),
        ("sft", "d34", 719),
    ]
    assert find_one(BASE_DIRECTORY, "sft", step=719).model.endswith("d34/model_000719.pt")
    assert find_one(BASE_DIRECTORY, tag="d12").stage == "rl"
    own = find_one(BASE_DIRECTORY, "rl").tokenizers[0]
    assert own == {
        "nanochat_tokenizer.json": "chatrl_checkpoints/d12/tokenizer/nanochat_tokenizer.json"
    }


def test_a_model_whose_stage_is_unknown_may_be_of_any():
    assert find_one(PRETRAINED, source="sft").model == "model_169150.pt"


@pytest.mark.parametrize(
    ("paths", "how", "message"),
    [
        (BASE_DIRECTORY, {}, "several checkpoints fit; choose with --source, --step.*000719.pt"),
        (BASE_DIRECTORY, {"source": "sft"}, "several checkpoints fit"),
        (BASE_DIRECTORY, {"source": "mid"}, r"no checkpoint fits.*model_000060.pt \(rl\)"),
        (FINETUNED, {"step": 5}, "no checkpoint fits; .*mid_model_000813.pt"),
        (["model_000700.pt"], {}, "no nanochat checkpoint.*: model_000700.pt has no metadata"),
        (["config.json", "model.safetensors"], {}, "for transformers.*`nanochat import`"),
        (["a.bin", "notes.txt"], {}, "there are: a.bin, notes.txt"),
        ([], {}, "there are: no files"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_there_is(paths, how, message):
    with pytest.raises(UserError, match=message):
        find_one(paths, **how)


@pytest.mark.parametrize(
    "path",
    [
        "../model_000001.pt",
        "base_checkpoints/../model_000001.pt",
        "base_checkpoints/.pull/model_000001.pt",
        "base_checkpoints/d1/../model_000001.pt",
        "/model_000001.pt",
        "model_1.pt",
        "model_0000001.pt",
        "model_000001.pt.exe",
        "other_model_000001.pt",
        "base_checkpoints/a/b/model_000001.pt",
        "model_٠٠٠٠٠١.pt",
        f"model_{'9' * 5000}.pt",
    ],
)
def test_other_names_are_not_taken(path):
    meta = path.replace("model_", "meta_").replace(".pt", ".json")
    assert find_checkpoints([path, meta, "tokenizer.pkl"]) == []


NAMES = ["model_", "meta_", "mid_", "000001", "7", ".pt", ".json", "tokenizer", "d1"]
PIECES = st.sampled_from([*NAMES, *STAGE_DIRS.values(), "..", "/", "\\", "~", "\0"])


@given(st.lists(st.lists(PIECES, max_size=8).map("".join), max_size=12))
def test_whatever_is_taken_is_there_and_stays_inside(paths):
    for found in find_checkpoints(paths):
        taken = [found.model, found.meta, *(p for t in found.tokenizers for p in t.values())]
        assert set(taken) <= set(paths)
        assert found.model.endswith(model_name(found.step))
        for path in taken:
            assert ".." not in path.split("/") and not path.startswith("/")
            assert not re.search(r"[\0\\~]", path)


CONFIG = {"run": "x"}


@pytest.mark.parametrize(
    ("meta", "stage", "reason"),
    [
        ({"stage": "rl", "val_loss": 1.0}, "rl", "its metadata says so"),
        ({"val_loss": 1.0, "mmlu_acc": 0.4}, "sft", "fine-tuning"),
        ({"val_bpb": 0.7, "user_config": CONFIG | {"depth": 34}}, "base", "pretraining"),
        ({"val_bpb": 0.7, "dataloader_state_dict": {}}, "base", "pretraining"),
        ({"val_bpb": 0.7, "user_config": CONFIG}, "mid", "val_bpb"),
        ({"stage": "nonsense", "val_loss": 1.0}, "sft", "fine-tuning"),
        ({"stage": ["sft"], "val_loss": 1.0}, "sft", "fine-tuning"),
        ({}, "base", "beside the model"),
    ],
)
def test_the_stage_of_a_pretrained_layout(meta, stage, reason):
    found = find_one(PRETRAINED)
    decided, why = decide_stage(found, meta, None)
    assert decided == stage
    assert reason in why
    assert decide_stage(found, meta, "mid") == ("mid", "as asked with --source")


def test_the_stage_by_place_and_by_layout():
    assert decide_stage(find_one(FINETUNED), {}, None)[0] == "sft"
    assert decide_stage(find_one(FINETUNED, "mid"), {"val_loss": 1.0}, None)[0] == "mid"
    assert decide_stage(find_one(BASE_DIRECTORY, tag="d12"), {}, None)[0] == "rl"
