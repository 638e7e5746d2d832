"""Pools of questions that stories of the same kind share; slots as in `story`."""

# --- Questions about the things that {n} has ---

HAS_NOW = (  # after gains and after losses
    "How many {o} does {n} have now?",
    "How many {o} does {n} have then?",
    "How many {o} does {n} have at the end?",
    "How many {o} does {n} have after that?",
    "How many {o} does {n} own now?",
    "So how many {o} does {n} have?",
)
HAS_IN_TOTAL = (
    "How many {o} does {n} have in total?",
    "How many {o} does {n} have altogether?",
    "How many {o} does {n} have in all?",
)
HAS_LEFT = (
    "How many {o} are left?",
    "How many {o} remain?",
    "How many {o} does {n} have left?",
    "How many {o} does {n} still have?",
)

# --- Questions about things, whoever has them ---

IS_THAT = (  # also when the things are gone
    "How many {o} is that in total?",
    "How many {o} is that altogether?",
    "How many {o} is that in all?",
    "How many {o} does that make?",
    "How many {o} does that make in total?",
    "What is the total number of {o}?",
)
ARE_THERE = (
    "How many {o} are there in total?",
    "How many {o} are there altogether?",
    "How many {o} are there in all?",
)
TOGETHER = (
    "How many {o} do they have together?",
    "How many {o} do they have in total?",
    "How many {o} do they have altogether?",
    "How many {o} do {n} and {m} have together?",
    "How many {o} do {n} and {m} have in total?",
    "How many {o} do the two have in all?",
    "How many {o} is that altogether?",
    "What is the total number of {o}?",
)
DIFFERENCE = (
    "How many more {o} does {n} have than {m}?",
    "How many fewer {o} does {m} have than {n}?",
    "How many more {o} does {m} need to have as many as {n}?",
    "How many {o} does {m} need to catch up with {n}?",
    "By how many {o} is {n} ahead of {m}?",
    "By how many {o} is {m} behind {n}?",
)
MISSING = (
    "How many more {o} does {n} need?",
    "How many {o} does {n} still need?",
    "How many more {o} does {n} have to get?",
    "How many more {o} must {n} find?",
    "How many {o} are missing?",
    "How many {o} are still missing?",
)
EACH = (  # a share may be a person's or a pile
    "How many {o} does each one get?",
    "How many {o} go to each one?",
    "How many {o} is that for each?",
    "How many {o} is that for each one?",
    "How many {o} are there for each?",
    "How many {o} are in each share?",
    "How many {o} does each share have?",
)

# --- Questions about money, miles, ages, pages, people, bags and boxes ---

MONEY = (  # earned or paid
    "How many dollars is that in total?",
    "How many dollars is that altogether?",
    "How many dollars is that in all?",
    "How much money is that?",
    "How much money is that in total?",
    "How much money is that altogether?",
    "What is the total in dollars?",
)
EARNS = (
    "How many dollars does {n} earn?",
    "How much money does {n} earn?",
    "How much does {n} earn in total?",
)
MONEY_LEFT = (
    "How many dollars are left?",
    "How many dollars does {n} have left?",
    "How many dollars does {n} still have?",
    "How many dollars does {n} have now?",
    "How much money is left?",
    "How much money does {n} have left?",
    "How much money does {n} still have?",
)
MILES = (
    "How many miles is that in total?",
    "How many miles is that altogether?",
    "How many miles is that in all?",
    "How many miles does {n} go in total?",
    "How far does {n} go in total?",
    "How far does {n} go altogether?",
)
AGE = (
    "How old is {m}?",
    "How old is {m} now?",
    "How many years old is {m}?",
    "What is the age of {m}?",
    "What age is {m}?",
    "What is {m}'s age?",
)
PAGES_LEFT = (
    "How many pages are left?",
    "How many pages are left to read?",
    "How many pages does {n} have left?",
    "How many pages does {n} have left to read?",
    "How many pages does {n} still have to read?",
    "How many pages has {n} not read yet?",
)
PEOPLE = (  # for anything that people ride on
    "How many people are there now?",
    "How many people are there then?",
    "How many people are on it now?",
    "How many people are on it at the end?",
    "How many people are on it after that?",
    "How many people does it carry now?",
    "How many people does it carry then?",
)
BAGS = (
    "How many bags is that?",
    "How many bags are needed?",
    "How many bags does {n} need?",
    "How many bags does {n} fill?",
    "How many bags can {n} fill?",
    "How many bags can be filled?",
)
BOXES_LEFT = (
    "How many boxes are left?",
    "How many boxes remain?",
    "How many boxes does {n} have left?",
    "How many boxes does {n} still have?",
    "How many boxes does {n} have now?",
    "How many boxes does {n} have at the end?",
)
