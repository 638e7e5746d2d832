"""The optimizers against plain formulas, the framework, and two real processes against one."""

import copy
import json
import subprocess
import sys

import pytest
import torch

from nanochat.common import UserError
from nanochat.distributed import Dist, single
from nanochat.gpt import GPT, GPTConfig
from nanochat.train.optim import Muon, Optimizers, ShardedAdamW, orthogonalize

RATES = {"unembedding_lr": 0.004, "embedding_lr": 0.3, "matrix_lr": 0.02}


def tiny_model(n_kv_head=2):
    torch.manual_seed(0)
    model = GPT(GPTConfig(16, 100, 3, 2, n_kv_head, 32))
    model.init_weights()
    return model


def train(model, optimizers, steps=3, first=0):
    for step in range(first, first + steps):
        ids = torch.arange(step, step + 24).view(2, 12) % 100
        model(ids[:, :-1], ids[:, 1:]).backward()
        optimizers.step(0.9, 0.9, grad_clip=1.0)


def plain_newton_schulz(g):
    x = g / (g.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


@pytest.mark.parametrize("shape", [(8, 8), (32, 8), (8, 32)])
def test_muon_follows_the_formula(shape):
    torch.manual_seed(1)
    weight = torch.randn(shape)
    parameter = torch.nn.Parameter(weight.clone())
    muon = Muon([parameter], single(), lr=0.1, momentum=0.9)
    m = torch.zeros(shape)
    for _ in range(3):
        g = torch.randn(shape)
        parameter.grad = g.clone()
        muon.step()
        m = 0.9 * m + 0.1 * g
        u = 0.1 * g + 0.9 * m
        o = plain_newton_schulz(u.T).T if shape[0] > shape[1] else plain_newton_schulz(u)
        weight = weight - 0.1 * max(1, shape[0] / shape[1]) ** 0.5 * o
    torch.testing.assert_close(parameter.data, weight, rtol=1e-4, atol=1e-5)


def test_orthogonalized_singular_values_are_near_one():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(4, 16, 64)))
    assert values.min() > 0.3 and values.max() < 1.6


def test_sharded_adamw_on_one_rank_equals_the_framework():
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(8, 3)) for _ in range(2))
    settings = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-10, "weight_decay": 0.1}
    # the update alone: with one rank there is nothing to gather
    sharded = ShardedAdamW([{"params": [ours]}], Dist(0, 0, 1, torch.device("cpu")), **settings)
    framework = torch.optim.AdamW([theirs], **settings)
    for _ in range(5):
        ours.grad = torch.randn(8, 3)
        theirs.grad = ours.grad.clone()
        with torch.no_grad():
            sharded._update(sharded.param_groups[0], ours, sharded._slice(ours.data))
        framework.step()
    torch.testing.assert_close(ours.data, theirs.data, rtol=1e-5, atol=1e-6)


def test_clipping_scales_the_update_of_every_tensor():
    model = tiny_model()
    optimizers = Optimizers(model, single(), **RATES)
    ids = torch.arange(24).view(2, 12)
    model(ids[:, :-1], ids[:, 1:]).backward()
    expected = torch.stack([p.grad.norm() for p in model.parameters()]).norm().item()
    grads = [p.grad for p in model.parameters()]
    assert optimizers._clip(grads, 1e-3) == pytest.approx(expected, rel=1e-4)
    clipped = torch.stack([g.norm() for g in grads]).norm().item()
    assert clipped == pytest.approx(1e-3, rel=1e-2)


def test_learning_rates_scale_with_width_and_multiplier():
    model = tiny_model()
    optimizers = Optimizers(model, single(), init_lr_frac=0.5, **RATES)
    scale = (32 / 768) ** -0.5
    lrs = [group["initial_lr"] for group in optimizers.adamw.param_groups]
    assert lrs == pytest.approx([0.002 * scale, 0.15 * scale])
    train(model, optimizers, steps=1)
    assert optimizers.muon.param_groups[0]["lr"] == pytest.approx(0.01 * 0.9)
    assert optimizers.muon.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize("n_kv_head", [2, 1])
def test_state_survives_a_round_trip_bitwise(n_kv_head):
    model = tiny_model(n_kv_head)
    optimizers = Optimizers(model, single(), **RATES)
    train(model, optimizers)
    other = copy.deepcopy(model)
    restored = Optimizers(other, single(), **RATES)
    restored.load_state_dicts([copy.deepcopy(optimizers.state_dict())])
    train(model, optimizers, first=3)
    train(other, restored, first=3)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_state_of_another_model_is_refused():
    optimizers = Optimizers(tiny_model(), single(), **RATES)
    train(optimizers_model := tiny_model(), Optimizers(optimizers_model, single(), **RATES))
    donor = Optimizers(optimizers_model, single(), **RATES)
    train(optimizers_model, donor)
    state = donor.state_dict()
    state[0]["state"][0]["exp_avg"] = torch.zeros(3, 3)
    with pytest.raises(UserError, match="moments of shape"):
        optimizers.load_state_dicts([state])


WORKER = """
import json, sys, torch
from nanochat import distributed
from nanochat.train.optim import Optimizers
sys.path.insert(0, sys.argv[2])
from test_optim import RATES, tiny_model
dist = distributed.init("cpu")
model = tiny_model()
optimizers = Optimizers(model, dist, **RATES)
def train(first):
    for step in range(first, first + 3):
        ids = torch.arange(step, step + 24).view(2, 12) % 100
        mine = ids[dist.rank :: dist.world_size]
        model(mine[:, :-1], mine[:, 1:]).backward()
        optimizers.step(0.9, 0.9, grad_clip=1.0)
train(0)
shares = dist.gather_objects(optimizers.state_dict())
optimizers = Optimizers(model, dist, **RATES)
optimizers.load_state_dicts(shares)
train(3)
if dist.is_main:
    torch.save({"weights": model.state_dict(), "shares": shares}, sys.argv[1])
dist.close()
"""


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """Six updates on two gloo processes, with state saved and reloaded half-way."""
    folder = tmp_path_factory.mktemp("ranks")
    script, result = folder / "worker.py", folder / "result.pt"
    script.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    here = json.dumps(__file__)[1:-1].rsplit("/", 1)[0]
    subprocess.run([*command, str(script), str(result), here], check=True, timeout=120)
    return torch.load(result, weights_only=True)


@pytest.mark.slow
def test_two_ranks_equal_one(two_ranks):
    model = tiny_model()
    optimizers = Optimizers(model, single(), **RATES)
    train(model, optimizers, steps=6)
    for name, weight in model.state_dict().items():
        # Adam and Newton-Schulz magnify rounding where gradients are nearly zero
        difference = (two_ranks["weights"][name] - weight).norm() / weight.norm()
        assert difference < 1e-2, name


@pytest.mark.slow
def test_state_of_two_ranks_loads_on_one(two_ranks):
    model = tiny_model()
    optimizers = Optimizers(model, single(), **RATES)
    optimizers.load_state_dicts(two_ranks["shares"])
    reference_model = tiny_model()
    reference = Optimizers(reference_model, single(), **RATES)
    train(reference_model, reference, steps=3)
    for ours, theirs in zip(model.parameters(), reference_model.parameters(), strict=True):
        for optimizer, other in zip(
            (optimizers.adamw, optimizers.muon), (reference.adamw, reference.muon), strict=True
        ):
            for key, value in optimizer.state.get(ours, {}).items():
                expected = other.state[theirs][key]
                torch.testing.assert_close(value, expected, rtol=1e-2, atol=1e-4)
