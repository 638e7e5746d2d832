"""Every command: help without torch, both spellings of every flag, suggestions for typos."""

import dataclasses
import importlib
import importlib.metadata
import os
import subprocess
import sys

import pytest

import scripts
from nanochat.command_line import parse
from nanochat.common import UserError
from scripts.__main__ import COMMANDS, dispatch, module_of
from tests.command_helpers import REQUIRED, config_class

HERE = os.path.dirname(scripts.__file__)
SCRIPTS = sorted(
    name.removesuffix(".py")
    for name in os.listdir(HERE)
    if name.endswith(".py") and not name.startswith("_")
)
WITH_FLAGS = [command for command in COMMANDS if command not in ("report", "tok_eval")]


def run_module(module, *arguments):
    """Run a module as a command in a new process; return (status, output, was torch imported)."""
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['program', *{list(arguments)!r}]\n"
        "status = 0\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as stop:\n"
        "    status = stop.code or 0\n"
        "print('TORCH' if 'torch' in sys.modules else 'LIGHT')\n"
        "sys.exit(status)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr, "TORCH" in result.stdout


def test_the_table_of_commands_is_complete():
    assert set(SCRIPTS) == set(COMMANDS) - {"dataset", "report"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_without_torch(command):
    status, output, torch_came_in = run_module(module_of(command), "--help")
    assert status == 0, output
    assert "usage:" in output
    assert not torch_came_in


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_nanochat_help_lists_every_command(arguments, capsys):
    dispatch(arguments)
    shown = capsys.readouterr().out
    for command, purpose in COMMANDS.items():
        assert f"  {command} " in shown
        assert purpose in shown


def test_nanochat_help_imports_no_torch():
    status, output, torch_came_in = run_module("scripts", "--help")
    assert status == 0
    assert "base_train" in output
    assert not torch_came_in


def test_a_command_gets_the_remaining_arguments():
    status, output, _ = run_module("scripts", "base-loss", "--help")
    assert status == 0
    assert "--split-tokens" in output


def test_an_unknown_command_suggests_near_ones():
    status, output, _ = run_module("scripts", "base_trian")
    assert status == 1
    assert "did you mean base_train" in output
    with pytest.raises(UserError, match=r"no command 'xyzzy'; `nanochat --help`"):
        module_of("xyzzy")


def test_the_console_entry_point_exists():
    entries = importlib.metadata.distribution("nanochat").entry_points
    assert callable(entries["nanochat"].load())


@pytest.mark.parametrize("command", WITH_FLAGS)
def test_every_flag_is_spelled_with_dashes_or_underscores(command):
    config = config_class(command)
    required = REQUIRED.get(command, [])
    defaults = parse(config, required)
    for field in dataclasses.fields(config):
        value = getattr(defaults, field.name)
        if "_" not in field.name or isinstance(value, bool):
            continue
        text = "7" if value is None else str(value)
        spelled = [f"--{field.name}={text}", f"--{field.name.replace('_', '-')}={text}"]
        first, second = (parse(config, [*required, spelling]) for spelling in spelled)
        assert first == second
        assert value is not None or getattr(first, field.name) is not None


@pytest.mark.parametrize(
    "command",
    [
        "base_loss",
        "base_eval",
        "mid_train",
        "chat_sft",
        "chat_eval",
        "chat_cli",
        "chat_web",
        "export",
        "import",
    ],
)
def test_step_and_model_step_mean_the_same(command):
    config, required = config_class(command), REQUIRED.get(command, [])
    spellings = ["--step", "--model_step", "--model-step"]
    parsed = [parse(config, [*required, spelling, "719"]) for spelling in spellings]
    assert parsed[0] == parsed[1] == parsed[2]
    assert 719 in dataclasses.asdict(parsed[0]).values()


@pytest.mark.parametrize("command", WITH_FLAGS)
def test_an_unknown_flag_stops_with_a_suggestion(command, capsys):
    config = config_class(command)
    known = max((field.name for field in dataclasses.fields(config)), key=len)
    with pytest.raises(SystemExit) as stop:
        parse(config, [*REQUIRED.get(command, []), f"--{known}x=1"])
    assert stop.value.code == 2
    assert f"--{known.replace('_', '-')}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["base_loss", "mid_train"])
def test_a_lone_leading_separator_is_tolerated(command):
    config = config_class(command)
    assert parse(config, ["--", "--model_tag=d34"]) == parse(config, ["--model_tag=d34"])
