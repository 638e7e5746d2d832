"""Every command of docs/commands.md, and so every command the project has promised, really typed.

Long runs get flags added that shorten them; the hub's data sets and wandb are stand-ins.
"""

import itertools
import json
import random
import re
import shlex
import shutil
import subprocess

import httpx
import pyarrow
import pyarrow.parquet as parquet
import pytest
import torch

from nanochat.checkpoint_manager import list_checkpoints, load_model
from scripts.__main__ import COMMANDS
from tests.data.file_server import FileServer
from tests.hub import published
from tests.hub.hub_server import WRITER, HubServer
from tests.slow.shell import ROOT, Shell, free_port, stopped_at_the_end, wait_for
from tests.tiny_world import save_model, train_tokenizer, write_shards

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.timeout(900)  # a minute on two idle cores
D34_MID = "--model_tag=d34 --model_step=169150 --device_batch_size=4 --run=d34-mid"
PROMISED = (
    f"uv run python -m scripts.mid_train {D34_MID}",
    f"nohup uv run python -m scripts.mid_train {D34_MID} > mid_train.log 2>&1 &",
    "uv run python -m scripts.chat_sft --source=mid --model_tag=d34 --run=d34-sft",
    "uv run python -m scripts.chat_sft --source=base --model_tag=d34 --model_step=169150 "
    "--run=d34-sft",
    "uv run python -m scripts.chat_web --source=sft --model-tag=d34 --step=700 --temperature=0.6",
    "uv run python -m scripts.chat_web --source=sft --model-tag=d34 --step=719 --port=8080",
    "uv run python -m scripts.chat_web --source=sft --model_tag=d34 --step=700",
    "uv run python -m scripts.chat_web --source=sft --model_tag=d34 --step=700 --temperature=0.3",
    "python -m nanochat.report reset",
    "python -m nanochat.report generate",
    "python -m scripts.tok_train --max_chars=1000000000",
    "python -m scripts.tok_eval",
    "python -m scripts.base_train --depth=4 --max_seq_len=1024 --device_batch_size=1 "
    "--total_batch_size=1024 --eval_every=50 --eval_tokens=4096 --core_metric_every=50 "
    "--core_metric_max_per_task=12 --sample_every=50 --num_iterations=50",
    "python -m scripts.base_loss --device_batch_size=1 --split_tokens=4096",
    "python -m scripts.base_eval --max-per-task=16",
    "python -m scripts.mid_train --max_seq_len=1024 --device_batch_size=1 --eval_every=50 "
    "--eval_tokens=4096 --total_batch_size=1024 --num_iterations=100",
    "python -m scripts.chat_eval --source=mid --max-new-tokens=128 --max-problems=20",
    "python -m scripts.chat_sft --device_batch_size=1 --target_examples_per_step=4 "
    "--num_iterations=100 --eval_steps=4 --eval_metrics_max_problems=16",
)
SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "pi", "ra", "su", "te"]
WORDS = ["".join(parts) for parts in itertools.product(SYLLABLES, repeat=3)][::7]


def journeys() -> dict[str, list[str]]:
    """Heading -> the examples of its table, in order."""
    found = {}
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        examples = re.findall(r"^\|.*\| `(.+)` \|$", body, flags=re.MULTILINE)
        assert len(examples) == max(0, sum(line[:1] == "|" for line in body.splitlines()) - 2)
        found[heading] = examples
    return found


JOURNEYS = journeys()


def shorter(line: str, flags: str) -> str:
    """Add flags to a command, before it is sent anywhere."""
    command, redirection, rest = line.partition(" > ")
    return f"{command} {flags}{redirection}{rest}"


@pytest.fixture
def shell(tmp_path, base_dir):
    base_dir.mkdir()
    (base_dir / "words_alpha.txt").write_text("\n".join(WORDS) + "\n")
    who = [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "I."}]
    lines = [json.dumps({"messages": who})] * 8
    (base_dir / "identity_conversations.jsonl").write_text("\n".join(lines) + "\n")
    return Shell(tmp_path)


# -- the page itself ------------------------------------------------------------------------------


def test_the_page_shows_every_command_and_whatever_was_promised():
    table = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert set(COMMANDS) - {"corpus"} <= set(table)  # which the quickstart runs
    examples = [example for examples in JOURNEYS.values() for example in examples]
    assert not set(PROMISED) - set(examples)


