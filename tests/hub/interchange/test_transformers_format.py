"""Names, configuration and sign of the rotation, as pure values."""

import json

import pytest
import torch

from nanochat.common import UserError
from nanochat.gpt import GPT, GPTConfig, rotate
from nanochat.hub.interchange.transformers_format import (
    LLAMA_ROPE_MODEL_TYPE,
    MARKER,
    MODEL_TYPE,
    describe_generation,
    describe_model,
    parse_config,
    tensor_names,
    turn_rotation,
)
from nanochat.tokenizer_files import SPECIAL_TOKENS

D34 = GPTConfig(2048, 65536, 34, 17, 17, 2176)


def special(vocab_size):
    return {name: vocab_size - 9 + index for index, name in enumerate(SPECIAL_TOKENS)}


def described(config=D34, kind=MODEL_TYPE, **changes):
    document = describe_model(config, special(config.vocab_size), kind, "bfloat16", {"a": 1})
    return json.loads(json.dumps(document)) | changes


def test_the_configuration_of_d34():
    assert described() == {
        "architectures": ["NanoChatForCausalLM"],
        "model_type": "nanochat",
        "vocab_size": 65536,
        "hidden_size": 2176,
        "intermediate_size": 8704,
        "num_hidden_layers": 34,
        "num_attention_heads": 17,
        "num_key_value_heads": 17,
        "max_position_embeddings": 2048,
        "hidden_act": "relu2",
        "rms_norm_eps": 1.1920928955078125e-07,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "final_logit_softcapping": 15.0,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": False,
        "bos_token_id": 65527,
        "eos_token_id": 65531,
        "pad_token_id": None,
        "dtype": "bfloat16",
        MARKER: {"a": 1},
    }


def test_generation_stops_where_the_engine_does():
    document = describe_generation(special(65536))
    assert document["bos_token_id"] == 65527
    assert document["eos_token_id"] == [65531, 65527]
    assert document["pad_token_id"] == 65527


def test_the_turned_model_has_a_type_that_transformers_does_not_know():
    document = described(kind=LLAMA_ROPE_MODEL_TYPE)
    assert document["model_type"] == "nanochat_llama_rope"
    assert document["architectures"] == ["NanoChatLlamaRopeForCausalLM"]
    assert parse_config(document, "c") == (D34, LLAMA_ROPE_MODEL_TYPE)


@pytest.mark.parametrize("config", [D34, GPTConfig(64, 1000, 2, 4, 2, 64)])
def test_a_configuration_comes_back(config):
    assert parse_config(described(config), "c") == (config, MODEL_TYPE)


def test_configurations_of_other_writers_are_understood():
    document = described()
    for name in ("rope_parameters", "attention_bias", "hidden_act", "num_key_value_heads", MARKER):
        del document[name]
    document |= {"rope_theta": 10000.0, "rope_scaling": None, "rms_norm_eps": 1e-6}
    document |= {"head_dim": 128, "use_cache": True, "pad_token_id": 1}
    assert parse_config(document, "c") == (D34, MODEL_TYPE)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_type": "llama"}, "the model type is 'llama'"),
        ({"model_type": None}, "the model type is None"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu', expected 'relu2'"),
        ({"intermediate_size": 8192}, "intermediate_size is 8192, expected 8704"),
        ({"final_logit_softcapping": 30.0}, "final_logit_softcapping is 30.0"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is True"),
        ({"head_dim": 64}, "head_dim is 64, expected 128"),
        ({"rope_parameters": {"rope_theta": 5e5}}, "rope_theta is 500000.0"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "yarn"),
        ({"rope_parameters": 7}, "rope_parameters is 7"),
        ({"rope_theta": 5e5}, "rope_theta is 500000.0"),
        ({"rope_scaling": {"factor": 2}}, "rope_scaling"),
        ({"rms_norm_eps": 1e-3}, "rms_norm_eps is 0.001"),
        ({"rms_norm_eps": "x"}, "rms_norm_eps is 'x'"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"hidden_size": None}, "missing: hidden_size"),
        ({"hidden_size": 2177}, "not divisible"),
        ({"num_hidden_layers": "34"}, "n_layer must be a positive whole number"),
        ({"window_pattern": "SSSL"}, "later nanochat release"),
    ],
)
def test_another_model_is_refused_by_name(changes, named):
    with pytest.raises(UserError) as caught:
        parse_config(described(**changes), "dir/config.json")
    assert str(caught.value).startswith("dir/config.json: ")
    assert named in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "x", 3])
def test_something_that_is_no_object_is_refused(document):
    with pytest.raises(UserError, match="expected a JSON object"):
        parse_config(document, "c")


def test_every_tensor_has_a_name_in_the_order_of_our_files():
    with torch.device("meta"):
        ours = list(GPT(D34).state_dict())
    names = dict(tensor_names(34))
    assert list(names) == ours
    assert len(set(names.values())) == 206
    assert names["transformer.wte.weight"] == "model.embed_tokens.weight"
    assert names["lm_head.weight"] == "lm_head.weight"
    block = {
        name.removeprefix("transformer.h.33."): theirs.removeprefix("model.layers.33.")
        for name, theirs in names.items()
        if ".33." in name
    }
    assert block == {
        "attn.c_q.weight": "self_attn.q_proj.weight",
        "attn.c_k.weight": "self_attn.k_proj.weight",
        "attn.c_v.weight": "self_attn.v_proj.weight",
        "attn.c_proj.weight": "self_attn.o_proj.weight",
        "mlp.c_fc.weight": "mlp.fc1.weight",
        "mlp.c_proj.weight": "mlp.fc2.weight",
    }


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_the_second_half_of_every_head_is_negated(heads):
    head_dim = 6
    weight = torch.arange(1.0, heads * head_dim * 4 + 1).view(heads * head_dim, 4)
    before = weight.clone()
    turned = turn_rotation(weight, head_dim)
    assert torch.equal(weight, before)
    for row in range(heads * head_dim):
        sign = 1 if row % head_dim < head_dim // 2 else -1
        assert torch.equal(turned[row], sign * weight[row])
    assert torch.equal(turn_rotation(turned, head_dim), weight)


def test_products_of_queries_and_keys_survive_the_usual_rotation():
    torch.manual_seed(0)
    x, q, k = torch.randn(5, 8), torch.randn(8, 8), torch.randn(8, 8)
    angles = torch.rand(1, 5, 1, 2)
    cos, sin = angles.cos(), angles.sin()

    def usual(heads_BTHD):
        first, second = heads_BTHD[..., :2], heads_BTHD[..., 2:]
        return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)

    def products(turn, rotation):
        rotated = [rotation((x @ turn(w, 4).T).view(1, 5, 2, 4)) for w in (q, k)]
        return torch.einsum("bthd,bshd->bhts", *rotated)

    ours = products(lambda weight, _: weight, lambda heads: rotate(heads, cos, sin))
    assert torch.allclose(products(turn_rotation, usual), ours, atol=1e-5)
    assert not torch.allclose(products(lambda weight, _: weight, usual), ours, atol=0.1)
