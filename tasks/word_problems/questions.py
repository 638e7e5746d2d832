"""Pools of questions that stories of the same kind share; slots as in `story`."""

# --- Questions about the things that {n} has ---

HAS_NOW = (  # after gains and after losses
    "How many {o} does {n} have now?",
    "How many {o} does {n} have then?",
    "How many {o} does {n} have at the end?",
    "How many {o} does {n} have after that?",
)
HAS_IN_TOTAL = (
    "How many {o} does {n} have in total?",
    "How many {o} does {n} have altogether?",
)
HAS_LEFT = (
    "How many {o} are left?",
    "How many {o} remain?",
    "How many {o} does {n} have left?",
)

# --- Questions about things, whoever has them ---

IS_THAT = (  # also when the things are gone
    "How many {o} is that in total?",
    "How many {o} is that altogether?",
    "How many {o} is that in all?",
    "How many {o} does that make?",
)
ARE_THERE = (
    "How many {o} are there in total?",
    "How many {o} are there altogether?",
)
TOGETHER = (
    "How many {o} do they have together?",
    "How many {o} do they have in total?",
    "How many {o} do they have altogether?",
    "How many {o} do {n} and {m} have together?",
    "How many {o} do {n} and {m} have in total?",
)
MISSING = (
    "How many more {o} does {n} need?",
    "How many {o} does {n} still need?",
    "How many more {o} does {n} have to get?",
    "How many more {o} must {n} find?",
)
EACH = (  # a share may be a person's or a pile
    "How many {o} does each one get?",
    "How many {o} go to each one?",
    "How many {o} is that for each?",
    "How many {o} is that for each one?",
    "How many {o} are there for each?",
)

# --- Questions about money, miles, pages, people and bags ---

MONEY = (  # earned or paid
    "How many dollars is that in total?",
    "How many dollars is that altogether?",
    "How many dollars is that in all?",
    "How much money is that?",
    "How much money is that in total?",
)
MONEY_LEFT = (
    "How many dollars are left?",
    "How many dollars does {n} have left?",
    "How many dollars does {n} still have?",
    "How many dollars does {n} have now?",
    "How much money is left?",
)
MILES = (
    "How many miles is that in total?",
    "How many miles is that altogether?",
    "How many miles is that in all?",
    "How many miles does {n} go in total?",
)
PAGES_LEFT = (
    "How many pages are left?",
    "How many pages are left to read?",
    "How many pages does {n} have left?",
    "How many pages does {n} have left to read?",
    "How many pages does {n} still have to read?",
)
PEOPLE = (  # for anything that people ride on
    "How many people are there now?",
    "How many people are there then?",
    "How many people are on it now?",
    "How many people are on it at the end?",
    "How many people are on it after that?",
)
BAGS = (
    "How many bags is that?",
    "How many bags are needed?",
    "How many bags does {n} need?",
    "How many bags does {n} fill?",
    "How many bags can {n} fill?",
)