def test_every_journey_is_taken_by_a_test():
    assert list(JOURNEYS) == [
        "Help",
        "From raw text to a chat page, on one CPU",  # test_quickstart.py
        "Every stage by hand, small enough for a laptop",
        "On several GPUs",
        "A pretrained model becomes your own",
        "The models on disk",
        "Talk to it",
        "Share it, and take it elsewhere",
        "To transformers and back",
        "Your own conversations",
    ]


# -- journeys -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_help(shell):
    for example in JOURNEYS["Help"]:
        assert "usage: " in shell.run(example)
    assert "hit!" in shell.run("python -m tasks.spellingbee")


@pytest.fixture
def hub():
    """A server of shards of made-up text."""
    rng = random.Random(0)
    with FileServer() as server:
        for index in (*range(8), 1822):
            texts = [" ".join(rng.choices(WORDS, k=200)) + "." for _ in range(40)]
            sink = pyarrow.BufferOutputStream()
            parquet.write_table(pyarrow.table({"text": texts}), sink, row_group_size=10)
            folder = "/datasets/karpathy/fineweb-edu-100b-shuffle/resolve/main"
            server.files[f"{folder}/shard_{index:05d}.parquet"] = sink.getvalue().to_pybytes()
        yield server


# what is not built yet: the CORE benchmark, and the sandbox that HumanEval needs
CHAT_TASKS = "'ARC-Easy|ARC-Challenge|MMLU|GSM8K|SpellingBee'"
SHORTER = {
    "tok_train": "--vocab_size=600",
    "base_train": "--num_iterations=2",
    "base_eval": "--batches=1 --device_batch_size=1",
    "mid_train": "--num_iterations=2",
    "chat_eval": f"--max-new-tokens=8 --max-problems=2 --task-name={CHAT_TASKS}",
    "chat_sft": "--num_iterations=3 --eval_steps=1",
}


@pytest.mark.slow
def test_every_stage_by_hand(shell, hub, base_dir):
    shell.environment["HF_ENDPOINT"] = hub.url
    shell.environment["TIKTOKEN_CACHE_DIR"] = str(base_dir)
    shell.environment["HTTPS_PROXY"] = hub.url  # where GPT-2's tokenizer cannot be had
    printed = {}
    for example in JOURNEYS["Every stage by hand, small enough for a laptop"]:
        name = example.split()[2].rpartition(".")[2]
        printed[name] = shell.run(shorter(example, SHORTER.get(name, "")))
    assert "all 9 shards" in shell.run("python -m nanochat.dataset -n 8")

    steps = {
        source: [c.step for c in list_checkpoints(source)] for source in ("base", "mid", "sft")
    }
    assert steps == {"base": [2], "mid": [2], "sft": [2]}
    assert "parameters: " in printed["base_train"] and "mid step 2/2" in printed["mid_train"]
    assert "The capital of France is" in printed["base_loss"]
    for task in shlex.split(CHAT_TASKS)[0].split("|"):
        assert f"{task}: " in printed["chat_eval"]
    report = (shell.clone / "report.md").read_text()
    sections = ["Tokenizer training", "Tokenizer evaluation", "Base model training"]
    sections += ["Base model loss", "Base model evaluation", "Midtraining"]
    sections += ["Chat evaluation mid", "Chat SFT", "Summary"]
    for section in sections:
        assert f"\n## {section}\n" in report


@pytest.mark.slow
def test_on_several_processes(shell):
    write_shards()
    train_tokenizer()
    small = "--depth=1 --max_seq_len=64 --device_batch_size=1 --total_batch_size=256 "
    small += "--num_iterations=2 --eval_tokens=256 --core_metric_every=-1 --sample_every=-1"
    (example,) = JOURNEYS["On several GPUs"]
    example = example.replace("--nproc_per_node=8", "--nproc_per_node=2")
    printed = shell.run(shorter(example, f"{small} --device_type=cpu"))
    assert "tokens per micro-batch, 2 process(es): 128" in printed
    assert printed.count("wandb: nanochat/d20") == 1
    assert printed.count("base step 2/2") == 1


@pytest.fixture
def model_hub(shell, tmp_path):
    """A hub of models for `shell` to pull from and push to, nobody being logged in."""
    shell.environment["HF_HOME"] = str(tmp_path / "hf-home")
    shell.environment.pop("HF_TOKEN", None)
    with HubServer() as server:
        shell.environment["HF_ENDPOINT"] = server.url
        yield server


