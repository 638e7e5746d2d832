"""Which shards are train and val, and reading them."""

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.data.shards import (
    VALIDATION_SHARD,
    downloads_in_progress,
    index_to_filename,
    is_whole,
    list_parquet_files,
    parquets_iter_batched,
    split_files,
    without_gaps,
)


def write(path, texts, group=2, column="text"):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({column: texts})
    pyarrow.parquet.write_table(table, path, row_group_size=group)


@pytest.fixture
def shards(base_dir):
    """Write shards with the given indices; document texts tell shard and place."""

    def put(*indices):
        for index in indices:
            texts = [f"{index}-{i}" for i in range(5)]
            write(base_dir / "base_data" / index_to_filename(index), texts)

    return put


def names(paths):
    return [path.rsplit("/", 1)[1] for path in paths]


def test_the_validation_shard_is_fixed(shards):
    shards(0, 1, 1822)
    assert names(split_files("train")) == ["shard_00000.parquet", "shard_00001.parquet"]
    assert names(split_files("val")) == [VALIDATION_SHARD] == ["shard_01822.parquet"]
    shards(2, 7)
    assert names(split_files("val")) == [VALIDATION_SHARD]
    assert len(split_files("train")) == 4


def test_an_inherited_directory_uses_its_last_file(shards):
    shards(0, 1, 2)
    assert names(split_files("train")) == ["shard_00000.parquet", "shard_00001.parquet"]
    assert names(split_files("val")) == ["shard_00002.parquet"]


def test_a_file_that_sorts_after_the_validation_shard_is_for_training(shards, base_dir):
    shards(0, 1822)
    write(base_dir / "base_data" / "zebra.parquet", ["mine"])
    assert names(split_files("train")) == ["shard_00000.parquet", "zebra.parquet"]
    assert names(split_files("val")) == [VALIDATION_SHARD]


@pytest.mark.parametrize("indices", [(), (0,), (1822,)])
def test_fewer_than_two_shards(shards, indices):
    shards(*indices)
    for split in ("train", "val"):
        with pytest.raises(UserError, match=rf"found {len(indices)}.*nanochat\.dataset -n 8"):
            split_files(split)
        with pytest.raises(UserError, match="at least two"):
            next(parquets_iter_batched(split))


def test_unknown_split(shards):
    with pytest.raises(UserError, match="'train' or 'val', got 'test'"):
        split_files("test")


def test_only_finished_files_are_listed(shards, base_dir):
    shards(3, 0)
    directory = base_dir / "base_data"
    assert not downloads_in_progress()
    (directory / "shard_00001.parquet.abc.tmp").touch()
    (directory / "corpus.json").touch()
    assert names(list_parquet_files()) == ["shard_00000.parquet", "shard_00003.parquet"]
    assert list_parquet_files(str(directory)) == list_parquet_files()
    assert list_parquet_files(str(base_dir / "nowhere")) == []
    assert downloads_in_progress()


def test_iteration_by_row_groups(shards):
    shards(0, 1, 1822)
    assert list(parquets_iter_batched("train")) == [
        [f"{index}-{i}" for i in group] for index in (0, 1) for group in ((0, 1), (2, 3), (4,))
    ]
    assert list(parquets_iter_batched("val")) == [
        ["1822-0", "1822-1"],
        ["1822-2", "1822-3"],
        ["1822-4"],
    ]


@given(world_size=st.integers(1, 5))
def test_ranks_share_the_row_groups_without_overlap(tmp_path_factory, world_size):
    path = tmp_path_factory.mktemp("shards") / "a.parquet"
    write(path, [str(i) for i in range(13)])
    files = [str(path), str(path)]
    shares = [
        [
            text
            for group in parquets_iter_batched("train", rank, world_size, files)
            for text in group
        ]
        for rank in range(world_size)
    ]
    assert sorted(text for share in shares for text in share) == sorted(
        [str(i) for i in range(13)] * 2
    )


def test_damaged_files(shards, base_dir):
    shards(0, 1, 1822)
    path = base_dir / "base_data" / "shard_00000.parquet"
    assert is_whole(path) and not is_whole(base_dir)
    whole = path.read_bytes()
    for damaged in (b"", b"PAR1", whole[:-1], b"<html>" + whole[6:]):
        path.write_bytes(damaged)
        assert not is_whole(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"shard_00000\.parquet is not a whole parquet file"):
        next(parquets_iter_batched("train"))
    write(path, ["a"], column="content")
    with pytest.raises(UserError, match="expected a column 'text', found content"):
        next(parquets_iter_batched("train"))
    write(path, pyarrow.array([], pyarrow.string()))
    with pytest.raises(UserError, match="holds no documents"):
        next(parquets_iter_batched("train"))


def test_what_comes_before_the_first_gap():
    def paths(*indices):
        return [f"/data/{index_to_filename(index)}" for index in indices]

    assert without_gaps(paths(0, 1, 2)) == paths(0, 1, 2)
    assert without_gaps(paths(0, 1, 3, 4)) == paths(0, 1)
    assert without_gaps(paths(1, 2)) == []
    assert without_gaps(["/data/a.parquet", *paths(0, 2)]) == ["/data/a.parquet", *paths(0)]
