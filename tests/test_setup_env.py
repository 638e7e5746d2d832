"""runs/setup_env.sh installs when something changed, and only then (uv is a recorder here)."""

import os
import subprocess

import pytest

import scripts

ROOT = os.path.dirname(os.path.dirname(scripts.__file__))
FAKE_UV = """#!/bin/bash
echo "uv $*" >>calls
[ "$1" = venv ] && mkdir -p .venv/bin && printf '#!/bin/sh\\n' >.venv/bin/python
chmod +x .venv/bin/python
[ ! -e fail ]
"""


@pytest.fixture
def setup(tmp_path):
    project, tools = tmp_path / "a project", tmp_path / "tools"
    (project / "runs").mkdir(parents=True)
    tools.mkdir()
    (project / "pyproject.toml").write_text("[project]\n")
    (project / "constraints.txt").write_text("torch==1\n")
    with open(os.path.join(ROOT, "runs", "setup_env.sh")) as file:
        (project / "runs" / "setup_env.sh").write_text(file.read())
    (tools / "uv").write_text(FAKE_UV)
    (tools / "uv").chmod(0o755)

    def run(extra=""):
        """Run setup_env; return (status, the calls of uv)."""
        (project / "calls").write_text("")
        command = f"set -euo pipefail; source runs/setup_env.sh; setup_env {extra}"
        path = f"{tools}:{os.environ['PATH']}"
        result = subprocess.run(
            ["bash", "-c", command], cwd=project, env={**os.environ, "PATH": path}
        )
        return result.returncode, (project / "calls").read_text().splitlines()

    run.project = project
    return run


def test_installs_once_and_again_when_an_input_changes(setup):
    status, calls = setup()
    assert status == 0
    assert "venv" in calls[0]
    assert calls[1].endswith("-c constraints.txt -e .")
    assert setup() == (0, [])
    (setup.project / "constraints.txt").write_text("torch==2\n")
    status, calls = setup()
    assert status == 0
    assert len(calls) == 1
    assert calls[0].startswith("uv pip install")


def test_an_extra_is_added_and_then_serves_those_who_want_none(setup):
    setup()
    status, calls = setup("dev")
    assert status == 0
    assert calls[0].endswith("-e .[dev]")
    assert setup() == setup("dev") == (0, [])


def test_a_failed_installation_is_an_error_and_tried_again(setup):
    (setup.project / "fail").touch()
    assert setup()[0] != 0
    (setup.project / "fail").unlink()
    status, calls = setup()
    assert status == 0
    assert calls


def test_what_a_failed_change_left_behind_is_not_trusted(setup):
    constraints = setup.project / "constraints.txt"
    before = constraints.read_text()
    setup()
    constraints.write_text("torch==2\n")
    (setup.project / "fail").touch()
    assert setup()[0] != 0
    (setup.project / "fail").unlink()
    constraints.write_text(before)
    assert setup()[1] != []


def test_a_moved_project_counts_as_changed(setup, tmp_path):
    def setup_hash(project):
        command = "source runs/setup_env.sh; _setup_hash"
        return subprocess.check_output(["bash", "-c", command], cwd=project)

    before = setup_hash(setup.project)
    assert setup_hash(setup.project) == before
    assert setup_hash(setup.project.rename(tmp_path / "moved")) != before


@pytest.mark.parametrize("script", ["runs/setup_env.sh", "runs/test.sh", ".ci/run"])
def test_scripts_are_valid_bash(script):
    subprocess.run(["bash", "-n", os.path.join(ROOT, script)], check=True)


def test_no_python_is_a_clear_error(setup):
    command = "source runs/setup_env.sh; unset PYTHON; PATH=/nowhere; _find_python"
    result = subprocess.run(
        ["/bin/bash", "-c", command], cwd=setup.project, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "Python 3.10 or newer" in result.stderr
