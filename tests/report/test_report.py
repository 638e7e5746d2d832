import json
import math
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from nanochat.common import UserError
from nanochat.report import Report, __main__, get_report, machine
from nanochat.report.report import SECTIONS, TIME_FORMAT, bullets, slugify


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Report(tmp_path / "report")


def backdate(report, name, key, **delta):
    """Move a recorded time of day back, as if the step had run earlier."""
    path = os.path.join(report.directory, name)
    with open(path) as file:
        record = json.load(file)
    time = datetime.strptime(record[key], TIME_FORMAT) - timedelta(**delta)
    with open(path, "w") as file:
        json.dump(record | {key: time.strftime(TIME_FORMAT)}, file)


def test_bullets_round_floats_and_separate_thousands():
    items = {"loss": 1.23456, "rows": 9999, "tokens": 10000, "flag": True, "tag": None}
    assert bullets(items) == (
        "- loss: 1.2346\n- rows: 9999\n- tokens: 10,000\n- flag: True\n- tag: None"
    )


def test_a_section_is_markdown_and_the_same_numbers_as_json(report):
    data = ["some text", {}, None, {"loss": math.nan, "steps": 20_000}]
    path = report.log("Chat evaluation sft", data, metrics={"MMLU": 0.25})
    assert path.endswith("report/chat-evaluation-sft.md")
    with open(path) as file:
        text = file.read()
    pattern = (
        r"## Chat evaluation sft\n\ntimestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n\n"
        r"some text\n\n- loss: nan\n- steps: 20,000\n\n- MMLU: 0.2500\n"
    )
    assert re.fullmatch(pattern, text)
    with open(path.replace(".md", ".json")) as file:
        record = json.load(file, parse_constant=pytest.fail)
    assert record["metrics"] == {"MMLU": 0.25}
    assert record["data"] == ["some text", {"loss": None, "steps": 20_000}, {"MMLU": 0.25}]


def test_data_may_be_one_dictionary_or_one_string(report):
    with open(report.log("A", {"x": 1})) as file:
        assert file.read().endswith("\n- x: 1\n")
    with open(report.log("B", "verbatim")) as file:
        assert file.read().endswith("\nverbatim\n")


def test_the_report_keeps_the_order_of_the_stages_and_appends_unknown_sections(report, capsys):
    report.reset()
    for section in ("My own notes", "Chat SFT", "Tokenizer training", "Midtraining"):
        report.log(section, {"x": 1})
    copy = report.generate()
    with open(copy) as file:
        text = file.read()
    with open(os.path.join(report.directory, "report.md")) as file:
        assert file.read() == text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Environment",
        "Tokenizer training",
        "Midtraining",
        "Chat SFT",
        "My own notes",
        "Summary",
    ]
    assert "base-model-training" in capsys.readouterr().out


