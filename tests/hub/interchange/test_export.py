"""Exports that transformers loads, and what is refused before anything is written."""

import json
import math
import os
import re
import sys
import types

import pytest
import torch

from nanochat.checkpoint_manager import load_model
from nanochat.common import UserError
from nanochat.engine import Engine
from nanochat.gpt import GPT, GPTConfig
from nanochat.hub import extras
from nanochat.hub.interchange import export as export_module
from nanochat.hub.interchange.export import export_model, pending_tensors
from nanochat.hub.interchange.importing import import_model
from nanochat.hub.interchange.parity import Parity, chat_ids
from nanochat.hub.interchange.sample_texts import sample_strings
from nanochat.hub.interchange.transformers_format import describe_model
from nanochat.tokenizer_files import SPECIAL_TOKENS

FILES = [
    "README.md",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]
transformers_needed = pytest.mark.filterwarnings("ignore")  # its own, about its own code


def exported(tmp_path, **options):
    out = str(tmp_path / "out")
    parity = export_model("sft", out, model_tag="d2", step=7, **options)
    return out, parity


def read(out, name):
    with open(os.path.join(out, name), encoding="utf-8") as file:
        return file.read()


def sample_ids(model, count=48):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(model.config.vocab_size, (2, count), generator=generator)


# -- with transformers ----------------------------------------------------------------------------


@transformers_needed
def test_transformers_gives_the_same_logits_and_ids(tmp_path, checkpoint, world_model, capsys):
    """Grouped queries and 1,000 tokens in 1,024 rows, in fp32."""
    out, parity = exported(tmp_path, dtype="float32")
    assert sorted(os.listdir(out)) == FILES
    exact, usual = parity.logits
    assert exact.largest <= 1e-5 and exact.same_argmax == 1
    assert 1e-5 < usual.largest <= 1e-2 and usual.same_argmax > 0.95  # fp32 against bf16 tables
    assert parity.equal_strings == parity.strings == 1000
    assert parity.equal_chats == parity.chats >= 15
    captured = capsys.readouterr()
    assert parity.table() in captured.out
    assert captured.err == ""  # no remarks and progress bars of others
    card = read(out, "README.md")
    assert parity.table() in card
    assert "the name of a special token inside a\nmessage becomes that token" in card


@pytest.fixture
def loaded(tmp_path, checkpoint):
    """(model, tokenizer) as transformers loads an fp32 export."""
    transformers = pytest.importorskip("transformers")
    out, _ = exported(tmp_path, dtype="float32", check=False)
    model = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(out)


@pytest.mark.slow
@transformers_needed
def test_no_padding_id_even_after_a_round_trip(loaded, tmp_path):
    model, _ = loaded
    assert type(model).__name__ == "NanoChatForCausalLM"
    for _ in range(2):
        assert model.config.pad_token_id is None
        assert model.get_input_embeddings().padding_idx is None
        model.save_pretrained(tmp_path / "again")
        document = json.loads((tmp_path / "again" / "config.json").read_text())
        assert document.get("pad_token_id", "absent") is None
        model = type(model).from_pretrained(tmp_path / "again")


@pytest.mark.slow
@transformers_needed
def test_what_transformers_saves_can_be_imported(loaded, tmp_path, world_model, world_tokenizer):
    """As after a fine-tuning with other tools; once as it is, once as somebody else's."""
    model, tokenizer = loaded
    for marked in (True, False):
        if not marked:
            del model.config.nanochat_export
        out = str(tmp_path / f"saved-{marked}")
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
        info = import_model(out, "rl", f"back-{marked}")
        assert info.step == (7 if marked else 0)
        back, back_tokenizer, _ = load_model("rl", "cpu", "eval", info.tag, info.step)
        assert back_tokenizer.fingerprint() == world_tokenizer.fingerprint()
        ids = sample_ids(world_model)
        with torch.no_grad():
            assert torch.equal(back(ids), world_model(ids))


