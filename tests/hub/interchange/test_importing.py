"""The way back: an export becomes the checkpoint it was made from; other things are refused."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from nanochat.checkpoint_manager import load_checkpoint, load_model
from nanochat.common import UserError
from nanochat.gpt import GPT, GPTConfig
from nanochat.hub.interchange.export import export_model, write_files
from nanochat.hub.interchange.importing import import_model
from nanochat.hub.interchange.transformers_format import MARKER
from nanochat.tokenizer import RustBPETokenizer
from tests.tiny_world import save_model, train_tokenizer


@pytest.fixture(scope="module")
def export(tmp_path_factory, world_model, world_tokenizer):
    """An fp32 export of the small model, in the directory of this name; not to be changed."""
    directory = tmp_path_factory.mktemp("exports") / "small-hf"
    directory.mkdir()
    origin = {"source": "sft", "model_tag": "d2", "step": 7, "format": "hf"}
    write_files(str(directory), world_model, world_tokenizer, origin, "float32")
    return directory


@pytest.fixture
def copy(export, tmp_path):
    return shutil.copytree(export, tmp_path / "small-hf")


def change_config(directory, remove=(), **changes):
    path = directory / "config.json"
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if k not in remove}))


def change_weights(directory, change):
    path = directory / "model.safetensors"
    weights = load_file(path)
    save_file(change(weights) or weights, path)


def weights_of(info):
    return load_checkpoint(info.path, info.step, "cpu")[0]


@pytest.mark.parametrize("format", ["hf", "hf-llama-rope"])
def test_export_and_import_give_the_same_bits(
    tmp_path, checkpoint, world_model, world_tokenizer, format
):
    out = str(tmp_path / "out")
    options = {"format": format, "dtype": "float32", "check": False, "shard_bytes": 100_000}
    export_model("sft", out, **options)
    info = import_model(out, "mid", "back")
    assert (info.source, info.tag, info.step) == ("mid", "back", 7)
    model, tokenizer, meta = load_model("mid", "cpu", "eval", "back", 7)
    ours = world_model.state_dict()
    assert list(model.state_dict()) == list(ours)
    for name, tensor in model.state_dict().items():
        rows = 1000 if name in ("transformer.wte.weight", "lm_head.weight") else len(tensor)
        assert torch.equal(tensor[:rows], ours[name][:rows]), name
        assert tensor.shape == ours[name].shape
    ids = torch.arange(40)[None] * 17 % 1000
    with torch.no_grad():
        assert torch.equal(model(ids), world_model(ids))
    assert tokenizer.fingerprint() == world_tokenizer.fingerprint()
    assert model.config == world_model.config
    assert meta["imported_from"]["model_tag"] == "d2" and meta["stage"] == "mid"


def test_bits_are_equal_without_padding_too(tmp_path, base_dir, world_tokenizer):
    from nanochat.tokenizer import RustBPETokenizer

    tokenizer = RustBPETokenizer.train_from_iterator(iter(["abcabd" * 200, "xyzxyz " * 99]), 265)
    with torch.no_grad():
        model = GPT(GPTConfig(32, 265, 1, 2, 1, 16))
        assert model.config.padded_vocab_size == 320
    (tmp_path / "x").mkdir()
    write_files(str(tmp_path / "x"), model, tokenizer, {"format": "hf"}, "float32")
    info = import_model(str(tmp_path / "x"), "base")
    assert (info.tag, info.step) == ("x", 0)  # nothing said: the directory's name
    assert torch.equal(weights_of(info)["lm_head.weight"][:265], model.lm_head.weight[:265])


def test_padding_rows_are_filled_as_in_a_new_model(export):
    weights = weights_of(import_model(str(export), "sft"))
    embedding = weights["transformer.wte.weight"][1000:]
    head = weights["lm_head.weight"][1000:]
    assert embedding.shape == head.shape == (24, 64)
    assert 0.9 < embedding.std() < 1.1
    assert 0.0009 < head.std() < 0.0011


def test_tag_and_step_default_to_those_exported_and_can_be_chosen(export):
    info = import_model(str(export), "sft")
    assert (info.tag, info.step) == ("d2", 7)
    info = import_model(str(export), "sft", step=1_000_000)
    assert (info.tag, info.step) == ("d2", 1_000_000)
    with pytest.raises(UserError, match="the checkpoint sft d2 step 7 exists already"):
        import_model(str(export), "sft")
    assert import_model(str(export), "sft", "other").tag == "other"


@pytest.mark.parametrize("tag", ["../x", "a/b", ".hidden", "a b", ""])
def test_a_tag_is_a_plain_name(copy, tag, base_dir):
    change_config(copy, **{MARKER: {"model_tag": tag, "step": -3}})
    if tag:
        with pytest.raises(UserError, match="cannot be a model tag"):
            import_model(str(copy), "sft")
    with pytest.raises(UserError, match="--step must be 0 or more"):
        import_model(str(copy), "sft", "fine")
    assert not list(base_dir.glob("*/*"))


def test_a_repository_of_others_has_no_marker(copy, world_model):
    """Padded, in bf16, with the class's own padding id and epsilon."""
    change_config(copy, remove=[MARKER], vocab_size=1024, pad_token_id=1, rms_norm_eps=1e-6)
    ours = world_model.state_dict()

    def pad(weights):
        weights["model.embed_tokens.weight"] = ours["transformer.wte.weight"]
        weights["lm_head.weight"] = ours["lm_head.weight"]
        return {name: tensor.bfloat16() for name, tensor in weights.items()}

    change_weights(copy, pad)
    info = import_model(str(copy), "sft")
    assert (info.tag, info.step) == ("small-hf", 0)
    stored = torch.load(f"{info.path}/model_000000.pt", weights_only=True)
    assert stored["transformer.wte.weight"].dtype == torch.bfloat16
    assert {t.dtype for name, t in stored.items() if "wte" not in name} == {torch.float32}
    for name, tensor in stored.items():
        assert torch.equal(tensor.float(), ours[name].bfloat16().float())
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


