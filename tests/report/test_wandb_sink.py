import importlib.util
import sys
import types

import pytest

from nanochat.report.wandb_sink import open_run


@pytest.fixture
def fake_wandb(monkeypatch):
    module = types.ModuleType("wandb")
    module.__spec__ = importlib.util.spec_from_loader("wandb", loader=None)
    module.calls = []
    module.init = lambda **kwargs: module.calls.append(kwargs) or "a run"
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_dummy_is_off_and_touches_nothing(fake_wandb):
    run = open_run("dummy", project="nanochat", config={})
    run.log({"loss": 1.0})
    run.finish()
    assert fake_wandb.calls == []


def test_a_named_run_passes_project_and_every_flag(fake_wandb):
    assert open_run("d4", project="nanochat-mid", config={"depth": 4}) == "a run"
    assert fake_wandb.calls == [{"project": "nanochat-mid", "name": "d4", "config": {"depth": 4}}]


def test_only_the_main_rank_logs(fake_wandb):
    open_run("d4", project="nanochat", config={}, is_main=False).log({})
    assert fake_wandb.calls == []


def test_asking_without_the_package_warns_and_goes_on(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = open_run("d4", project="nanochat", config={})
    run.log({"loss": 1.0})
    run.finish()
    assert "wandb is not installed" in capsys.readouterr().out
