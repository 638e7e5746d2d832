"""Keys and values of positions already computed, so that a new token costs one position.

Legend: L layers, B batch rows, G key/value heads, T new positions, S all positions including the
new ones, D head size.

`KVCache` holds rows that advance together (one prompt, many samples). `RaggedKVCache` holds rows
at positions of their own (many prompts decoded together). Both serve the model the same way:
`get_pos()` and `attention_mask(T)` before the layers run, `insert_kv(layer, k, v)` in each layer;
the position advances after the last layer.
"""

import torch

GROWTH = 1024  # a full cache becomes (needed + GROWTH) long, rounded up to a multiple of GROWTH
TIME = 4  # axis of the storage


class KVCache:
    """Cache of `batch_size` rows at one common position.

    `num_heads` counts key/value heads. The storage `kv_cache`, (L, 2, B, G, time, D), is allocated
    by the first insertion with the dtype and device of its keys, and grows when `seq_len` is full.
    """

    def __init__(
        self, batch_size: int, num_heads: int, seq_len: int, head_dim: int, num_layers: int
    ):
        self.kv_shape = (num_layers, 2, batch_size, num_heads, seq_len, head_dim)
        self.kv_cache: torch.Tensor | None = None
        self.pos = 0

    def get_pos(self) -> int:
        """Return the number of positions filled, which is the position of the next token."""
        return self.pos

    def reset(self) -> None:
        """Forget the contents; the storage is kept for reuse."""
        self.pos = 0

    def attention_mask(self, T: int) -> torch.Tensor | str | None:
        """Say what T new positions may see: None (all), "causal", or bool (T, S), True = may see.

        A chunk sees the whole prefix and is causal inside itself.
        """
        if T == 1:
            return None
        if self.pos == 0:
            return "causal"
        positions = torch.arange(self.pos + T, device=self.kv_cache.device)
        return positions <= positions[self.pos :, None]

    def insert_kv(
        self, layer_idx: int, k_BGTD: torch.Tensor, v_BGTD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new keys and values; return views (B, G, S, D) of all up to and including them."""
        self._check_rows(k_BGTD, rows=self.kv_shape[2])
        end = self.pos + k_BGTD.size(2)
        self._reserve(end, like=k_BGTD)
        keys, values = self.kv_cache[layer_idx]
        keys[:, :, self.pos : end] = k_BGTD
        values[:, :, self.pos : end] = v_BGTD
        if layer_idx == self.kv_shape[0] - 1:
            self.pos = end
        return keys[:, :, :end], values[:, :, :end]

    def prefill(self, other: "KVCache") -> None:
        """Take over another cache of one row (copied to every row) or of equally many rows.

        Raises ValueError if this cache is not empty or the shapes do not fit.
        """
        if self.pos != 0:
            raise ValueError(f"prefill needs an empty cache, this one holds {self.pos} positions")
        _check_source(other, self.kv_shape, rows=(1, self.kv_shape[2]))
        if other.pos > 0:
            filled = other.kv_cache[..., : other.pos, :]
            self._reserve(other.pos, like=filled)
            self.kv_cache[..., : other.pos, :] = filled
        self.pos = other.pos

    def _check_rows(self, k_BGTD: torch.Tensor, rows: int) -> None:
        """Refuse a shape that the assignment into the storage would silently broadcast."""
        expected = (rows, self.kv_shape[3], k_BGTD.size(2), self.kv_shape[5])
        if k_BGTD.shape != expected:
            raise ValueError(
                f"expected keys shaped (rows, heads, new, head size) {expected}, "
                f"got {tuple(k_BGTD.shape)}"
            )

    def _reserve(self, length: int, like: torch.Tensor) -> None:
        """Allocate the storage, or make it longer by copying, so that `length` positions fit."""
        old = self.kv_cache
        if old is not None and length <= old.size(TIME):
            return
        capacity = self.kv_shape[TIME]
        if length > capacity:
            capacity = -(-(length + GROWTH) // GROWTH) * GROWTH
            self.kv_shape = (*self.kv_shape[:TIME], capacity, self.kv_shape[TIME + 1])
        # zeros, because a masked position still meets the softmax: 0 * NaN would be NaN
        self.kv_cache = torch.zeros(self.kv_shape, dtype=like.dtype, device=like.device)
        if old is not None:
            self.kv_cache[..., : old.size(TIME), :] = old


class RaggedKVCache(KVCache):
    """Cache of up to `batch_size` rows, each at its own position.

    Rows are the numbers 0 ... num_rows-1: `add_row` appends one, `drop_row` closes the gap with
    the last one, so that no work is done for rows that have ended.
    """

    def __init__(
        self, batch_size: int, num_heads: int, seq_len: int, head_dim: int, num_layers: int
    ):
        super().__init__(batch_size, num_heads, seq_len, head_dim, num_layers)
        self.lengths: list[int] = []
        self._pos_B: torch.Tensor | None = None  # the lengths on the device, made when asked for

    @property
    def num_rows(self) -> int:
        return len(self.lengths)

    def get_pos(self) -> torch.Tensor:
        """Return each row's position: int64 (B,)."""
        if self._pos_B is None:
            device = None if self.kv_cache is None else self.kv_cache.device
            self._pos_B = torch.tensor(self.lengths, dtype=torch.long, device=device)
        return self._pos_B

    def reset(self) -> None:
        """Drop every row; the storage is kept for reuse."""
        self.lengths, self._pos_B = [], None

    def attention_mask(self, T: int) -> torch.Tensor | None:
        """Say what T new positions of each row may see: bool (B, 1, T, S), or None for all."""
        if T == 1 and len(set(self.lengths)) <= 1:
            return None
        pos_B = self.get_pos()
        queries_BT = pos_B[:, None] + torch.arange(T, device=pos_B.device)
        keys_S = torch.arange(max(self.lengths) + T, device=pos_B.device)
        return keys_S <= queries_BT[:, None, :, None]

    def insert_kv(
        self, layer_idx: int, k_BGTD: torch.Tensor, v_BGTD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new entries at each row's position; return (B, G, S, D) up to the longest row."""
        rows, T = self.num_rows, k_BGTD.size(2)
        self._check_rows(k_BGTD, rows)
        end = max(self.lengths) + T
        self._reserve(end, like=k_BGTD)
        pos_B = self.get_pos()
        row_index = torch.arange(rows, device=pos_B.device)[:, None]
        time_index = pos_B[:, None] + torch.arange(T, device=pos_B.device)
        keys, values = self.kv_cache[layer_idx, :, :rows]
        keys[row_index, :, time_index] = k_BGTD.transpose(1, 2)
        values[row_index, :, time_index] = v_BGTD.transpose(1, 2)
        if layer_idx == self.kv_shape[0] - 1:
            self.lengths = [length + T for length in self.lengths]
            self._pos_B = pos_B + T
        return keys[:, :, :end], values[:, :, :end]

    def prefill(self, other: KVCache) -> None:
        """Not for ragged rows: see `add_row`."""
        raise NotImplementedError("a ragged cache is filled row by row: use add_row")

    def add_row(self, prompt: KVCache) -> int:
        """Append a row with the contents of a one-row cache; return its number.

        Raises ValueError if all `batch_size` rows are in use or the shapes do not fit.
        """
        row = self.num_rows
        if row == self.kv_shape[2]:
            raise ValueError(f"all {row} rows of the cache are in use; drop one first")
        _check_source(prompt, self.kv_shape, rows=(1,))
        if prompt.pos > 0:
            filled = prompt.kv_cache[..., : prompt.pos, :]
            self._reserve(prompt.pos, like=filled)
            self.kv_cache[:, :, row, :, : prompt.pos] = filled[:, :, 0]
        self.lengths.append(prompt.pos)
        self._pos_B = None
        return row

    def drop_row(self, row: int) -> None:
        """Remove a row; the last row takes its number."""
        last = self.num_rows - 1
        if not 0 <= row <= last:
            raise ValueError(f"expected a row from 0 to {last}, got {row}")
        length = self.lengths[last]
        if row != last and self.kv_cache is not None:
            self.kv_cache[:, :, row, :, :length] = self.kv_cache[:, :, last, :, :length]
        self.lengths[row] = length
        self.lengths.pop()
        self._pos_B = None


def _check_source(other: KVCache, shape: tuple[int, ...], rows: tuple[int, ...]) -> None:
    """Raise ValueError unless `other` can be copied into a storage of `shape`."""
    layers, _, other_rows, heads, length, head_dim = other.kv_shape
    own = (shape[0], shape[3], shape[5])
    if (layers, heads, head_dim) != own:
        raise ValueError(
            f"expected a cache with (layers, heads, head size) {own}, got {layers, heads, head_dim}"
        )
    if other_rows not in rows:
        raise ValueError(
            f"expected a cache of {' or '.join(map(str, rows))} rows, got {other_rows}"
        )
    if length > shape[TIME]:
        raise ValueError(
            f"a cache of {length} positions does not fit into one of {shape[TIME]}; build it longer"
        )
