"""Loaders against their plain twins, resumed at every batch, over more than one epoch."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.data.loaders import (
    PackedChatLoader,
    PaddedChatLoader,
    PretrainLoader,
    _TokenStream,
    tokenizing_distributed_data_loader_with_state,
)
from nanochat.distributed import Dist, single

TEXTS = [f"document {i} says " + "word " * (i % 7) for i in range(40)]


def write_shards(directory, texts=TEXTS, files=2, group=4):
    directory.mkdir(parents=True, exist_ok=True)
    per_file = -(-len(texts) // files)
    for index in range(files):
        table = pa.table({"text": texts[index * per_file : (index + 1) * per_file]})
        path = directory / f"shard_{index:05d}.parquet"
        parquet.write_table(table, path, row_group_size=group)
    parquet.write_table(pa.table({"text": ["held out text"]}), directory / "shard_01822.parquet")


@pytest.fixture
def shards(base_dir):
    write_shards(base_dir / "base_data")


class Chats:
    """Conversations of growing length, the last of which is longer than a row."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        question = {"role": "user", "content": f"question {index}"}
        answer = {"role": "assistant", "content": "yes " * (1 + 9 * index)}
        return {"messages": [question, answer]}


def rank(number, world_size):
    return Dist(number, number, world_size, torch.device("cpu"))


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    takes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
)
def test_token_stream_cuts_without_loss_and_resumes_anywhere(lengths, takes):
    counter = itertools.count()
    documents = [({"doc": i}, [next(counter) for _ in range(n)]) for i, n in enumerate(lengths)]
    endless = [ids for _ in range(200) for _, ids in documents]
    expected = iter(np.concatenate(endless))
    stream = _TokenStream(itertools.cycle(documents))
    for count in takes:
        assert stream.take(count).tolist() == [next(expected) for _ in range(count)]
        place = stream.position
        rest = itertools.cycle(documents[place["doc"] :] + documents[: place["doc"]])
        resumed = _TokenStream(rest, place["token_offset"])
        following = _peek(stream, documents)
        assert resumed.take(5).tolist() == following


def _peek(stream, documents):
    place = stream.position
    tokens = []
    order = documents[place["doc"] :] + documents[: place["doc"]]
    for _, ids in itertools.islice(itertools.cycle(order), 20):
        tokens += ids
    return tokens[place["token_offset"] :][:5]


def test_pretraining_batches_are_the_documents_in_order(shards, tiny_tokenizer):
    bos = tiny_tokenizer.get_bos_token_id()
    plain = [token for _ in range(3) for text in TEXTS for token in [bos, *tiny_tokenizer(text)]]
    loader = PretrainLoader(tiny_tokenizer, 2, 8, "train", tokenizer_batch_size=3)
    for batch, start in zip(loader, range(0, len(plain) - 17, 17), strict=False):
        assert batch.inputs.shape == batch.targets.shape == (2, 8)
        assert batch.inputs.flatten().tolist() == plain[start : start + 16]
        assert batch.targets.flatten().tolist() == plain[start + 1 : start + 17]


def test_pretraining_goes_on_after_the_last_file(shards, tiny_tokenizer):
    loader = PretrainLoader(tiny_tokenizer, 4, 64, "train")
    progress = [next(loader).progress for _ in range(40)]
    assert progress == sorted(progress) and progress[-1] > 2


@settings(max_examples=15)
@given(stop=st.integers(1, 60))
def test_pretraining_resumes_with_exactly_the_next_batch(tmp_path_factory, tiny_tokenizer, stop):
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.mktemp("base")
        patch.setenv("NANOCHAT_BASE_DIR", str(base))
        write_shards(base / "base_data")
        loader = PretrainLoader(tiny_tokenizer, 2, 16, "train")
        state = [next(loader) for _ in range(stop)][-1].state
        resumed = PretrainLoader(tiny_tokenizer, 2, 16, "train", state=state)
        for _ in range(3):
            assert torch.equal(next(loader).inputs, next(resumed).inputs)


def test_the_originals_state_continues_at_the_next_row_group(shards, tiny_tokenizer):
    loader = PretrainLoader(tiny_tokenizer, 1, 8, "train", state={"pq_idx": 0, "rg_idx": 1})
    text = tiny_tokenizer.decode(next(loader).inputs[0].tolist()[1:])
    assert TEXTS[8].startswith(text)


def test_ranks_share_the_row_groups(shards, tiny_tokenizer):
    first, second = (PretrainLoader(tiny_tokenizer, 1, 8, "train", rank(r, 2)) for r in (0, 1))
    decode = [tiny_tokenizer.decode(next(x).inputs[0].tolist()[1:]) for x in (first, second)]
    assert TEXTS[0].startswith(decode[0]) and TEXTS[4].startswith(decode[1])


def test_more_ranks_than_row_groups_is_an_error_not_a_hang(base_dir, tiny_tokenizer):
    write_shards(base_dir / "base_data", TEXTS[:2], files=1)
    with pytest.raises(UserError, match="too few row groups"):
        next(PretrainLoader(tiny_tokenizer, 1, 8, "train", rank(1, 2)))


def test_contract_loader_yields_state(shards, tiny_tokenizer, base_dir):
    tiny_tokenizer.save(str(base_dir / "tokenizer"))
    loader = tokenizing_distributed_data_loader_with_state(2, 8, "val", device="cpu")
    inputs, targets, state = next(loader)
    assert inputs.dtype == torch.int64 and targets.shape == (2, 8)
    assert state["pq_idx"] == 0 and state["rg_idx"] == 0


