import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nanochat.report.metrics import MetricsWriter, plain, read_metrics

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_each_record_is_on_disk_before_the_next_call(tmp_path):
    path = tmp_path / "new" / "metrics.jsonl"
    writer = MetricsWriter(path)
    writer.log({"step": 0, "loss": 1.5})
    assert read_metrics(path) == [{"step": 0, "loss": 1.5}]
    writer.log({"step": 1})
    assert [record["step"] for record in read_metrics(path)] == [0, 1]
    writer.finish()
    writer.finish()


def test_not_a_number_becomes_null_and_tensors_become_numbers(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.log(
            {
                "nan": math.nan,
                "inf": [math.inf, -math.inf],
                "scalar": torch.tensor(2.0),
                "bad": torch.tensor(math.nan),
                "matrix": torch.eye(2, dtype=torch.int64),
                "path": tmp_path,
            }
        )
    record = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert record == {
        "nan": None,
        "inf": [None, None],
        "scalar": 2.0,
        "bad": None,
        "matrix": [[1, 0], [0, 1]],
        "path": str(tmp_path),
    }


@pytest.mark.parametrize("cut", [1, 5, 12, 100_000])
def test_a_cut_last_line_is_dropped_and_appending_goes_on(tmp_path, cut):
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.log({"step": 0})
        writer.log({"step": 1, "text": "x" * 200_000})
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_metrics(path) == [{"step": 0}]
    with MetricsWriter(path) as writer:
        writer.log({"step": 2})
    assert read_metrics(path) == [{"step": 0}, {"step": 2}]


def test_a_file_without_any_whole_line_starts_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0')
    with MetricsWriter(path) as writer:
        writer.log({"step": 1})
    assert read_metrics(path) == [{"step": 1}]


def test_no_path_means_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with MetricsWriter(None) as writer:
        writer.log({"step": 0})
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=3), max_size=5))
def test_whatever_is_logged_reads_back_as_its_plain_form(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        for record in records:
            writer.log(record)
    assert read_metrics(path) == json.loads(json.dumps(plain(records)))
