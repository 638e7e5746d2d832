"""Accuracy of a chat model on tasks: answers it writes, and letters it would choose.

A task is anything with `len(task)`, `task[i]` (a conversation whose last message is the reference
answer) and `task.evaluate(conversation, completion) -> bool`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from nanochat.common import UserError
from nanochat.conversation import render_prompt
from nanochat.distributed import Dist, single

NUM_EXAMPLES = 4  # kept for reports
Progress = Callable[[int, int, int], None]  # problems passed, problems done, problems of this rank


def num_problems(task, max_problems: int | None) -> int:
    """Return how many problems to pose: all, or the first `max_problems` where that is positive."""
    limited = max_problems is not None and max_problems > 0
    return min(len(task), max_problems) if limited else len(task)


def _figures(
    outcomes: dict[int, bool], too_long: int, examples: list, dist: Dist
) -> dict[str, Any]:
    counts = [sum(outcomes.values()), too_long, len(outcomes)]
    counts = torch.tensor(counts, dtype=torch.int64, device=dist.device)
    passed, too_long, total = dist.all_reduce_sum(counts).tolist()
    return {
        "accuracy": passed / total if total else None,  # None: no problems, so no result
        "passed": passed,
        "total": total,
        "too_long": too_long,
        "outcomes": outcomes,
        "examples": examples,
    }


def _example(conversation: Mapping, completion: str, passed: bool) -> dict[str, Any]:
    question = conversation["messages"][-2]["content"]
    return {"question": question, "completion": completion, "passed": passed}


def _prompts(
    task, tokenizer, indices: Sequence[int], max_tokens: int
) -> Iterator[tuple[Mapping, list[int] | None]]:
    """Yield each problem's conversation and prompt ids, None where the question does not fit."""
    for index in indices:
        conversation = task[index]
        messages = conversation["messages"][:-1]
        prompt = None
        if len(render_prompt(tokenizer, messages[-1:])) <= max_tokens:
            prompt = render_prompt(tokenizer, messages, max_tokens)
        yield conversation, prompt


