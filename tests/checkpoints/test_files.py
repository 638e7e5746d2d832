"""Which checkpoint is chosen, what is printed, and what is said when there is none."""

import datetime
import json

import pytest

from nanochat.checkpoints.files import (
    STAGE_DIRS,
    choose_checkpoint,
    list_checkpoints,
    list_steps,
    read_meta,
    to_json,
)
from nanochat.common import UserError
from nanochat.gpt import GPTConfig


@pytest.fixture
def put(base_dir):
    """Make an empty checkpoint: put("sft", "d4", 100, finished="12:00")."""

    def put(source, tag, step, finished=None, meta=True):
        directory = base_dir / STAGE_DIRS[source] / tag
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"model_{step:06d}.pt").touch()
        content = {"finished_at": f"2026-01-02T{finished}:00+00:00"} if finished else {}
        if meta:
            (directory / f"meta_{step:06d}.json").write_text(json.dumps(content))
        return directory

    return put


def chosen(source="sft", tag=None, step=None):
    info = choose_checkpoint(source, tag, step)
    return info.tag, info.step


def test_the_newest_by_recorded_time_wins_over_depth_and_step(put):
    put("sft", "d20", 900, "10:00")
    put("sft", "d4", 100, "12:00")
    put("sft", "d4", 300, "11:00")
    put("sft", "d34", 700)  # nothing recorded
    assert chosen() == ("d4", 100)
    assert chosen(tag="d34") == ("d34", 700)
    assert chosen(step=300) == ("d4", 300)
    assert chosen(tag="d4", step=300) == ("d4", 300)


def test_times_of_different_zones_are_compared_as_times(put, base_dir):
    directory = put("sft", "a", 1, "12:00")
    put("sft", "a", 2)
    early = {"finished_at": "2026-01-02T13:30:00+02:00"}  # 11:30 UTC
    (directory / "meta_000002.json").write_text(json.dumps(early))
    assert chosen() == ("a", 1)
    info = list_checkpoints("sft")[1]
    assert info.finished_at.utcoffset() == datetime.timedelta(hours=2)


def test_without_times_the_deepest_model_and_its_highest_step(put):
    for step in (999_999, 1_000_000, 5):  # as text the first would be the largest
        put("base", "d9", step)
    put("base", "d10", 7)
    put("base", "d99-test", 8)
    put("base", "d10x", 9)
    assert chosen("base") == ("d10", 7)
    assert chosen("base", tag="d9") == ("d9", 1_000_000)


def test_without_depths_the_directory_changed_last(put):
    import os

    old, new = put("base", "mine", 5), put("base", "yours", 3)
    os.utime(old, (1000, 1000))
    os.utime(new, (2000, 2000))
    assert chosen("base") == ("yours", 3)


def test_the_choice_and_the_alternatives_are_printed(put, capsys):
    put("sft", "d4", 100, "12:00")
    put("sft", "d4", 50, "11:00")
    put("sft", "d6", 7, "10:00")
    choose_checkpoint("sft")
    out = capsys.readouterr().out
    assert "sft d4 step 100, chosen automatically: the newest, finished 2026-01-02 12:00:00" in out
    assert "d4 step 50" in out and "d6 step 7" in out and "--model_tag" in out
    choose_checkpoint("sft", "d6", 7)
    assert capsys.readouterr().out.startswith("checkpoint: sft d6 step 7, as asked")


def test_missing_tag_or_step_lists_what_exists(put):
    put("sft", "d4", 100, "12:00")
    put("sft", "d6", 7, "12:00")
    with pytest.raises(UserError, match=r"tag 'd5'.*there are: d4 step 100; d6 step 7"):
        choose_checkpoint("sft", "d5")
    with pytest.raises(UserError, match=r"no sft checkpoint of step 7 .*d4 step 100"):
        choose_checkpoint("sft", "d4", 7)
    with pytest.raises(UserError, match=r"unknown source 'stf'.*base, mid, sft, rl"):
        choose_checkpoint("stf")


