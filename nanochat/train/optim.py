"""AdamW for embedding and head, Muon for the matrices; state sharded over ranks.

A step has three phases, so that clipping sees the same gradient on every rank:
`reduce_gradients` (average over ranks; each rank keeps its share), clip, `step` (update the own
share, gather the rest). With one process the first phase is a no-op.

Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon. AdamW: Loshchilov & Hutter 2019.
"""

from collections import defaultdict

import torch
import torch.distributed as torch_distributed
from torch import Tensor

from nanochat.common import UserError
from nanochat.distributed import Dist

NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def _average_over_ranks(tensors: list[Tensor], dist: Dist) -> None:
    """All-reduce in place to the mean; every reduction is started before the first is awaited."""
    pending = [torch_distributed.all_reduce(tensor, async_op=True) for tensor in tensors]
    for work, tensor in zip(pending, tensors, strict=True):
        work.wait()
        tensor.div_(dist.world_size)


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Quintic Newton-Schulz iteration on (..., rows, cols): singular values go to about 0.5 .. 1.5.

    In bf16 on CUDA; elsewhere in fp32, since processors without bf16 units emulate it slowly.
    """
    a, b, c = NEWTON_SCHULZ_COEFFICIENTS
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, then orthogonalised update, for 2-D weights; groups are formed by shape.

    With W ranks, the tensor at position i of its group belongs to rank i mod W, which alone keeps
    its momentum. `m <- mu m + (1-mu) g`, `u = (1-mu) g + mu m` (Nesterov),
    `W <- W - lr sqrt(max(1, rows/cols)) NS(u)`.
    """

    def __init__(self, params, dist: Dist, lr=0.02, momentum=0.95, nesterov=True, ns_steps=5):
        self.dist = dist
        by_shape = defaultdict(list)
        for parameter in params:
            by_shape[tuple(parameter.shape)].append(parameter)
        groups = [{"params": by_shape[shape]} for shape in sorted(by_shape)]
        defaults = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps}
        super().__init__(groups, defaults)

    def _owned(self, group) -> list[Tensor]:
        return group["params"][self.dist.rank :: self.dist.world_size]

    def reduce_gradients(self) -> list[Tensor]:
        """Average gradients over ranks; return those this rank owns."""
        if self.dist.world_size > 1:
            everything = [p.grad for group in self.param_groups for p in group["params"]]
            _average_over_ranks(everything, self.dist)
        return [p.grad for group in self.param_groups for p in self._owned(group)]

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            owned = self._owned(group)
            if owned:
                self._update(group, owned)
        if self.dist.world_size > 1:
            self._share()

    def _update(self, group, params: list[Tensor]) -> None:
        momentum = group["momentum"]
        for parameter in params:
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter.grad)
        gradients = torch.stack([p.grad for p in params])
        buffers = torch.stack([self.state[p]["momentum_buffer"] for p in params])
        buffers.lerp_(gradients, 1 - momentum)
        direction = gradients.lerp_(buffers, momentum) if group["nesterov"] else buffers
        update = orthogonalize(direction, group["ns_steps"])
        rows, cols = params[0].shape
        scale = -group["lr"] * max(1.0, rows / cols) ** 0.5
        for index, parameter in enumerate(params):
            self.state[parameter]["momentum_buffer"].copy_(buffers[index])
            parameter.add_(update[index].to(parameter.dtype), alpha=scale)

    def _share(self) -> None:
        """Send every updated tensor from its owner to all other ranks."""
        world_size = self.dist.world_size
        pending = [
            torch_distributed.broadcast(parameter.data, src=index % world_size, async_op=True)
            for group in self.param_groups
            for index, parameter in enumerate(group["params"])
        ]
        for work in pending:
            work.wait()


