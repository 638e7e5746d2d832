"""Did fine-tuning help? The same problems answered before and after it, and compared."""

import dataclasses
import time
from collections.abc import Mapping

from nanochat.common import UserError, print0
from nanochat.engine import Engine
from nanochat.evals import paired
from nanochat.evals.chat import num_problems, run_categorical_eval, run_generative_eval

BEFORE = "outcomes_before"  # in the trainer's results, and so in every checkpoint: "0110..."
RESULT = "before_after"
MAX_NEW_TOKENS = 256


class BeforeAfter:
    """A hook that answers the first problems of `tasks` (by name) at both ends of a run.

    What was right before is kept in the trainer's state, so that a resumed run still knows it.
    Raises UserError for a resumed run that began without these tasks.
    """

    def __init__(self, session, tasks: Mapping[str, object], max_problems: int):
        self.session, self.tasks, self.max_problems = session, dict(tasks), max_problems
        for name, task in self.tasks.items():
            if len(task) == 0:
                raise UserError(f"--eval_before_after: the task {name} has no problems")
        if session.config.resume_from_step is not None:
            self._check_resumed(session.trainer.results.get(BEFORE) or {})
        session.extra_results += (RESULT,)

    def _check_resumed(self, before: Mapping[str, str]) -> None:
        begun = {name: len(outcomes) for name, outcomes in before.items()}
        asked = {name: num_problems(task, self.max_problems) for name, task in self.tasks.items()}
        if begun != asked:
            raise UserError(
                f"--eval_before_after asks for {_counts(asked)}, but before this run began it "
                f"answered {_counts(begun)}; resume it with the same flags"
            )

    def __call__(self, trainer, last: bool) -> None:
        if BEFORE not in trainer.results:
            trainer.results[BEFORE] = self._outcomes("before")
        if last:
            self._report(trainer, self._outcomes("after"))

    def _outcomes(self, when: str) -> dict[str, str]:
        outcomes = {}
        for name, task in self.tasks.items():
            outcomes[name] = self._answer(task)
            passed, total = outcomes[name].count("1"), len(outcomes[name])
            print0(f"{when} fine-tuning | {name}: {passed / total:.1%} ({passed}/{total} passed)")
        return outcomes

    def _answer(self, task) -> str:
        """Return a 1 for every problem passed and a 0 for the others, over all ranks."""
        session = self.session
        model, tokenizer = session.model, session.tokenizer
        shared = {"max_problems": self.max_problems, "dist": session.dist}
        with session.autocast():
            if task.eval_type == "categorical":
                batch_size = 2 * session.config.device_batch_size
                figures = run_categorical_eval(task, tokenizer, model, batch_size, **shared)
            else:
                engine = Engine(model, tokenizer)
                shared["max_new_tokens"] = MAX_NEW_TOKENS
                figures = run_generative_eval(task, tokenizer, engine, **shared)
        outcomes = {}
        for of_rank in session.dist.gather_objects(figures["outcomes"]):
            outcomes |= of_rank
        return "".join("01"[outcomes[index]] for index in sorted(outcomes))

    def _report(self, trainer, after: Mapping[str, str]) -> None:
        before = trainer.results[BEFORE]
        changes = {
            name: paired.compare(
                *([mark == "1" for mark in marks[name]] for marks in (before, after))
            )
            for name in self.tasks
        }
        trainer.results[RESULT] = {
            name: {**dataclasses.asdict(change), "verdict": change.verdict}
            for name, change in changes.items()
        }
        print0("before and after fine-tuning, on the same problems:")
        print0(paired.table(changes))
        record = {"step": trainer.step, "tasks": trainer.results[RESULT]}
        self.session.metrics.log({"event": RESULT, **record, "time": time.time()})
        figures = {
            f"{RESULT}/{name}/{when}": getattr(change, when)
            for name, change in changes.items()
            for when in ("before", "after")
        }
        self.session.experiment.log({"step": trainer.step, **figures})


def _counts(problems: Mapping[str, int]) -> str:
    return ", ".join(f"{count} of {name}" for name, count in problems.items()) or "none"
