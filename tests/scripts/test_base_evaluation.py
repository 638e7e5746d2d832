import itertools
import json
import re

import pytest

from nanochat.common import UserError
from nanochat.data.loaders import PretrainLoader
from nanochat.distributed import single
from nanochat.evals.bpb import evaluate_bpb, evaluate_split
from nanochat.evals.samples import PROMPTS
from scripts import base_eval, base_loss
from tests.tiny_world import save_model, train_tokenizer, write_shards

SMALL = ["--device_batch_size=2", "--device_type=cpu"]


@pytest.fixture
def model_and_tokenizer(base_dir):
    write_shards()
    tokenizer = train_tokenizer()
    return save_model(tokenizer), tokenizer


def section(base_dir, slug):
    return json.loads((base_dir / "report" / f"{slug}.json").read_text())


def test_a_split_is_evaluated_from_its_beginning(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    loader = PretrainLoader(tokenizer, 2, 128, "val")
    pairs = [(batch.inputs, batch.targets) for batch in itertools.islice(loader, 3)]
    expected = evaluate_bpb(model, pairs, 3, tokenizer.token_bytes())
    assert evaluate_split(model, tokenizer, "val", 3 * 256, 2, single()) == expected


@pytest.mark.parametrize("tokens", [0, 100, 257])
def test_tokens_that_do_not_fill_batches_are_refused_with_what_would(model_and_tokenizer, tokens):
    with pytest.raises(UserError, match=r"2 sequences x 128 tokens x 1 process.*=256 or"):
        evaluate_split(*model_and_tokenizer, "val", tokens, 2, single())


def test_base_loss_reports_both_splits_and_seven_samples(model_and_tokenizer, base_dir, capsys):
    base_loss.main([*SMALL, "--split_tokens=512"])
    record = section(base_dir, "base-model-loss")
    assert set(record["metrics"]) == {"train bpb", "val bpb"}
    assert all(0 < bpb < 100 for bpb in record["metrics"].values())
    about, samples = record["data"][:2]
    assert about == {"model_tag": "d1", "step": 3}  # what the figures are of
    assert list(samples) == [f"sample {i}" for i in range(7)]
    assert all(prompt[:9] in samples[f"sample {i}"] for i, prompt in enumerate(PROMPTS))
    shown = capsys.readouterr().out
    assert re.search(r"^val bpb: \d+\.\d{4}$", shown, re.MULTILINE)


def test_base_eval_says_plainly_that_core_is_missing(model_and_tokenizer, base_dir, capsys):
    base_eval.main([*SMALL, "--batches=2", "--step=3", "--model-tag=d1"])
    record = section(base_dir, "base-model-evaluation")
    assert record["data"][0]["Model"] == "base_model_000003 (d1)"
    assert "no evaluation bundle" in record["data"][0]["CORE"]
    assert "CORE: not computed: there is no evaluation bundle" in capsys.readouterr().out
    (base_dir / "eval_bundle").mkdir()
    assert "does not contain the CORE benchmark" in base_eval.core_note()


def test_base_eval_refuses_what_it_cannot_do(base_dir, capsys):
    with pytest.raises(UserError, match="openai-community/gpt2"):
        base_eval.main(["--hf-path=openai-community/gpt2"])
    with pytest.raises(SystemExit):
        base_eval.main(["--batches=0"])
    assert "got 0" in capsys.readouterr().err


@pytest.mark.parametrize("script", [base_loss, base_eval])
def test_no_checkpoint_is_a_clear_error(script, base_dir):
    with pytest.raises(UserError, match="base_train"):
        script.main(["--device_type=cpu"])