class ShardedAdamW(torch.optim.Optimizer):
    """AdamW whose moments are split over W ranks along dimension 0, which W must divide."""

    def __init__(self, param_groups, dist: Dist, lr, betas, eps, weight_decay):
        self.dist = dist
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(param_groups, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.size(0) % dist.world_size != 0:
                    raise UserError(
                        f"{parameter.size(0)} rows cannot be split over {dist.world_size} "
                        "processes; use 1, 2, 4, 8, 16, 32 or 64 processes"
                    )

    def _slice(self, tensor: Tensor) -> Tensor:
        return tensor.chunk(self.dist.world_size)[self.dist.rank]

    def reduce_gradients(self) -> list[Tensor]:
        """Average gradients over ranks; return this rank's slices."""
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        _average_over_ranks(gradients, self.dist)
        return [self._slice(gradient) for gradient in gradients]

    @torch.no_grad()
    def step(self):
        pending = []
        for group in self.param_groups:
            for parameter in group["params"]:
                mine = self._slice(parameter)
                self._update(group, parameter, mine)
                shares = list(parameter.data.chunk(self.dist.world_size))
                pending.append(torch_distributed.all_gather(shares, mine.clone(), async_op=True))
        for work in pending:
            work.wait()

    def _update(self, group, parameter: Tensor, mine: Tensor) -> None:
        gradient = self._slice(parameter.grad)
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["exp_avg"] = torch.zeros_like(mine)
            state["exp_avg_sq"] = torch.zeros_like(mine)
        beta1, beta2 = group["betas"]
        state["step"] += 1
        step = state["step"].item()
        mine.mul_(1 - group["lr"] * group["weight_decay"])
        state["exp_avg"].lerp_(gradient, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        step_size = group["lr"] * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        denominator = state["exp_avg_sq"].sqrt().add_(group["eps"])
        mine.addcdiv_(state["exp_avg"], denominator, value=-step_size)


class SingleAdamW(torch.optim.AdamW):
    """The framework's fused AdamW with the phases of this module."""

    def reduce_gradients(self) -> list[Tensor]:
        return [p.grad for group in self.param_groups for p in group["params"]]


class Optimizers:
    """[AdamW, Muon] behind one step: the only optimizer the training loop sees."""

    def __init__(
        self,
        model,
        dist: Dist,
        *,
        unembedding_lr: float,
        embedding_lr: float,
        matrix_lr: float,
        weight_decay: float = 0.0,
        init_lr_frac: float = 1.0,
    ):
        self.dist = dist
        width_scale = (model.config.n_embd / 768) ** -0.5
        head, embedding = model.lm_head.weight, model.transformer.wte.weight
        groups = [
            {"params": [head], "lr": unembedding_lr * width_scale * init_lr_frac},
            {"params": [embedding], "lr": embedding_lr * width_scale * init_lr_frac},
        ]
        settings = {"lr": 0.0, "betas": (0.8, 0.95), "eps": 1e-10, "weight_decay": weight_decay}
        if dist.world_size == 1:
            self.adamw = SingleAdamW(groups, fused=dist.device_type != "mps", **settings)
        else:
            self.adamw = ShardedAdamW(groups, dist, **settings)
        self.muon = Muon(model.transformer.h.parameters(), dist, lr=matrix_lr * init_lr_frac)
        for group in self._groups():
            group["initial_lr"] = group["lr"]

    def _groups(self):
        return [*self.adamw.param_groups, *self.muon.param_groups]

    def step(
        self, lr_multiplier: float, momentum: float | None = None, grad_clip: float = 0.0
    ) -> float:
        """Average, clip, update, clear. Returns the norm of the averaged gradient before clipping.

        The norm costs a pass over all gradients, so it is only taken when `grad_clip` > 0 (else 0).
        """
        for group in self._groups():
            group["lr"] = group["initial_lr"] * lr_multiplier
        if momentum is not None:
            for group in self.muon.param_groups:
                group["momentum"] = momentum
        gradients = self.adamw.reduce_gradients() + self.muon.reduce_gradients()
        norm = self._clip(gradients, grad_clip) if grad_clip > 0 else 0.0
        self.adamw.step()
        self.muon.step()
        self.adamw.zero_grad(set_to_none=True)
        self.muon.zero_grad(set_to_none=True)
        return norm

    def _clip(self, gradients: list[Tensor], grad_clip: float) -> float:
        squares = torch.stack([gradient.float().square().sum() for gradient in gradients]).sum()
        norm = self.dist.all_reduce_sum(squares).sqrt().item()
        if norm > grad_clip:
            for gradient in gradients:
                gradient.mul_(grad_clip / (norm + 1e-6))
        return norm

    def state_dict(self) -> list[dict]:
        """This rank's share: [AdamW, Muon]."""
        return [self.adamw.state_dict(), self.muon.state_dict()]

    def load_state_dicts(self, ranks: list[list[dict]]) -> None:
        """Take the shares of all ranks that wrote them, in rank order, and keep the own part.

        The number of ranks may differ from today's. Raises UserError if tensors do not fit.
        """
        self._load_adamw([share[0] for share in ranks])
        self._load_muon([share[1] for share in ranks])

    def _load_adamw(self, ranks: list[dict]) -> None:
        for index, group in enumerate(self.adamw.param_groups):
            (parameter,) = group["params"]
            shares = [share["state"][index] for share in ranks]
            state = {"step": shares[0]["step"].clone()}
            for moment in ("exp_avg", "exp_avg_sq"):
                full = torch.cat([share[moment] for share in shares])
                _check_shape(full, parameter)
                if isinstance(self.adamw, ShardedAdamW):
                    full = self.adamw._slice(full)
                # a copy: the fused kernel updates in place what the caller may still hold
                state[moment] = full.to(parameter.device, copy=True)
            if isinstance(self.adamw, ShardedAdamW):
                state["step"] = state["step"].to("cpu", torch.int64)
            else:
                state["step"] = state["step"].to(parameter.device, torch.float32)
            self.adamw.state[parameter] = state

    def _load_muon(self, ranks: list[dict]) -> None:
        buffers = defaultdict(list)
        for group in ranks[0]["param_groups"]:
            for position, index in enumerate(group["params"]):
                owner = ranks[position % len(ranks)]["state"]
                if index not in owner:
                    raise UserError("the optimizer files do not hold every momentum buffer")
                buffer = owner[index]["momentum_buffer"]
                buffers[tuple(buffer.shape)].append(buffer)
        for group in self.muon.param_groups:
            shape = tuple(group["params"][0].shape)
            if len(buffers[shape]) != len(group["params"]):
                raise UserError(
                    f"expected {len(group['params'])} momentum buffers of shape {shape}, "
                    f"the optimizer files hold {len(buffers[shape])}"
                )
            owned = {id(parameter) for parameter in self.muon._owned(group)}
            for parameter, buffer in zip(group["params"], buffers[shape], strict=True):
                if id(parameter) in owned:
                    copy = buffer.to(parameter.device, copy=True)
                    self.muon.state[parameter] = {"momentum_buffer": copy}


def _check_shape(tensor: Tensor, parameter: Tensor) -> None:
    if tensor.shape != parameter.shape:
        raise UserError(
            f"the optimizer files hold moments of shape {tuple(tensor.shape)}, "
            f"the model has {tuple(parameter.shape)}"
        )
