"""The comparison of an export with its checkpoint, against a forward pass written out plainly."""

import pytest
import torch
from safetensors.torch import load_file

from nanochat.gpt import GPT
from nanochat.hub.interchange.export import export_model
from nanochat.hub.interchange.parity import LogitComparison, Parity, usual_rotation_logits


def usual_forward(weights, config, ids):
    """Logits (B, T, V) of an `hf-llama-rope` export by Llama's rotation, written out plainly."""
    heads, kv_heads, size = config.n_head, config.n_kv_head, config.head_dim

    def norm(x):
        return x / (x.square().mean(-1, keepdim=True) + 2.0**-23).sqrt()

    def rotated(x_TD):
        angles = torch.arange(len(x_TD))[:, None] / 10000 ** (torch.arange(size // 2) * 2 / size)
        first, second = x_TD.chunk(2, dim=-1)
        return torch.cat(
            (
                first * angles.cos() - second * angles.sin(),
                second * angles.cos() + first * angles.sin(),
            ),
            dim=-1,
        )

    def attention(x, prefix):
        q, k, v = (x @ weights[f"{prefix}.self_attn.{name}_proj.weight"].T for name in "qkv")
        mixed = []
        for head in range(heads):
            shared = head // (heads // kv_heads)
            one_q = norm(rotated(q[:, head * size : (head + 1) * size]))
            one_k = norm(rotated(k[:, shared * size : (shared + 1) * size]))
            scores = one_q @ one_k.T / size**0.5
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
            mixed.append(scores.softmax(-1) @ v[:, shared * size : (shared + 1) * size])
        return torch.cat(mixed, -1) @ weights[f"{prefix}.self_attn.o_proj.weight"].T

    def one_row(row):
        x = norm(weights["model.embed_tokens.weight"][row])
        for layer in range(config.n_layer):
            prefix = f"model.layers.{layer}"
            x = x + attention(norm(x), prefix)
            hidden = (norm(x) @ weights[f"{prefix}.mlp.fc1.weight"].T).relu().square()
            x = x + hidden @ weights[f"{prefix}.mlp.fc2.weight"].T
        return 15 * torch.tanh(norm(x) @ weights["lm_head.weight"].T / 15)

    return torch.stack([one_row(row) for row in ids])


def test_the_turned_export_is_exact_under_llamas_rotation(tmp_path, checkpoint, world_model):
    out = str(tmp_path / "out")
    export_model("sft", out, format="hf-llama-rope", dtype="float32", check=False)
    weights = load_file(f"{out}/model.safetensors")
    ids = torch.randint(1000, (2, 48), generator=torch.Generator().manual_seed(1))
    exact = GPT(world_model.config)
    exact.load_state_dict(world_model.state_dict())
    exact.init_rotary(torch.float32)
    with torch.no_grad():
        ours = exact(ids)
        plain = usual_forward(weights, world_model.config, ids)
        assert (plain - ours).abs().max() < 1e-4
        assert (usual_rotation_logits(out, ids) - ours).abs().max() < 1e-5
        untouched = {name: tensor.clone() for name, tensor in weights.items()}
        untouched["model.layers.0.self_attn.q_proj.weight"].neg_()
        assert (usual_forward(untouched, world_model.config, ids) - ours).abs().max() > 0.1


@pytest.mark.parametrize(
    ("largest", "strings", "chats", "problem"),
    [
        (1e-6, 5, 3, None),
        (0.01, 5, 3, "logits differ by 1.0e-02 (exact)"),
        (float("nan"), 5, 3, "logits differ by nan"),
        (0.0, 4, 3, "1 of 5 strings"),
        (0.0, 5, 1, "2 of 3 conversations"),
    ],
)
def test_what_counts_as_a_difference(largest, strings, chats, problem):
    loose = LogitComparison("with bf16 tables", 0.5, 0.9)
    exact = LogitComparison("exact", largest, 1.0)
    found = Parity("a program", 8, [exact, loose], strings, 5, chats, 3).problem()
    assert found is None if problem is None else problem in found


def test_logits_are_compared_by_value_and_by_arg_max():
    ours = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]])
    theirs = torch.tensor([[[1.0, 1.5], [0.0, 0.5]]])
    found = LogitComparison.of("x", ours, theirs)
    assert (found.largest, found.same_argmax) == (3.0, 0.5)
