"""Token ids in, token ids out: generation with a key/value cache and the calculator tool.

    engine = Engine(model, tokenizer)
    for column, masks in engine.generate(prompt_ids, num_samples=4, max_tokens=100): ...
    sequences, masks = engine.generate_batch(prompt_ids, num_samples=4, max_tokens=100)
    completions = engine.generate_many(list_of_prompts, max_tokens=100)

The tokenizer serves only for special ids and the tool. A prompt longer than the model's
`sequence_len` is refused; a prompt and answer together never exceed it: generation simply ends
there, as if `max_tokens` had been smaller.

Legend: B rows, V vocabulary.
"""

from collections.abc import Iterator, Sequence

import torch

from nanochat.common import UserError
from nanochat.infer.kv_cache import KVCache, RaggedKVCache
from nanochat.infer.sampling import check_sampling, sample_next_token
from nanochat.infer.tool_state import RowState, ToolTokens
from nanochat.tools.calculator import use_calculator

__all__ = ["Engine", "KVCache", "sample_next_token", "use_calculator"]


class Engine:
    """Generates with a model that has `.config`, `.get_device()`, `.forward(ids, kv_cache=...)`."""

    def __init__(self, model, tokenizer):
        self.model = model
        self.tokenizer = tokenizer
        self._tool_tokens = ToolTokens(tokenizer)

    @property
    def end_tokens(self) -> frozenset[int]:
        """The ids that end a row: `<|assistant_end|>` and bos."""
        return self._tool_tokens.ends

    def generate(
        self,
        tokens: Sequence[int],
        num_samples: int = 1,
        max_tokens: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 42,
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Continue one prompt in `num_samples` rows; yield (token column, mask column) per step.

        The mask is 1 where the token was sampled, 0 where the tool forced it. A row ends with its
        first id in `end_tokens`, which is yielded; what ended rows yield later is to be ignored.
        Ends when all rows have, or after `max_tokens` steps (None: up to the context). Raises
        UserError at once for a prompt that is empty or too long and for impossible settings.
        """
        check_sampling(temperature, top_k)
        steps = self._steps_left(tokens, max_tokens)
        if num_samples < 1:
            raise UserError(f"num_samples must be at least 1, got {num_samples}")
        return self._generate(list(tokens), num_samples, steps, temperature, top_k, seed)

    def generate_batch(
        self, tokens: Sequence[int], num_samples: int = 1, *, include_end: bool = False, **options
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return (sequences, masks) of `num_samples` rows: the prompt followed by the answer.

        Masks are 1 for sampled ids, 0 for the prompt and forced ids. The id that ended a row is
        left out, or with `include_end` kept (mask 1), as reinforcement learning needs it to
        train stopping. `options` are those of `generate`.
        """
        steps = self.generate(tokens, num_samples, **options)
        sequences = [list(tokens) for _ in range(num_samples)]
        masks = [[0] * len(tokens) for _ in range(num_samples)]
        going = set(range(num_samples))
        for column, column_masks in steps:
            for row in list(going):
                ended = column[row] in self.end_tokens
                if ended:
                    going.remove(row)
                if include_end or not ended:
                    sequences[row].append(column[row])
                    masks[row].append(column_masks[row])
        return sequences, masks

    def generate_many(
        self,
        prompts: Sequence[Sequence[int]],
        max_tokens: int | None = None,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 42,
        batch_size: int = 16,
    ) -> list[list[int]]:
        """Return one completion per prompt: ids without the prompt and without the ending id.

        Up to `batch_size` prompts of any length are decoded together. At temperature 0 the result
        is that of one prompt at a time; above it, draws depend on `batch_size` as well as `seed`.
        Raises UserError like `generate`, before any work is done.
        """
        stream = self.stream_many(prompts, max_tokens, temperature, top_k, seed, batch_size)
        completions = dict(stream)
        return [completions[index] for index in range(len(prompts))]

    def stream_many(
        self,
        prompts: Sequence[Sequence[int]],
        max_tokens: int | None = None,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 42,
        batch_size: int = 16,
    ) -> Iterator[tuple[int, list[int]]]:
        """Yield (index of the prompt, completion) of `generate_many` as each one is finished."""
        check_sampling(temperature, top_k)
        if batch_size < 1:
            raise UserError(f"batch_size must be at least 1, got {batch_size}")
        jobs = [
            _Row(index, list(prompt), self._steps_left(prompt, max_tokens, f"prompt {index}"))
            for index, prompt in enumerate(prompts)
        ]
        return self._stream_many(jobs, temperature, top_k, seed, batch_size)

    def _steps_left(
        self, tokens: Sequence[int], max_tokens: int | None, name: str = "the prompt"
    ) -> int:
        """Return how many tokens may follow the prompt; UserError for a prompt that cannot be."""
        if len(tokens) == 0 or not all(isinstance(token, int) for token in tokens):
            raise UserError(f"{name} must be a non-empty list of token ids, got {tokens!r:.60}")
        if max_tokens is not None and max_tokens < 0:
            raise UserError(f"max_tokens must be 0 or more, got {max_tokens}")
        context = self.model.config.sequence_len
        room = context - len(tokens)
        if room < 0:
            raise UserError(
                f"{name} has {len(tokens)} tokens, but the model's context is {context}; shorten it"
            )
        return room if max_tokens is None else min(room, max_tokens)

    @torch.inference_mode()
    def _generate(self, tokens, num_samples, steps, temperature, top_k, seed):
        if steps == 0:
            return
        rng = self._generator(seed)
        cache = self._new_cache(KVCache, num_samples, len(tokens) + steps)
        prompt_cache, logits_BV = self._prefill(tokens)
        cache.prefill(prompt_cache)
        del prompt_cache
        # expanded before sampling, so that the rows' first tokens are drawn independently too
        logits_BV = logits_BV.expand(num_samples, -1)
        states = [RowState(self._tool_tokens) for _ in range(num_samples)]
        column: list[int] = []
        for step in range(steps):
            if step > 0:
                logits_BV = self._decode(column, cache)
            sampled = sample_next_token(logits_BV, rng, temperature, top_k)[:, 0].tolist()
            taken = [state.advance(token) for state, token in zip(states, sampled, strict=True)]
            column = [token for token, _ in taken]
            yield column, [mask for _, mask in taken]
            if all(state.finished for state in states):
                return

    @torch.inference_mode()
    def _stream_many(self, jobs, temperature, top_k, seed, batch_size):
        waiting = iter(jobs)
        longest = max((len(job.prompt) + job.steps for job in jobs), default=0)
        cache = self._new_cache(RaggedKVCache, min(batch_size, max(len(jobs), 1)), longest)
        rng = self._generator(seed)
        rows: list[_Row] = []  # in the order of the cache's rows
        logits: list[torch.Tensor] = []  # pieces that together are (B, V), in the same order
        while True:
            while len(rows) < batch_size and (row := next(waiting, None)) is not None:
                if row.steps == 0:
                    yield row.index, []
                    continue
                prompt_cache, row_logits = self._prefill(row.prompt)
                cache.add_row(prompt_cache)
                row.state = RowState(self._tool_tokens)
                rows.append(row)
                logits.append(row_logits)
            if not rows:
                return
            sampled = sample_next_token(torch.cat(logits), rng, temperature, top_k)[:, 0].tolist()
            # from the end, because a dropped row is replaced by the last one
            for number in reversed(range(len(rows))):
                row = rows[number]
                if row.take(sampled[number]):
                    yield row.index, row.completion
                    cache.drop_row(number)
                    rows[number] = rows[-1]
                    rows.pop()
            logits = [self._decode([row.completion[-1] for row in rows], cache)] if rows else []

    def _generator(self, seed: int) -> torch.Generator:
        return torch.Generator(device=self.model.get_device()).manual_seed(seed)

    def _new_cache(self, kind: type[KVCache], batch_size: int, seq_len: int) -> KVCache:
        config = self.model.config
        head_dim = config.n_embd // config.n_head
        return kind(batch_size, config.n_kv_head, seq_len, head_dim, config.n_layer)

    def _prefill(self, tokens: list[int]) -> tuple[KVCache, torch.Tensor]:
        """Run a prompt once; return its cache of one row and the last logits, (1, V)."""
        cache = self._new_cache(KVCache, 1, len(tokens))
        ids = torch.tensor([tokens], dtype=torch.long, device=self.model.get_device())
        # a copy, so that the logits of the whole prompt are freed
        return cache, self.model.forward(ids, kv_cache=cache)[:, -1].clone()

    def _decode(self, column: list[int], cache: KVCache) -> torch.Tensor:
        """Append one token to every row of the cache; return the next logits, (B, V)."""
        ids = torch.tensor(column, dtype=torch.long, device=self.model.get_device())
        return self.model.forward(ids[:, None], kv_cache=cache)[:, -1]


class _Row:
    """One prompt on its way through `stream_many`."""

    def __init__(self, index: int, prompt: list[int], steps: int):
        self.index, self.prompt, self.steps = index, prompt, steps
        self.state: RowState | None = None
        self.completion: list[int] = []

    def take(self, sampled: int) -> bool:
        """Append what follows; return whether the row is finished."""
        token, _ = self.state.advance(sampled)
        if not self.state.finished:
            self.completion.append(token)
        return self.state.finished or len(self.completion) == self.steps