def run_generative_eval(
    task,
    tokenizer,
    engine,
    num_samples: int = 1,
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    top_k: int | None = 50,
    max_problems: int | None = None,
    batch_size: int = 16,
    seed: int = 42,
    dist: Dist | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Let the model answer every problem; one is passed if any of `num_samples` answers is right.

    Returns accuracy (None without problems), passed, total, too_long (questions that do not fit
    into the context, which count as failed), the first few examples, and outcomes (problem ->
    whether it was passed). Problems are strided over the ranks of `dist`; the figures are those of
    all of them, examples and outcomes this rank's. One greedy answer each is decoded `batch_size`
    problems at a time.
    """
    dist = dist or single()
    if num_samples < 1 or max_new_tokens < 1:
        raise UserError(
            "evaluation needs at least one sample of at least one token, got "
            f"num_samples={num_samples}, max_new_tokens={max_new_tokens}"
        )
    context = engine.model.config.sequence_len
    room = context - min(max_new_tokens, context // 4)  # an answer may be shorter than allowed
    indices = range(num_problems(task, max_problems))[dist.rank :: dist.world_size]
    problems = list(_prompts(task, tokenizer, indices, room))
    fitting = [problem for problem in problems if problem[1] is not None]
    if num_samples == 1 and temperature == 0:
        answers = _greedy(engine, fitting, max_new_tokens, batch_size)
    else:
        sampling = {"max_tokens": max_new_tokens, "temperature": temperature, "top_k": top_k}
        answers = _sampled(engine, fitting, indices, num_samples, seed, sampling)
    numbers = [
        number for number, (_, prompt) in zip(indices, problems, strict=True) if prompt is not None
    ]
    outcomes, passed, examples = dict.fromkeys(indices, False), 0, {}
    for done, (index, completions) in enumerate(answers, 1):
        conversation = fitting[index][0]
        texts = [tokenizer.decode(ids) for ids in completions]
        right = any(task.evaluate(conversation, text) for text in texts)
        passed += right
        outcomes[numbers[index]] = right
        if index < NUM_EXAMPLES:
            examples[index] = _example(conversation, texts[0], right)
        if progress is not None:
            progress(passed, done, len(problems))
    shown = [examples[index] for index in sorted(examples)]
    return _figures(outcomes, len(problems) - len(fitting), shown, dist)


def _greedy(engine, problems, max_new_tokens: int, batch_size: int):
    """Yield (index, [completion ids]) as problems are finished, in any order."""
    prompts = [prompt for _, prompt in problems]
    stream = engine.stream_many(
        prompts, max_tokens=max_new_tokens, temperature=0.0, batch_size=batch_size
    )
    for index, completion in stream:
        yield index, [completion]


def _sampled(engine, problems, indices, num_samples: int, seed: int, sampling: dict):
    """Yield (index, completions' ids) of one problem after the other, each with its own seed."""
    for index, (_, prompt) in enumerate(problems):
        sequences, _ = engine.generate_batch(
            prompt, num_samples=num_samples, seed=seed + indices[index], **sampling
        )
        yield index, [sequence[len(prompt) :] for sequence in sequences]


@torch.inference_mode()
def run_categorical_eval(
    task,
    tokenizer,
    model,
    batch_size: int = 8,
    max_problems: int | None = None,
    dist: Dist | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score multiple-choice problems by the most likely of their letters as the next token.

    A problem's conversation has `letters`, each of exactly one token. Returns the same figures as
    `run_generative_eval`. Raises UserError for a letter of several tokens.
    """
    dist = dist or single()
    indices = range(num_problems(task, max_problems))
    batches = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
    mine = batches[dist.rank :: dist.world_size]
    outcomes = {index: False for batch in mine for index in batch}
    passed, done, too_long, examples = 0, 0, 0, []
    for batch in mine:
        problems = list(_prompts(task, tokenizer, batch, model.config.sequence_len))
        numbered = zip(batch, problems, strict=True)
        fitting = {number: problem for number, problem in numbered if problem[1] is not None}
        too_long += len(problems) - len(fitting)
        letters = _choose_letters(tokenizer, model, list(fitting.values()))
        for (number, (conversation, _)), letter in zip(fitting.items(), letters, strict=True):
            right = outcomes[number] = bool(task.evaluate(conversation, letter))
            passed += right
            if len(examples) < NUM_EXAMPLES:
                examples.append(_example(conversation, letter, right))
        done += len(problems)
        if progress is not None:
            progress(passed, done, len(outcomes))
    return _figures(outcomes, too_long, examples, dist)


def _choose_letters(tokenizer, model, problems) -> list[str]:
    if not problems:
        return []
    prompts = [prompt for _, prompt in problems]
    longest = max(map(len, prompts))
    # causal attention: what stands to the right of a prompt's end does not change its logits
    padding = tokenizer.get_bos_token_id()
    padded = [prompt + [padding] * (longest - len(prompt)) for prompt in prompts]
    logits_BTV = model(torch.tensor(padded, dtype=torch.int64, device=model.get_device()))
    chosen = []
    for row, (conversation, prompt) in enumerate(problems):
        letters = conversation["letters"]
        ids = [_single_token(tokenizer, letter) for letter in letters]
        scores = logits_BTV[row, len(prompt) - 1, ids]
        chosen.append(letters[int(scores.argmax())])
    return chosen


def _single_token(tokenizer, letter: str) -> int:
    ids = tokenizer.encode(letter)
    if len(ids) != 1:
        raise UserError(
            f"the answer {letter!r} must be one token to be chosen, it is {len(ids)} in this "
            "tokenizer; use single letters or digits"
        )
    return ids[0]


def chat_core(
    accuracies: Mapping[str, float | None], baselines: Mapping[str, float]
) -> float | None:
    """Return the mean of (accuracy - baseline) / (1 - baseline) over all tasks of `baselines`.

    None if one of them has no result.
    """
    if any(accuracies.get(name) is None for name in baselines):
        return None
    centred = [(accuracies[name] - base) / (1 - base) for name, base in baselines.items()]
    return sum(centred) / len(centred)
