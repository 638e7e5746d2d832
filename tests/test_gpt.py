"""The model against a plain twin written from the formulas, its shapes, its start, its errors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.gpt import GPT, NORM_EPS, GPTConfig, norm

SHAPES = {
    "plain": GPTConfig(16, 50, 2, 4, 4, 32),
    "grouped-query": GPTConfig(16, 50, 2, 4, 2, 32),
    "one key head": GPTConfig(16, 50, 3, 6, 1, 24),
    "padded vocabulary": GPTConfig(8, 130, 1, 2, 2, 12),
}


def random_model(config, seed=0):
    """A model in which nothing is zero or small, so that no mistake can hide."""
    torch.manual_seed(seed)
    model = GPT(config)
    model.init_weights()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=parameter.size(-1) ** -0.5)
        model.lm_head.weight.normal_(std=2.0)  # logits that the cap bends
    return model.eval()


def random_ids(config, *shape, seed=1):
    return torch.randint(config.vocab_size, shape, generator=torch.Generator().manual_seed(seed))


# -- shape ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "width", "heads", "parameters", "flops"),
    [
        (4, 256, 2, 36_700_160, "1.447e+08"),
        (12, 768, 6, 185_597_952, "1.038e+09"),
        (20, 1280, 10, 560_988_160, "3.492e+09"),
        (26, 1664, 13, 1_081_999_360, "6.901e+09"),
        (32, 2048, 16, 1_879_048_192, "1.208e+10"),
        (34, 2176, 17, 2_217_082_880, "1.427e+10"),
    ],
)
def test_depth_sets_the_size(depth, width, heads, parameters, flops):
    config = GPTConfig.from_depth(depth, 2048, 65536)
    with torch.device("meta"):
        model = GPT(config)
    assert (config.n_layer, config.n_embd) == (depth, width)
    assert (config.n_head, config.n_kv_head, config.head_dim) == (heads, heads, 128)
    assert model.num_parameters() == parameters
    assert f"{model.estimate_flops():.3e}" == flops


@pytest.mark.parametrize(
    ("depth", "heads", "head_dim"), [(1, 1, 64), (5, 2, 160), (11, 8, 88), (33, 16, 132)]
)
def test_heads_of_odd_depths(depth, heads, head_dim):
    config = GPTConfig.from_depth(depth, 2048, 65536)
    assert (config.n_head, config.head_dim) == (heads, head_dim)


def test_width_and_head_size_can_be_chosen():
    assert GPTConfig.from_depth(4, 256, 2048, head_dim=64).n_head == 4
    config = GPTConfig.from_depth(3, 256, 2048, aspect_ratio=96, head_dim=32)
    assert (config.n_embd, config.n_head, config.n_layer) == (288, 9, 3)


def test_every_depth_has_a_shape():
    for depth in range(1, 80):
        config = GPTConfig.from_depth(depth, 1024, 65536)
        assert config.n_embd % config.n_head == 0
        assert 64 <= config.head_dim <= 192


def test_flops_count_matrices_with_padding_but_not_the_embedding():
    model = random_model(SHAPES["padded vocabulary"])  # 130 ids in 192 rows, C 12, H 2, D 6, T 8
    matrices = 4 * 12 * 12 + 2 * 4 * 12 * 12 + 192 * 12
    assert model.estimate_flops() == 6 * matrices + 12 * 1 * 2 * 6 * 8


def test_names_order_and_shapes_are_those_of_the_files():
    model = random_model(SHAPES["grouped-query"])  # C 32, H 4, G 2, D 8
    per_layer = {
        "attn.c_q": (32, 32),
        "attn.c_k": (16, 32),
        "attn.c_v": (16, 32),
        "attn.c_proj": (32, 32),
        "mlp.c_fc": (128, 32),
        "mlp.c_proj": (32, 128),
    }
    expected = {"transformer.wte.weight": (64, 32)}
    for layer in range(2):
        for name, shape in per_layer.items():
            expected[f"transformer.h.{layer}.{name}.weight"] = shape
    expected["lm_head.weight"] = (64, 32)
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert list(found.items()) == list(expected.items())


# -- the forward pass against a plain twin ---------------------------------------------------------


def plain_norm(x):
    return x / (x.pow(2).mean(-1, keepdim=True) + 2.0**-23).sqrt()


def plain_rotation(x_TD):
    half = x_TD.size(-1) // 2
    frequencies = 10000.0 ** (-2.0 * torch.arange(half, dtype=torch.float64) / x_TD.size(-1))
    angles = (torch.arange(x_TD.size(0))[:, None] * frequencies).float()
    cos, sin = (table.bfloat16().double() for table in (angles.cos(), angles.sin()))
    first, second = x_TD[:, :half], x_TD[:, half:]
    return torch.cat([first * cos + second * sin, -first * sin + second * cos], dim=1)


def plain_attention(x_TC, weights, config):
    """One query head and one position at a time."""
    D, heads = config.head_dim, []
    for head in range(config.n_head):
        shared = head // (config.n_head // config.n_kv_head)
        q, k, v = (
            x_TC @ weights[f"attn.c_{name}"][index * D : (index + 1) * D].T
            for name, index in (("q", head), ("k", shared), ("v", shared))
        )
        q, k = plain_norm(plain_rotation(q)), plain_norm(plain_rotation(k))
        rows = [(k[: t + 1] @ q[t] / D**0.5).softmax(0) @ v[: t + 1] for t in range(x_TC.size(0))]
        heads.append(torch.stack(rows))
    return torch.cat(heads, dim=1) @ weights["attn.c_proj"].T


def plain_forward(model, ids):
    """Logits (T, V) of one sequence in double precision."""
    weights = {name: tensor.double() for name, tensor in model.state_dict().items()}
    x = plain_norm(weights["transformer.wte.weight"][ids])
    for layer in range(model.config.n_layer):
        prefix = f"transformer.h.{layer}."
        block = {
            name.removeprefix(prefix).removesuffix(".weight"): tensor
            for name, tensor in weights.items()
            if name.startswith(prefix)
        }
        x = x + plain_attention(plain_norm(x), block, model.config)
        hidden = (plain_norm(x) @ block["mlp.c_fc"].T).clamp(min=0) ** 2
        x = x + hidden @ block["mlp.c_proj"].T
    logits = plain_norm(x) @ weights["lm_head.weight"].T
    return 15 * torch.tanh(logits[:, : model.config.vocab_size] / 15)


@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_forward_equals_the_plain_twin(shape):
    model = random_model(SHAPES[shape])
    ids = random_ids(model.config, 2, 9)
    logits = model(ids)
    expected = torch.stack([plain_forward(model, row) for row in ids])
    assert logits.dtype == torch.float32
    assert expected.abs().max() > 8  # or else the cap would not be seen
    torch.testing.assert_close(logits.double(), expected, rtol=1e-5, atol=1e-4)


@torch.no_grad()
def test_later_positions_are_rotated_further():
    model = random_model(SHAPES["plain"])
    ids = random_ids(model.config, 1, 40)  # 2.5 times the context, within the table
    expected = plain_forward(model, ids[0])
    torch.testing.assert_close(model(ids)[0].double(), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norm_is_computed_in_fp32_with_its_own_eps(dtype):
    assert NORM_EPS == 2.0**-23
    x = torch.tensor([[3e-4, -2e-4, 1e-4, 0.0], [3.0, -4.0, 5.0, 1.0]], dtype=dtype)
    expected = plain_norm(x.double()).to(dtype)
    assert norm(x).dtype == dtype
    torch.testing.assert_close(norm(x), expected, rtol=1e-6, atol=0)


@torch.no_grad()
def test_cap_and_loss_are_fp32_under_mixed_precision():
    model = random_model(SHAPES["plain"])
    ids = random_ids(model.config, 2, 8)
    exact, exact_loss = model(ids), model(ids, ids)
    model.transformer.wte.bfloat16()  # as on a GPU: the whole residual stream is bf16 then
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, loss = model(ids), model(ids, ids)
    assert logits.dtype == loss.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
    assert (logits - exact).abs().mean() < 0.5
    assert loss.item() == pytest.approx(exact_loss.item(), rel=0.1)


@torch.no_grad()
def test_grouped_query_equals_repeated_key_heads():
    grouped = random_model(SHAPES["grouped-query"])
    full = random_model(SHAPES["plain"])
    weights = grouped.state_dict()
    for name, tensor in weights.items():
        if name.endswith(("c_k.weight", "c_v.weight")):
            weights[name] = tensor.view(2, 8, 32).repeat_interleave(2, dim=0).reshape(32, 32)
    full.load_state_dict(weights)
    ids = random_ids(full.config, 2, 10)
    torch.testing.assert_close(grouped(ids), full(ids), rtol=1e-5, atol=1e-5)


@settings(max_examples=30)
@given(st.data())
@torch.no_grad()
def test_later_tokens_change_nothing_before_them(data):
    model = random_model(SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))])
    tokens = st.integers(0, model.config.vocab_size - 1)
    T = data.draw(st.integers(2, 12))
    ids = data.draw(st.lists(tokens, min_size=T, max_size=T))
    place = data.draw(st.integers(1, T - 1))
    other = data.draw(st.lists(tokens, min_size=T - place, max_size=T - place))
    before, after = (model(torch.tensor([row])) for row in (ids, ids[:place] + other))
    torch.testing.assert_close(before[0, :place], after[0, :place], rtol=1e-4, atol=1e-4)
    shorter = model(torch.tensor([ids[:place]]))
    torch.testing.assert_close(before[0, :place], shorter[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_every_earlier_token_is_seen_and_rows_are_independent():
    model = random_model(SHAPES["plain"])
    ids = random_ids(model.config, 3, 8)
    changed = ids.clone()
    changed[1, 2] = (changed[1, 2] + 1) % model.config.vocab_size
    difference = (model(ids) - model(changed)).abs().amax(-1)
    assert (difference[1, 2:] > 1e-3).all()
    assert difference[[0, 2]].max() < 1e-5


# -- loss -----------------------------------------------------------------------------------------


@torch.no_grad()
def test_loss_reductions_ignore_masked_targets():
    model = random_model(SHAPES["plain"])
    ids, targets = random_ids(model.config, 2, 6), random_ids(model.config, 2, 6, seed=2)
    targets[0, 1] = targets[1, 3:] = -1
    log_probabilities = model(ids).double().log_softmax(-1)
    nats = [
        0.0 if target < 0 else -log_probabilities[row, t, target].item()
        for row in range(2)
        for t, target in enumerate(targets[row].tolist())
    ]
    assert model(ids, targets, loss_reduction="none").tolist() == pytest.approx(nats, rel=1e-5)
    assert model(ids, targets, loss_reduction="sum").item() == pytest.approx(sum(nats), rel=1e-5)
    assert model(ids, targets).item() == pytest.approx(sum(nats) / 8, rel=1e-5)


@torch.no_grad()
def test_there_are_no_logits_where_nothing_is_to_be_predicted():
    model = random_model(SHAPES["plain"])
    ids, targets = random_ids(model.config, 2, 6), random_ids(model.config, 2, 6, seed=2)
    targets[0, 1] = targets[1, 3:] = -1
    rows = []
    model.lm_head.register_forward_hook(
        lambda module, inputs, logits: rows.append(logits[..., 0].numel())
    )
    for reduction in ("sum", "mean", "none"):
        model(ids, targets, loss_reduction=reduction)
    assert rows == [8, 8, 12]
    nothing = torch.full_like(targets, -1)
    assert model(ids, nothing, loss_reduction="sum").item() == 0


@torch.no_grad()
def test_nothing_to_learn_sums_to_zero():
    model = random_model(SHAPES["plain"])
    ids = random_ids(model.config, 1, 4)
    assert model(ids, torch.full_like(ids, -1), loss_reduction="sum").item() == 0.0


def test_the_vocabulary_is_padded_inside_only():
    config = GPTConfig(8, 1000, 1, 2, 2, 16)
    assert config.vocab_size == 1000 and config.padded_vocab_size == 1024
    assert GPTConfig(8, 1024, 1, 2, 2, 16).padded_vocab_size == 1024
    model = random_model(config)
    ids = random_ids(config, 2, 5)
    before = model(ids)
    assert model.transformer.wte.weight.shape == model.lm_head.weight.shape == (1024, 16)
    assert before.shape == (2, 5, 1000)
    with torch.no_grad():
        model.transformer.wte.weight[1000:] = math.nan
        model.lm_head.weight[1000:] = 1e9
    assert torch.equal(model(ids), before)
    model(ids, ids).backward()
    assert model.lm_head.weight.grad[1000:].abs().max() == 0
    assert torch.isfinite(model.lm_head.weight.grad).all()


# -- initialisation -------------------------------------------------------------------------------


def initialised(config):
    """Built as for a large model: on the meta device, then memory full of NaN."""
    with torch.device("meta"):
        model = GPT(config)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(math.nan)
    torch.manual_seed(3)
    model.init_weights()
    return model


def test_init_leaves_nothing_as_it_was():
    model = initialised(GPTConfig(8, 1000, 2, 2, 1, 64))
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        assert torch.isfinite(tensor).all(), name
    torch.manual_seed(3)
    direct = GPT(model.config)
    torch.manual_seed(3)
    direct.init_weights()
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        assert torch.equal(
            tensor, dict([*direct.named_parameters(), *direct.named_buffers()])[name]
        )


def test_init_draws_from_the_stated_distributions():
    config = GPTConfig(8, 1024, 2, 2, 2, 128)
    model = initialised(config)
    bound = 3**0.5 * 128**-0.5
    assert model.transformer.wte.weight.std().item() == pytest.approx(1.0, rel=0.02)
    assert model.lm_head.weight.std().item() == pytest.approx(0.001, rel=0.02)
    for block in model.transformer.h:
        for linear in (block.attn.c_q, block.attn.c_k, block.attn.c_v, block.mlp.c_fc):
            assert linear.weight.std().item() == pytest.approx(128**-0.5, rel=0.03)
            assert 0.99 * bound < linear.weight.abs().max().item() <= bound
        for linear in (block.attn.c_proj, block.mlp.c_proj):
            assert linear.weight.abs().max().item() == 0
    assert all(module.bias is None for module in model.modules() if hasattr(module, "bias"))


def test_rotary_tables_are_bf16_and_not_stored():
    model = initialised(SHAPES["plain"])  # D 8, context 16
    for name, function in (("cos", torch.cos), ("sin", torch.sin)):
        table = getattr(model, name)
        assert table.dtype == torch.bfloat16 and table.shape == (1, 160, 1, 4)
        frequencies = torch.tensor([1.0, 0.1, 0.01, 0.001])
        expected = function(torch.arange(160.0)[:, None] * frequencies)
        # one rounding to 8 bits, of values up to 1
        assert (table[0, :, 0].float() - expected).abs().max() <= 2**-9 + 1e-4
    assert not {"cos", "sin"} & set(model.state_dict())


def test_rotary_frequencies_are_those_of_other_programs_to_the_last_bit():
    model = initialised(GPTConfig(64, 64, 1, 1, 1, 128))
    model.init_rotary(torch.float32)
    frequencies = 1.0 / 10000.0 ** (torch.arange(0, 128, 2, dtype=torch.float32) / 128)
    angles = torch.arange(640, dtype=torch.float32)[:, None] * frequencies
    assert torch.equal(model.cos[0, :, 0], angles.cos())
    assert torch.equal(model.sin[0, :, 0], angles.sin())
    exact = model.cos
    model.init_rotary()
    assert torch.equal(model.cos, exact.bfloat16())


# -- limits and errors ----------------------------------------------------------------------------


class CacheAt:
    """A cache that stands at a position; the table is looked at before anything is inserted."""

    def __init__(self, position):
        self.position = position

    def get_pos(self):
        return self.position

    def attention_mask(self, T):
        return None

    def insert_kv(self, layer_idx, k, v):
        return k, v


@torch.no_grad()
def test_positions_beyond_the_table_are_an_error():
    model = random_model(GPTConfig(2, 50, 1, 2, 2, 16))  # a table of 20 positions
    ids = random_ids(model.config, 1, 21)
    assert model(ids[:, :20]).shape == (1, 20, 50)
    with pytest.raises(UserError, match="position 21 is beyond the rotary table of 20"):
        model(ids)
    model(ids[:, :1], kv_cache=CacheAt(19))
    with pytest.raises(UserError, match="position 21 is beyond"):
        model(ids[:, :2], kv_cache=CacheAt(19))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_embd": 30, "n_head": 4}, "n_embd=30 is not divisible by n_head=4"),
        ({"n_head": 6, "n_kv_head": 4}, "n_head=6 is not a multiple of n_kv_head=4"),
        ({"n_embd": 18, "n_head": 6}, "head size n_embd/n_head=3 is odd"),
        ({"vocab_size": 0}, "vocab_size must be a positive whole number, got 0"),
        ({"n_layer": -1}, "n_layer must be a positive whole number"),
        ({"sequence_len": 2.5}, "sequence_len must be a positive whole number, got 2.5"),
        ({"n_kv_head": "6"}, "n_kv_head must be a positive whole number, got '6'"),
        ({"n_kv_head": None}, "n_kv_head must be a positive whole number, got None"),
    ],
)
def test_impossible_shapes_are_named(fields, message):
    with pytest.raises(UserError, match=message):
        GPTConfig(**fields)


@pytest.mark.parametrize("depth", [0, -3])
def test_depth_must_be_positive(depth):
    with pytest.raises(UserError, match=f"--depth must be at least 1, got {depth}"):
        GPTConfig.from_depth(depth, 1024, 65536)


# -- naive generation -----------------------------------------------------------------------------


def generated(model, **sampling):
    return list(model.generate([1, 2, 3], 12, **sampling))


def test_temperature_zero_takes_the_likeliest():
    model = random_model(SHAPES["padded vocabulary"])
    ids = [1, 2, 3]
    with torch.no_grad():
        for _ in range(12):
            ids.append(model(torch.tensor([ids]))[0, -1].argmax().item())
    assert generated(model, temperature=0) == ids[3:]
    assert generated(model, temperature=0, top_k=0, seed=7) == ids[3:]
    assert generated(model, temperature=5.0, top_k=1) == ids[3:]


def test_top_k_zero_means_off():
    model = random_model(SHAPES["plain"])
    assert generated(model, top_k=0) == generated(model, top_k=None)
    assert generated(model, top_k=10_000) == generated(model, top_k=None)


def test_top_k_keeps_the_likeliest():
    model = random_model(SHAPES["plain"])
    with torch.no_grad():
        likeliest = model(torch.tensor([[1, 2, 3]]))[0, -1].topk(3).indices.tolist()
    first = {next(model.generate([1, 2, 3], 1, 100.0, 3, seed)) for seed in range(60)}
    assert first == set(likeliest)


def test_the_seed_decides_and_the_global_generator_does_not():
    model = random_model(SHAPES["plain"])
    first = generated(model, seed=1)
    torch.manual_seed(99)
    assert generated(model, seed=1) == first
    assert generated(model, seed=2) != first
    assert generated(model) == generated(model, seed=42, temperature=1.0, top_k=None)


def test_low_temperature_is_closer_to_the_likeliest():
    model = random_model(SHAPES["plain"])
    likeliest = next(model.generate([5], 1, 0.0))
    hits = [
        sum(next(model.generate([5], 1, heat, None, seed)) == likeliest for seed in range(60))
        for heat in (0.3, 3.0, 100.0)
    ]
    assert hits[0] > hits[1] > hits[2]


def test_it_is_lazy_and_stops_at_the_limit():
    model = random_model(SHAPES["plain"])
    assert len(generated(model)) == 12
    assert list(model.generate([1], 0)) == []
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    model.generate([1], 5)  # nothing is computed before the first id is asked for