@pytest.mark.slow
@transformers_needed
def test_the_shapes_of_d34_are_those_transformers_wants():
    """Names and shapes only, without memory."""
    transformers = pytest.importorskip("transformers")
    config = GPTConfig(2048, 65536, 34, 17, 17, 2176)
    special = {name: 65527 + index for index, name in enumerate(SPECIAL_TOKENS)}
    document = describe_model(config, special, "nanochat", "bfloat16", {})
    with torch.device("meta"):
        theirs = transformers.NanoChatForCausalLM(transformers.NanoChatConfig(**document))
        pending = {one.name: one.shape for one in pending_tensors(GPT(config), "nanochat")}
    assert {name: tuple(p.shape) for name, p in theirs.state_dict().items()} == pending
    assert sum(2 * math.prod(shape) for shape in pending.values()) == 4_434_165_760
    parameters = theirs.config
    assert parameters.rms_norm_eps == 2.0**-23 and parameters.pad_token_id is None


@pytest.mark.slow
@transformers_needed
def test_greedy_answers_are_those_of_the_engine(loaded, world_model, world_tokenizer):
    model, tokenizer = loaded
    messages = [{"role": "user", "content": "Why?"}]
    prompt = chat_ids(tokenizer, messages, add_generation_prompt=True)
    ours = world_model
    rotary = ours.cos, ours.sin
    ours.init_rotary(torch.float32)
    try:
        (expected,), _ = Engine(ours, world_tokenizer).generate_batch(
            prompt, num_samples=1, max_tokens=24, temperature=0.0
        )
    finally:
        ours.cos, ours.sin = rotary
    theirs = model.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[0].tolist()
    assert theirs[: len(expected)] == expected
    assert len(theirs) - len(expected) <= 1  # the end token, which the engine leaves out
    generation = model.generation_config
    assert generation.eos_token_id == [
        world_tokenizer.encode_special("<|assistant_end|>"),
        world_tokenizer.get_bos_token_id(),
    ]


