"""What changed between two evaluations on the same problems, and whether it could be chance.

Only problems answered differently tell anything. The interval is that of Agresti and Min (Simple
improved confidence intervals for comparing matched proportions, 2005): half a problem is added to
each of the four outcomes, so that a few problems never look certain.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nanochat.common import text_table

Z95 = 1.96  # standard errors on either side that hold 95% of a normal distribution
# Fewer changes, even all in one direction, come up by chance more often than one time in twenty.
FEWEST_CHANGES = 6


@dataclass(frozen=True)
class Change:
    """Accuracies and their difference as fractions; `low` and `high` bound its 95% interval."""

    problems: int
    before: float
    after: float
    difference: float
    standard_error: float
    low: float
    high: float
    improved: int  # wrong before, right after
    worsened: int  # right before, wrong after

    @property
    def verdict(self) -> str:
        if self.improved + self.worsened < FEWEST_CHANGES or self.low <= 0 <= self.high:
            return "no clear change"
        return "better" if self.difference > 0 else "worse"


def compare(before: Sequence[bool], after: Sequence[bool]) -> Change:
    """Compare whether each of the same problems, at least one, was passed before and after."""
    n = len(before)
    pairs = list(zip(before, after, strict=True))
    improved = sum(now and not then for then, now in pairs)
    worsened = sum(then and not now for then, now in pairs)
    changed, net = improved + worsened, improved - worsened
    standard_error = math.sqrt(changed + 1 - net**2 / (n + 2)) / (n + 2)
    centre, reach = net / (n + 2), Z95 * standard_error
    return Change(
        problems=n,
        before=sum(before) / n,
        after=sum(after) / n,
        difference=net / n,
        standard_error=standard_error,
        low=max(-1.0, centre - reach),
        high=min(1.0, centre + reach),
        improved=improved,
        worsened=worsened,
    )


def table(changes: Mapping[str, Change]) -> str:
    """Return the changes of all tasks as a table for people."""
    cells = [["task", "problems", "before", "after", "difference", "95% interval", "verdict"]]
    for name, change in changes.items():
        interval = f"{change.low:+.1%} to {change.high:+.1%}"
        shares = (f"{change.before:.1%}", f"{change.after:.1%}", f"{change.difference:+.1%}")
        cells.append([name, str(change.problems), *shares, interval, change.verdict])
    return text_table(cells, right=range(1, 6))