@pytest.mark.slow
def test_a_pretrained_model_becomes_your_own(shell, base_dir, model_hub, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("NANOCHAT_BASE_DIR", str(tmp_path / "somebody"))
        model_hub.publish("karpathy/nanochat-d34", published.pretrained(sequence_len=2048))
    pull, background, mid, sft, sft_from_base, evaluation = JOURNEYS[
        "A pretrained model becomes your own"
    ]
    assert "next: nanochat mid_train --model_tag=d34 --model_step=169150" in shell.run(pull)
    short = "--total_batch_size=8192 --eval_tokens=8192"
    follow_a_log_and_stop(shell, shorter(background, short), base_dir)

    printed = shell.run(shorter(mid, f"{short} --num_iterations=2"))
    assert "wandb: nanochat-mid/d34-mid" in printed
    assert "step 169150" in printed

    printed = shell.run(sft)
    assert "wandb: nanochat-sft/d34-sft" in printed
    assert re.search(r"mid\b.*d34.*step 2\b", printed)  # which of the two, said aloud
    (checkpoint,) = list_checkpoints("sft")
    rows = 2 * 20 + 20 + 20 + 8 + 2 * 300  # ARC twice, GSM8K, SmolTalk, identity, spelling twice
    assert (checkpoint.tag, checkpoint.step) == ("d34", rows // 32 - 1)

    printed = shell.run(shorter(sft_from_base, "--num_iterations=3 --eval_steps=1"))
    assert "WARNING: --source=base skips mid-training" in printed

    assert "SpellingBee: " in shell.run(shorter(evaluation, "-m 8"))


def follow_a_log_and_stop(shell, line, base_dir):
    """The log of a background run grows while it runs; `kill` saves before it ends."""
    log = shell.clone / "mid_train.log"
    metrics = base_dir / "mid_checkpoints" / "d34" / "metrics.jsonl"
    with stopped_at_the_end(shell.start(f"{line}\necho $!")) as process:
        number = int(process.stdout.readline())
        wait_for(lambda: metrics.exists() and '"update"' in metrics.read_text())
        assert "parameters: " in log.read_text()  # it does not wait in a buffer
        wait_for(lambda: "mid step 1 " in log.read_text())
        assert "saved step" not in log.read_text()  # the run goes on
        subprocess.run(["kill", str(number)], check=True)
        wait_for(lambda: log.read_text().endswith("interrupted\n"))
    (step,) = re.findall(r"continue with --resume_from_step=(\d+)", log.read_text())
    assert [c.step for c in list_checkpoints("mid")] == [int(step)]


@pytest.mark.slow
def test_the_models_on_disk(shell):
    tokenizer = train_tokenizer()
    for step in (700, 719):
        save_model(tokenizer, "sft", "d34", step)
    show, as_json, copy, delete = JOURNEYS["The models on disk"]
    printed = shell.run(show)
    assert re.search(r"^sft +d34 +719 ", printed, re.M) and tokenizer.fingerprint()[:8] in printed
    assert [record["step"] for record in json.loads(shell.run(as_json))] == [700, 719]
    shell.run(copy)
    assert "deleted sft d34 step 719" in shell.run(delete)
    assert [(c.tag, c.step) for c in list_checkpoints("sft")] == [("d34", 700), ("d34-before", 700)]


@pytest.mark.slow
def test_talk_to_it(shell):
    tokenizer = train_tokenizer()
    for step in (700, 719):
        save_model(tokenizer, "sft", "d34", step, sequence_len=512)
    ask, chat, *serve, curl = JOURNEYS["Talk to it"]
    assert "sft · d34 · step 719 is speaking" in shell.run(ask)
    printed = shell.run(f"printf 'Hi!\\nquit\\n' | {chat}")
    assert "sft · d34 · step 700 is speaking" in printed
    assert "Goodbye!" in printed
    for line in serve:
        port = free_port()
        command = line.replace("--port=8080", "") + f" --port={port}"
        with shell.serving(command) as (address, printed):
            assert address == f"http://localhost:{port}"
            flags = dict(flag.split("=") for flag in line.split() if flag.startswith("--"))
            assert f"sft · d34 · step {flags['--step']} is speaking" in printed
            defaults = httpx.get(f"{address}/health").json()["defaults"]
            assert defaults["temperature"] == float(flags.get("--temperature", 0.8))
            if "--port=8080" in line:
                reply = post(shell, curl.replace("localhost:8080", f"localhost:{port}"))
                assert reply["message"]["role"] == "assistant"
                assert reply["usage"]["completion_tokens"] > 0


def post(shell, line):
    if shutil.which("curl"):
        return json.loads(shell.run(line))
    _, _, url, _, header, _, body = shlex.split(line)
    name, _, value = header.partition(": ")
    return httpx.post(url, headers={name: value}, content=body, timeout=60).json()


@pytest.mark.slow
def test_share_it_and_take_it_elsewhere(shell, model_hub, tmp_path):
    tokenizer = train_tokenizer()
    save_model(tokenizer, "mid", "d34", 813)
    save_model(tokenizer, "sft", "d34", 700)
    dry_run, log_in, push, pull, pull_directory = JOURNEYS["Share it, and take it elsewhere"]
    assert "mid_model_000813.pt" in shell.run(dry_run)
    assert "then log in with `hf auth login`" in shell.run(push, status=1)
    assert model_hub.repositories == {}
    shell.run(f"{log_in} --token {WRITER}")
    assert "published: " in shell.run(push)
    download = tmp_path / "nanochat-d34-sft"
    for path, content in model_hub.repositories["me/nanochat-d34-sft"].files.items():
        (download / path).parent.mkdir(parents=True, exist_ok=True)
        (download / path).write_bytes(content)

    shell.environment["NANOCHAT_BASE_DIR"] = str(tmp_path / "another machine")
    shell.environment["HOME"] = str(tmp_path)
    printed = shell.run(pull)
    (line,) = re.findall(r"next: nanochat chat_web (.*)", printed)
    assert "is speaking" in shell.run(f"nanochat chat_cli -p Hi {line}")
    assert "step 813 of stage mid" in shell.run(pull_directory)


@pytest.mark.slow
def test_to_transformers_and_back(shell):
    tokenizer = train_tokenizer()
    model, size = save_model(tokenizer, "sft", "d34", 700), tokenizer.get_vocab_size()
    export, full, turned, back, turned_back = JOURNEYS["To transformers and back"]
    printed = shell.run(export)
    assert "Same ids, and the same text back: 1000 of 1000 strings." in printed
    assert printed.endswith("exported to d34-hf\n")
    assert "Compared with transformers" in shell.run(full)
    assert "Compared with" not in shell.run(turned)
    assert "imported as sft d34-back step 700" in shell.run(back)
    assert "imported as mid d34-back step 1" in shell.run(turned_back)
    for source, step in (("sft", 700), ("mid", 1)):
        weights = load_model(source, "cpu", "eval", "d34-back", step)[0].state_dict()
        for name, tensor in model.state_dict().items():
            rows = size if len(tensor) == model.config.padded_vocab_size else len(tensor)
            assert torch.equal(weights[name][:rows], tensor[:rows].bfloat16().float())
    assert "d34-hf is not empty" in shell.run(export, status=1)


@pytest.mark.slow
def test_your_own_conversations(shell):
    save_model(train_tokenizer(), "mid", "d34", 813, sequence_len=512)
    (conversation,) = re.findall(r"```json\n(.+)\n```", PAGE)
    (addition,) = re.findall(r"```python\n( +CustomJSON.+)\n```", PAGE)
    script = shell.clone / "scripts" / "chat_sft.py"
    before, mixture, after = script.read_text().partition("train_ds = TaskMixture(\n        [\n")
    script.write_text(f"{before}{mixture}{addition}\n{after}")
    check, with_flag, example = JOURNEYS["Your own conversations"]
    example = shorter(example, "--num_iterations=2 --eval_steps=1")

    assert "no file my.jsonl" in shell.run(example, status=1)
    (shell.clone / "my.jsonl").write_text(f"{conversation}\n" * 3 + "{broken\n")
    printed = shell.run(example, status=1)
    assert "my.jsonl:4: not a line of JSON" in printed
    assert "Traceback" not in printed and "parameters:" not in printed
    (shell.clone / "my.jsonl").write_text(f"{conversation}\n" * 40)
    assert "saved step 1" in shell.run(example)
    assert "40 conversations" in shell.run(check)
    short = "--num_iterations=2 --eval_steps=1 --eval_before_after_problems=2"
    printed = shell.run(shorter(with_flag, short))
    assert "my.jsonl" in printed and "no clear change" in printed