@pytest.mark.slow
@transformers_needed
def test_strings_with_names_of_special_tokens(loaded, world_tokenizer):
    _, tokenizer = loaded
    strings = sample_strings(2000, seed=5)
    theirs = tokenizer(strings, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert theirs == world_tokenizer.encode(strings)
    assert tokenizer.bos_token_id == world_tokenizer.get_bos_token_id()
    assert tokenizer("a")["input_ids"] == world_tokenizer.encode("a")  # no automatic bos
    assert tokenizer.eos_token == "<|assistant_end|>" and tokenizer.pad_token == "<|bos|>"
    assert tokenizer.model_max_length == 64
    assert len(tokenizer) == 1000


@pytest.mark.slow
@transformers_needed
@pytest.mark.parametrize("format", ["hf", "hf-llama-rope"])
def test_exports_in_bf16_say_what_rounding_costs(tmp_path, checkpoint, format):
    out, parity = exported(tmp_path, format=format, shard_bytes=40_000)
    exact, _, before_rounding = parity.logits
    assert exact.largest <= 1e-5 and exact.same_argmax == 1
    assert 1e-3 < before_rounding.largest < 1
    assert "before rounding to bfloat16" in before_rounding.what
    assert os.path.exists(f"{out}/model.safetensors.index.json")
    assert ("Llama" in parity.runtime) == (format == "hf-llama-rope")


@pytest.mark.slow
@transformers_needed
def test_the_turned_export_is_refused_by_transformers(tmp_path, checkpoint):
    transformers = pytest.importorskip("transformers")
    out, _ = exported(tmp_path, format="hf-llama-rope", check=False)
    with pytest.raises(ValueError, match="nanochat_llama_rope"):
        transformers.AutoModelForCausalLM.from_pretrained(out)


@pytest.mark.slow
@transformers_needed
def test_the_code_on_the_card_works(tmp_path, checkpoint, monkeypatch, world_tokenizer):
    out, _ = exported(tmp_path, check=False)
    loading, assembling = re.findall(r"```python\n(.+?)```", read(out, "README.md"), re.S)
    monkeypatch.chdir(out)
    scope = {}
    exec(loading, scope)
    scope["messages"] = [
        {"role": "user", "content": "a<|assistant_end|>"},
        {"role": "assistant", "content": " b "},
        {"role": "user", "content": "<|bos|> 汉"},
    ]
    exec(assembling, scope)
    asked = [*scope["messages"], {"role": "assistant", "content": ""}]
    assert scope["ids"] == world_tokenizer.render_for_completion({"messages": asked})


# -- without it -----------------------------------------------------------------------------------


def test_weights_are_cut_to_the_vocabulary_and_keep_their_values(tmp_path, checkpoint, world_model):
    from safetensors.torch import load_file

    out, _ = exported(tmp_path, check=False)
    stored = load_file(f"{out}/model.safetensors")
    ours = world_model.state_dict()
    assert stored["model.embed_tokens.weight"].shape == (1000, 64)
    head = stored["lm_head.weight"]
    assert torch.equal(head, ours["lm_head.weight"][:1000].bfloat16())
    k_proj = stored["model.layers.1.self_attn.k_proj.weight"]
    assert torch.equal(k_proj, ours["transformer.h.1.attn.c_k.weight"].bfloat16())
    assert k_proj.shape == (2 * 16, 64)
    config = json.loads(read(out, "config.json"))
    assert config["vocab_size"] == 1000
    assert config["nanochat_export"] == {
        "source": "sft",
        "model_tag": "d2",
        "step": 7,
        "format": "hf",
    }
    assert "Not checked" in read(out, "README.md")


def test_permissions_are_the_usual_ones(tmp_path, checkpoint):
    out, _ = exported(tmp_path, check=False)
    expected = os.stat(checkpoint).st_mode & 0o777
    assert os.stat(out).st_mode & 0o777 == expected


def test_an_empty_directory_is_taken_and_others_are_left_alone(tmp_path, checkpoint):
    (tmp_path / "out").mkdir()
    out, _ = exported(tmp_path, check=False)
    before = sorted(os.listdir(out))
    with pytest.raises(UserError, match="is not empty"):
        exported(tmp_path, check=False)
    assert sorted(os.listdir(out)) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="not a directory"):
        export_model("sft", str(tmp_path / "file"), check=False)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, "got 'float16'; squared ReLU overflows"),
        ({"dtype": "int8"}, "one of bfloat16, float32, got 'int8'"),
        ({"format": "gguf"}, "one of hf, hf-llama-rope"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_read(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        exported(tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)  # as if not installed
    with pytest.raises(UserError, match=r"package transformers.*\.\[export\]"):
        exported(tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_nothing(tmp_path, checkpoint, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "write_tensors", full)
    with pytest.raises(OSError):
        exported(tmp_path, check=False)
    assert [p.name for p in tmp_path.iterdir()] == [checkpoint.parents[1].name]


def test_an_export_that_differs_is_not_kept(tmp_path, checkpoint, monkeypatch):
    transformers = types.SimpleNamespace(__version__="0")
    monkeypatch.setattr(export_module, "load_extra", lambda *_: transformers)
    differs = Parity("a program", 1, [], 0, 1, 1, 1)
    monkeypatch.setattr(Parity, "problem", lambda self: "1 of 1 strings get other ids")
    monkeypatch.setattr(export_module, "compare", lambda *_: differs)
    with pytest.raises(UserError, match="does not agree with the checkpoint: 1 of 1 strings"):
        exported(tmp_path)
    assert not (tmp_path / "out").exists()


def test_extras_are_imported_or_asked_for():
    assert extras.load_extra("json", "export") is json
    with pytest.raises(UserError, match=r"uv sync --inexact --extra export"):
        extras.load_extra("no_such_package_anywhere", "export")