def drop_tensor(weights):
    del weights["model.layers.1.mlp.fc1.weight"]


def add_tensor(weights):
    weights["model.layers.0.self_attn.q_norm.weight"] = torch.ones(16)


def add_later_tensor(weights):
    weights["resid_lambdas"] = torch.ones(2)


def reshape_tensor(weights):
    weights["model.layers.0.self_attn.k_proj.weight"] = torch.zeros(64, 64)


def two_problems(weights):
    drop_tensor(weights)
    reshape_tensor(weights)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (drop_tensor, [r"missing: model.layers.1.mlp.fc1.weight \(256, 64\)"]),
        (add_tensor, [r"unknown: model.layers.0.self_attn.q_norm.weight \(16,\)"]),
        (add_later_tensor, ["later nanochat release", "resid_lambdas"]),
        (reshape_tensor, [r"k_proj.weight: expected \(32, 64\), found \(64, 64\)"]),
        (two_problems, ["fc1.weight", "k_proj.weight"]),
        (lambda w: {k: t.half() for k, t in w.items()}, [r"found F16 \(squared ReLU overflows"]),
        (lambda w: {k: t.double() for k, t in w.items()}, ["expected the type F32 or BF16"]),
    ],
)
def test_wrong_tensors_are_named(copy, change, messages, base_dir):
    change_weights(copy, change)
    for message in messages:
        with pytest.raises(UserError, match=message):
            import_model(str(copy), "sft")
    assert not list(base_dir.glob("*/*"))


def test_other_models_and_incomplete_directories_are_refused(copy, tmp_path, base_dir):
    with pytest.raises(UserError, match="no such directory; a model on the hub"):
        import_model("somebody/nanochat-d34", "sft")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"config.json is missing; expected a directory"):
        import_model(str(tmp_path / "empty"), "sft")
    with pytest.raises(UserError, match="unknown source 'chat'"):
        import_model(str(copy), "chat")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model.bin, ...\) are not read"):
        import_model(str(copy), "sft")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer.json is missing"):
        import_model(str(copy), "sft")
    change_config(copy, model_type="llama")
    with pytest.raises(UserError, match="the model type is 'llama'"):
        import_model(str(copy), "sft")
    for text, message in (("{", "not valid JSON"), (" " * 2_000_000, "too large")):
        (copy / "config.json").write_text(text)
        with pytest.raises(UserError, match=message):
            import_model(str(copy), "sft")
    assert not list(base_dir.glob("*/*"))


def test_a_tokenizer_of_another_size_is_refused(copy):
    change_config(copy, vocab_size=1009)
    with pytest.raises(UserError, match=r"vocab_size is 1009, but .* has 1000 .*1024, padded"):
        import_model(str(copy), "sft")


def test_models_that_are_there_keep_their_tokenizer(export, base_dir):
    other = train_tokenizer()
    save_model(other, "sft", "mine", 3)
    with pytest.raises(UserError, match="another tokenizer"):
        import_model(str(export), "sft", "mine")
    directory = base_dir / "chatsft_checkpoints" / "mine"
    assert RustBPETokenizer.from_directory(directory / "tokenizer").data == other.data
    assert [path.name for path in directory.glob("model_*")] == ["model_000003.pt"]


@pytest.mark.parametrize(("exported", "stage"), [("base", "base"), ("mid", "mid"), ("../x", "sft")])
def test_the_stage_is_that_of_the_export(copy, base_dir, exported, stage):
    document = json.loads((copy / "config.json").read_text())
    change_config(copy, **{MARKER: document[MARKER] | {"source": exported}})
    assert import_model(str(copy)).source == stage


def test_a_shape_that_could_not_be_built_is_refused(copy, base_dir):
    change_config(copy, num_hidden_layers=10**9)
    with pytest.raises(UserError, match="cannot be the 1000000000 layers"):
        import_model(str(copy))


@pytest.mark.parametrize("model_type", [["nanochat"], {"a": 1}, 3, None])
def test_model_types_that_are_no_names(copy, base_dir, model_type):
    change_config(copy, model_type=model_type)
    with pytest.raises(UserError, match="the model type is"):
        import_model(str(copy))


@pytest.mark.parametrize("merges", [[1], [None, "a b"], [{}], "a b", None])
def test_merges_that_are_none(copy, base_dir, merges):
    path = copy / "tokenizer.json"
    document = json.loads(path.read_text())
    document["model"]["merges"] = merges
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="merges"):
        import_model(str(copy))
