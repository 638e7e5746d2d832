"""What a nanochat model is called in `transformers`: configuration, tensors, sign of the rotation.

Pure functions on values, both ways; `export` writes what they say, `importing` reads it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from nanochat.checkpoints.weights import EMBEDDING, refuse_later_architecture
from nanochat.common import UserError
from nanochat.gpt import LOGIT_CAP, NORM_EPS, ROTARY_BASE, GPTConfig

MODEL_TYPE = "nanochat"
# Weights changed for the usual rotation give gibberish in a graph that rotates nanochat's way. A
# model type of their own makes transformers refuse them instead.
LLAMA_ROPE_MODEL_TYPE = "nanochat_llama_rope"
ARCHITECTURES = {
    MODEL_TYPE: "NanoChatForCausalLM",
    LLAMA_ROPE_MODEL_TYPE: "NanoChatLlamaRopeForCausalLM",
}
MARKER = "nanochat_export"  # in config.json: what the directory was exported from
SHAPE_FIELDS = {  # ours -> theirs
    "sequence_len": "max_position_embeddings",
    "vocab_size": "vocab_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_kv_head": "num_key_value_heads",
    "n_embd": "hidden_size",
}
# What is the same in every nanochat model; a configuration that says otherwise is another model's.
CONSTANTS = {
    "hidden_act": "relu2",
    "final_logit_softcapping": LOGIT_CAP,
    "attention_bias": False,
    "tie_word_embeddings": False,
}
LARGEST_NORM_EPS = 1e-5  # anything from 0 to here changes logits by less than 1e-4
HEAD = "lm_head.weight"
BLOCK_MODULES = {  # ours -> theirs
    "attn.c_q": "self_attn.q_proj",
    "attn.c_k": "self_attn.k_proj",
    "attn.c_v": "self_attn.v_proj",
    "attn.c_proj": "self_attn.o_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
ROTATED = ("attn.c_q.weight", "attn.c_k.weight")


def tensor_names(n_layer: int) -> Iterator[tuple[str, str]]:
    """Yield (our name, their name) of every tensor, in the order of our model files."""
    yield EMBEDDING, "model.embed_tokens.weight"
    for layer in range(n_layer):
        for ours, theirs in BLOCK_MODULES.items():
            yield f"transformer.h.{layer}.{ours}.weight", f"model.layers.{layer}.{theirs}.weight"
    yield HEAD, HEAD


def turn_rotation(weight: torch.Tensor, head_dim: int) -> torch.Tensor:
    """Negate the second half of each head's rows of a query or key matrix (heads * D, C).

    nanochat rotates by minus the angle, Llama and NeoX by plus. With these rows negated in both
    matrices the usual rotation gives nanochat's queries and keys but for the sign of their second
    halves, which cancels in every product. Doing it twice undoes it.
    """
    heads = weight.view(-1, 2, head_dim // 2, weight.size(1)).clone()
    heads[:, 1].neg_()
    return heads.view_as(weight)


def describe_model(
    config: GPTConfig, special: Mapping[str, int], model_type: str, dtype: str, origin: Mapping
) -> dict[str, Any]:
    """Return config.json; `special` maps special tokens' names to ids, `origin` says what it is."""
    return {
        "architectures": [ARCHITECTURES[model_type]],
        "model_type": model_type,
        **{theirs: getattr(config, ours) for ours, theirs in SHAPE_FIELDS.items()},
        "intermediate_size": 4 * config.n_embd,
        "rms_norm_eps": NORM_EPS,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROTARY_BASE},
        **CONSTANTS,
        "attention_dropout": 0.0,
        "bos_token_id": special["<|bos|>"],
        "eos_token_id": special["<|assistant_end|>"],
        # Explicitly none: the row of a padding id would get no gradient in any fine-tuning, and the
        # class's own default is id 1.
        "pad_token_id": None,
        "dtype": dtype,
        MARKER: dict(origin),
    }


def describe_generation(special: Mapping[str, int]) -> dict[str, Any]:
    """Return generation_config.json: nanochat's stops, and the terminal chat's way of sampling."""
    return {
        "bos_token_id": special["<|bos|>"],
        "eos_token_id": [special["<|assistant_end|>"], special["<|bos|>"]],
        "pad_token_id": special["<|bos|>"],
        "do_sample": True,
        "temperature": 0.6,
        "top_k": 50,
    }


def parse_config(document: Any, path: str) -> tuple[GPTConfig, str]:
    """Return the model's shape and model type from a config.json; `vocab_size` may be padded.

    Raises UserError naming the model type, field or value that is not a nanochat model's.
    """
    if not isinstance(document, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(document).__name__}")
    model_type = document.get("model_type")
    if model_type not in list(ARCHITECTURES):  # it may be anything, hashable or not
        raise UserError(
            f"{path}: the model type is {model_type!r}; only {MODEL_TYPE} models can be imported"
        )
    refuse_later_architecture(document, path)
    fields = {ours: document.get(theirs) for ours, theirs in SHAPE_FIELDS.items()}
    if fields["n_kv_head"] is None:
        fields["n_kv_head"] = fields["n_head"]
    missing = [SHAPE_FIELDS[name] for name, value in fields.items() if value is None]
    if missing:
        raise UserError(f"{path}: missing: {', '.join(missing)}")
    try:
        config = GPTConfig(**fields)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    problems = [*_differences(document, config)]
    if problems:
        raise UserError(f"{path}: not nanochat's architecture: {'; '.join(problems)}")
    return config, model_type


def _differences(document: Mapping[str, Any], config: GPTConfig) -> Iterator[str]:
    """Say which of a configuration's values make it another architecture."""
    expected = {
        **CONSTANTS,
        "intermediate_size": 4 * config.n_embd,
        "head_dim": config.head_dim,
        "quantization_config": None,
        "rope_scaling": None,
        "rope_theta": ROTARY_BASE,
    }
    rope = document.get("rope_parameters") or {}
    for name, value in expected.items():
        found = document.get(name, value)
        if found != value and found is not None:
            yield f"{name} is {found!r:.60}, expected {value!r}"
    if not isinstance(rope, dict) or rope.get("rope_type", "default") != "default":
        yield f"rope_parameters is {rope!r:.60}, expected the type 'default'"
    elif rope.get("rope_theta", ROTARY_BASE) != ROTARY_BASE:
        yield f"rope_theta is {rope['rope_theta']!r:.60}, expected {ROTARY_BASE}"
    epsilon = document.get("rms_norm_eps", NORM_EPS)
    if not isinstance(epsilon, float) or not 0 <= epsilon <= LARGEST_NORM_EPS:
        yield f"rms_norm_eps is {epsilon!r:.60}, expected about {NORM_EPS:.1e}"