def test_the_summary_has_a_column_per_stage_and_a_row_per_metric(report):
    report.reset()
    report.log("Base model loss", {}, metrics={"val bpb": 1.5})
    report.log("Base model evaluation", {}, metrics={"CORE metric": 0.2})
    report.log("Chat evaluation mid", {}, metrics={"SpellingBee": 0.5, "ARC-Easy": 0.3})
    metrics = {"ChatCORE metric": 0.1, "SpellingBee": 0.75, "Arithmetic": math.nan}
    report.log("Chat evaluation sft", {"temperature": 0.0}, metrics=metrics)
    with open(report.generate()) as file:
        table = [line for line in file.read().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert cells[0] == ["Metric", "BASE", "MID", "SFT", "RL"]
    assert cells[2:] == [
        ["CORE", "0.2000", "-", "-", "-"],
        ["ARC-Easy", "-", "0.3000", "-", "-"],
        ["SpellingBee", "-", "0.5000", "0.7500", "-"],
        ["val bpb", "1.5000", "-", "-", "-"],
        ["ChatCORE", "-", "-", "0.1000", "-"],
    ]


def test_wall_clock_runs_from_the_start_to_the_last_section_before_rl(report):
    report.reset()
    report.log("Chat SFT", {})
    report.log("Chat RL", {})
    backdate(report, "header.json", "run_started", hours=30, minutes=7)
    backdate(report, "chat-sft.json", "timestamp", hours=1, minutes=2)
    with open(report.generate()) as file:
        assert "Total wall clock time: 29h5m" in file.read()


def test_reset_removes_every_section_and_describes_the_machine(report):
    for section in (*SECTIONS, "other"):
        report.log(section, {"x": 1})
    report.generate()
    report.reset()
    assert sorted(os.listdir(report.directory)) == ["header.json", "header.md"]
    with open(os.path.join(report.directory, "header.md")) as file:
        header = file.read()
    for expected in ("### Git", "- Memory: ", "- PyTorch: 2", "### Bloat", "Run started: 20"):
        assert expected in header


def test_generate_works_after_damage_and_without_a_header(report):
    report.log("Chat SFT", {"x": 1})
    with open(os.path.join(report.directory, "chat-sft.json"), "w") as file:
        file.write('{"section": "Chat')
    with open(report.generate()) as file:
        text = file.read()
    assert "- x: 1" in text
    assert "Total wall clock time: unknown" in text


def test_nothing_to_report_is_a_clear_error(report):
    with pytest.raises(UserError, match="no sections to report"):
        report.generate()


def test_only_rank_0_writes(base_dir, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    get_report().log("Chat SFT", {"x": 1})
    assert not (base_dir / "report").exists()
    monkeypatch.setenv("RANK", "0")
    get_report().log("Chat SFT", {"x": 1})
    assert (base_dir / "report" / "chat-sft.md").exists()


def test_section_names_become_file_names():
    assert slugify("Base model loss") == "base-model-loss"
    assert os.sep not in slugify("a/b")


def test_git_state_of_a_repository(tmp_path, monkeypatch):
    def git(*arguments):
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(machine, "PROJECT_ROOT", str(tmp_path))
    git("init", "-b", "feature")
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    (tmp_path / "data.bin").write_text("not source")
    git("add", ".")
    git("commit", "-m", "m" * 100 + "\n\nbody")
    info = machine.git_info()
    assert info["Branch"] == "feature"
    assert info["Commit"].endswith("(clean)")
    assert info["Message"] == "m" * 80
    bloat = machine.bloat_info()
    assert (bloat["Files"], bloat["Lines"], bloat["Characters"]) == ("1", "2", "12")
    (tmp_path / "a.py").unlink()
    assert machine.git_info()["Commit"].endswith("(dirty)")
    assert machine.bloat_info()["Characters"] == "0"


def test_a_copy_inside_a_foreign_repository_is_not_described_by_it(tmp_path, monkeypatch):
    subprocess.run(["git", "init"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "site-packages").mkdir()
    monkeypatch.setattr(machine, "PROJECT_ROOT", str(tmp_path / "site-packages"))
    assert machine.git_info()["Branch"] == "unknown"
    assert "unknown" in machine.bloat_info()["Source"]


def test_no_git_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.git_info()["Commit"] == "unknown"


def test_hourly_rate_is_that_of_all_gpus():
    gpus = [machine.Gpu("NVIDIA H100 80GB HBM3", 79.1)] * 8
    assert machine.hardware_info(gpus)["Hourly rate"] == "$24.00/hour"
    assert machine.Gpu("GeForce", 8).dollars_per_hour == 2.00
    assert machine.hardware_info([])["GPUs"] == "none"


def test_command_line(base_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    __main__.main(["reset"])
    get_report().log("Chat SFT", {"x": 1})
    __main__.main([])
    assert str(tmp_path / "report.md") in capsys.readouterr().out
    with pytest.raises(SystemExit):
        __main__.main(["publish"])


def test_the_module_runs_as_the_contract_writes_it(base_dir, tmp_path):
    for action in ("reset", "generate"):
        command = [sys.executable, "-m", "nanochat.report", action]
        subprocess.run(command, check=True, cwd=tmp_path)
    assert (tmp_path / "report.md").read_text().startswith("# nanochat training report")