def test_packed_chats_train_on_everything_and_cross_rows(tiny_tokenizer):
    chats = Chats()
    plain = [t for i in range(7) for t in tiny_tokenizer.render_conversation(chats[i], 64)[0]]
    loader = PackedChatLoader(chats, tiny_tokenizer, 2, 8, max_tokens=64)
    for start in (0, 17, 34):
        batch = next(loader)
        assert batch.inputs.flatten().tolist() == plain[start : start + 16]
        assert (batch.targets >= 0).all()


def test_packed_chats_can_take_loss_on_the_assistant_only(tiny_tokenizer):
    rendered = [tiny_tokenizer.render_conversation(Chats()[i], 64) for i in range(7)]
    ids = [token for tokens, _ in rendered for token in tokens]
    mask = [bit for _, bits in rendered for bit in bits]
    loader = PackedChatLoader(Chats(), tiny_tokenizer, 2, 8, max_tokens=64, assistant_only=True)
    for start in (0, 17, 34):
        batch = next(loader)
        assert batch.inputs.flatten().tolist() == ids[start : start + 16]
        wanted = [ids[i] if mask[i] else -1 for i in range(start + 1, start + 17)]
        assert batch.targets.flatten().tolist() == wanted


@pytest.mark.parametrize("kind", ["packed", "padded", "sorted"])
def test_chat_loaders_resume_exactly_across_epochs(kind, tiny_tokenizer):
    def make(state=None):
        if kind == "packed":
            return PackedChatLoader(Chats(), tiny_tokenizer, 2, 8, max_tokens=64, state=state)
        group = 4 if kind == "sorted" else 1
        return PaddedChatLoader(Chats(), tiny_tokenizer, 3, max_tokens=64, group=group, state=state)

    batches = list(itertools.islice(make(), 60))
    assert batches[-1].progress > 1
    for stop in (0, 1, 5, 17, 40):
        resumed = make(batches[stop].state)
        for expected in batches[stop + 1 : stop + 4]:
            batch = next(resumed)
            assert torch.equal(batch.inputs, expected.inputs)
            assert torch.equal(batch.targets, expected.targets)


def test_padded_chats_take_loss_on_the_assistant_only(tiny_tokenizer):
    loader = PaddedChatLoader(Chats(), tiny_tokenizer, 3, single(), max_tokens=64)
    batch = next(loader)
    end = tiny_tokenizer.encode_special("<|assistant_end|>")
    for row in range(3):
        ids, mask = tiny_tokenizer.render_conversation(Chats()[row], 64)
        length = len(ids) - 1
        assert batch.inputs[row, :length].tolist() == ids[:-1]
        assert (batch.inputs[row, length:] == end).all()
        wanted = [t if m else -1 for t, m in zip(ids[1:], mask[1:], strict=True)]
        assert batch.targets[row, :length].tolist() == wanted
        assert (batch.targets[row, length:] == -1).all()


def test_sorting_a_group_changes_its_order_only(tiny_tokenizer):
    def group(size):
        loader = PaddedChatLoader(Chats(), tiny_tokenizer, 2, max_tokens=64, group=size)
        return [next(loader) for _ in range(4)]

    def rows(batches):
        pairs = [pair for b in batches for pair in zip(b.inputs, b.targets, strict=True)]
        return sorted(
            [(int(i), int(t)) for i, t in zip(inputs, targets, strict=True) if t >= 0]
            for inputs, targets in pairs
        )

    plain, grouped = group(1), group(4)
    assert rows(grouped) == rows(plain)
    widths = [batch.inputs.size(1) for batch in grouped]
    assert widths == sorted(widths, reverse=True)
    assert sum(widths) < sum(batch.inputs.size(1) for batch in plain)
    assert grouped[-1].progress == plain[-1].progress
    assert grouped[-1].state == plain[-1].state


def test_long_chats_are_cut_not_kept_for_ever(tiny_tokenizer):
    loader = PaddedChatLoader(Chats(), tiny_tokenizer, 1, max_tokens=20)
    lengths = [next(loader).inputs.size(1) for _ in range(14)]
    assert max(lengths) == 19


def test_ranks_take_alternate_rows(tiny_tokenizer):
    loaders = [PaddedChatLoader(Chats(), tiny_tokenizer, 1, rank(r, 2)) for r in (0, 1)]
    for index in range(3):
        for r, loader in enumerate(loaders):
            expected = tiny_tokenizer.render_conversation(Chats()[2 * index + r])[0][:-1]
            assert next(loader).inputs[0].tolist() == expected


def test_fewer_rows_than_processes_is_an_error(tiny_tokenizer):
    with pytest.raises(UserError, match="fewer than 8 processes"):
        PaddedChatLoader(Chats(), tiny_tokenizer, 1, rank(0, 8))


def test_shards_that_arrive_later_do_not_move_the_place(shards, base_dir, tiny_tokenizer):
    loader = PretrainLoader(tiny_tokenizer, 1, 8, "train")
    while (batch := next(loader)).state["file"] != "shard_00001.parquet":
        pass
    (base_dir / "base_data" / "shard_00000.parquet").unlink()
    resumed = PretrainLoader(tiny_tokenizer, 1, 8, "train", state=batch.state)
    assert torch.equal(next(loader).inputs, next(resumed).inputs)
    gone = {**batch.state, "file": "shard_00000.parquet"}
    with pytest.raises(UserError, match="which is no longer in"):
        next(PretrainLoader(tiny_tokenizer, 1, 8, "train", state=gone))