@pytest.mark.parametrize(
    ("source", "command"), [("base", "base_train"), ("mid", "mid_train"), ("sft", "chat_sft")]
)
def test_nothing_found_names_directory_and_command(source, command):
    with pytest.raises(UserError, match=rf"{STAGE_DIRS[source]}.*python -m scripts\.{command}"):
        choose_checkpoint(source)


def test_a_model_without_meta_is_no_checkpoint_but_mentioned(put):
    put("mid", "d4", 10, meta=False)
    with pytest.raises(UserError, match=r"no complete checkpoint.*incomplete.*model_000010\.pt"):
        choose_checkpoint("mid")
    put("mid", "d4", 9)
    assert chosen("mid") == ("d4", 9)
    with pytest.raises(UserError, match=r"of step 10 .*d4 step 9.*incomplete.*model_000010"):
        choose_checkpoint("mid", "d4", 10)


def test_only_exact_names_count(put, base_dir):
    directory = put("sft", "d4", 100)
    for name in (
        "model_700.pt",
        "model_0000700.pt",
        "model_000700.pt.abc.tmp",
        "model_latest.pt",
        "xmodel_000700.pt",
        "model_00070٣.pt",
    ):
        (directory / name).touch()
    (base_dir / STAGE_DIRS["sft"] / "notes.txt").touch()
    (base_dir / STAGE_DIRS["sft"] / "d7").mkdir()
    assert list_steps(directory) == [100]
    assert [(info.tag, info.step) for info in list_checkpoints()] == [("d4", 100)]


def test_list_checkpoints_covers_all_stages_in_order(put):
    put("rl", "d4", 3)
    put("base", "d4", 20)
    put("base", "d4", 10)
    found = [(info.source, info.step) for info in list_checkpoints()]
    assert found == [("base", 10), ("base", 20), ("rl", 3)]
    assert list_checkpoints("mid") == []


def test_one_damaged_meta_does_not_hide_the_others(put):
    directory = put("sft", "d4", 100, "12:00")
    put("sft", "d4", 200)
    (directory / "meta_000200.json").write_text('{"finished_at": "2026-01-')
    assert chosen() == ("d4", 100)
    with pytest.raises(UserError, match=r"meta_000200\.json is not valid JSON"):
        read_meta(directory, 200)


@pytest.mark.parametrize("time", [17, None, "yesterday", "", [], "2026-13-45"])
def test_an_unreadable_time_counts_as_none(put, time):
    directory = put("sft", "d4", 100, "01:00")
    put("sft", "d4", 200)
    (directory / "meta_000200.json").write_text(json.dumps({"finished_at": time}))
    assert chosen() == ("d4", 100)


def test_meta_reads_infinity_and_takes_the_step_from_the_name(tmp_path):
    path = tmp_path / "meta_000012.json"
    path.write_text('{"loop_state": {"min_val_bpb": Infinity}, "val_bpb": NaN}')
    meta = read_meta(tmp_path, 12)
    assert meta["step"] == 12 and meta["loop_state"]["min_val_bpb"] == float("inf")
    path.write_text('{"step": 11}')
    assert read_meta(tmp_path, 12)["step"] == 11
    path.write_text("[1]")
    with pytest.raises(UserError, match="expected a JSON object"):
        read_meta(tmp_path, 12)
    with pytest.raises(UserError, match=r"meta_000013\.json is missing"):
        read_meta(tmp_path, 13)


def test_meta_writes_null_for_what_json_does_not_have():
    config = GPTConfig(16, 300, 1, 1, 1, 8)
    meta = {"a": float("nan"), "b": [float("-inf"), (1.5, None)], "model_config": config}
    assert json.loads(to_json(meta)) == {
        "a": None,
        "b": [None, [1.5, None]],
        "model_config": {
            "sequence_len": 16,
            "vocab_size": 300,
            "n_layer": 1,
            "n_head": 1,
            "n_kv_head": 1,
            "n_embd": 8,
        },
    }
    assert to_json({"a": 1}) == '{\n  "a": 1\n}\n'
