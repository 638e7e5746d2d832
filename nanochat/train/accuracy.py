"""Accuracy on multiple-choice tasks while a chat stage trains."""

from collections.abc import Mapping

from nanochat.common import print0
from nanochat.evals.chat import run_categorical_eval
from nanochat.train.trainer import Hook, every


def accuracy_hook(session, tasks: Mapping[str, object]) -> Hook:
    """Score `tasks` (name of the figure in the metadata -> task) every `eval_metrics_every`."""
    config = session.config
    session.extra_results += tuple(tasks)

    def score(trainer, last: bool) -> None:
        for name, task in tasks.items():
            with session.autocast():
                figures = run_categorical_eval(
                    task,
                    session.tokenizer,
                    session.model,
                    batch_size=2 * config.device_batch_size,
                    max_problems=config.eval_metrics_max_problems,
                    dist=session.dist,
                )
            trainer.results[name] = figures["accuracy"]
        reached = {name: trainer.results[name] for name in tasks}
        print0(f"step {trainer.step} | " + " | ".join(f"{k} {v:.4f}" for k, v in reached.items()))
        session.record(trainer, reached)

    return every(config.eval_metrics_every if tasks else None, score, first=False)
