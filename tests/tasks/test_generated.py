"""What every generated task promises: fixed items, valid, test and train apart, strict judges."""

import itertools
import re

import pytest

from nanochat.common import UserError
from nanochat.conversation import validate_messages
from nanochat.data import corpus
from nanochat.tools.calculator import use_calculator
from tasks import identity, mixtures, people, registry, smalltalk, words
from tasks.arithmetic import Arithmetic
from tasks.common import extract_answer
from tasks.humanchat import HumanChat
from tasks.identity import Identity
from tasks.multiple_choice import MultipleChoice
from tasks.reading import ReadingQA
from tasks.repeat import Repeat
from tasks.smalltalk import SmallTalk
from tasks.spelling import Spelling
from tasks.spellingbee import SimpleSpelling, SpellingBee
from tasks.word_problems import ONE_STEP, TWO_STEPS, WordProblems, questions_in_split

JUDGED = (
    Arithmetic, Identity, MultipleChoice, ReadingQA, Repeat, SimpleSpelling, Spelling,
    SpellingBee, WordProblems,
)  # fmt: skip
GENERATED = (*JUDGED, SmallTalk, HumanChat)
SOME = 300

pytestmark = pytest.mark.usefixtures("tiny_corpus")
every = pytest.mark.parametrize("task", GENERATED, ids=lambda task: task.__name__)
judged = pytest.mark.parametrize("task", JUDGED, ids=lambda task: task.__name__)


def items(task, split, size=SOME):
    return list(task(size=size, split=split))


def question(conversation):
    return conversation["messages"][0]["content"]


def gold(conversation):
    """The reference answer as the tokenizer would decode it."""
    content = conversation["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    names = {
        "text": "{}",
        "python": "<|python_start|>{}<|python_end|>",
        "python_output": "<|output_start|>{}<|output_end|>",
    }
    return "".join(names[part["type"]].format(part["text"]) for part in content)


@every
@pytest.mark.parametrize("split", ["train", "test"])
def test_conversations_are_valid_and_fixed(task, split):
    conversations = items(task, split)
    assert conversations and conversations == items(task, split)
    for conversation in conversations:
        validate_messages(conversation["messages"])
        assert conversation["messages"][-1]["role"] == "assistant"


@every
def test_train_and_test_share_no_question(task):
    train = {question(c).lower() for c in items(task, "train", 3000)}
    test = {question(c).lower() for c in items(task, "test", 1000)}
    if task is HumanChat:  # people greet each other the same way; whole chats differ
        train = {str(c) for c in items(task, "train", 3000)}
        test = {str(c) for c in items(task, "test", 1000)}
    assert train and test and not train & test


@every
def test_other_splits_and_sizes_are_refused(task):
    with pytest.raises(UserError, match="split"):
        task(split="validation")


@judged
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_reference_is_right(task, split):
    judge = task(size=SOME, split=split)
    for conversation in judge:
        assert judge.evaluate(conversation, gold(conversation)) is True
        assert judge.reward(conversation, gold(conversation)) == 1.0


@judged
def test_other_answers_are_wrong(task):
    judge = task(size=SOME, split="train")
    by_answer = {gold(c): c for c in judge}
    answers = list(by_answer)
    for conversation in list(judge)[:40]:
        assert judge.evaluate(conversation, "") is False
        assert judge.evaluate(conversation, "I do not know.") is False
        wrong = [a for a in answers if different(task, by_answer[a], conversation)]
        assert wrong or task is Identity
        assert not any(judge.evaluate(conversation, answer) for answer in wrong)


def different(task, one, other):
    if task is Identity:  # the name is part of most answers, but yes is never no
        kinds = one["kind"], other["kind"]
        return set(kinds) == {"human", "ai"} or (kinds[1] == "skills" and kinds[0] != "skills")
    if task is ReadingQA:
        return gold(one).lower().removeprefix("the ") != gold(other).lower().removeprefix("the ")
    numbers = extract_answer(gold(one)), extract_answer(gold(other))
    return numbers[0] != numbers[1] if numbers[1] else gold(one) != gold(other)


@pytest.mark.parametrize("task", [Arithmetic, WordProblems, SpellingBee])
def test_tool_results_are_the_calculators(task):
    for conversation in items(task, "test"):
        parts = conversation["messages"][-1]["content"]
        results = [
            (use_calculator(call["text"]), result["text"])
            for call, result in itertools.pairwise(parts)
            if call["type"] == "python"
        ]
        assert results and all(str(number) == said for number, said in results)
        final = extract_answer(parts[-1]["text"])
        assert 0 <= results[-1][0] - float(final) < 0.01


def test_test_numbers_names_and_wordings_are_unseen():
    seen = {n for c in items(Arithmetic, "train", 2000) for n in re.findall(r"\d+", question(c))}
    for conversation in items(Arithmetic, "test", 1000):
        assert [n for n in re.findall(r"\d+", question(conversation)) if n not in seen]
    assert not set(people.names("train")) & set(people.names("test"))


def test_only_combinations_of_known_facts_and_questions_are_held_out():
    asked = set()
    for story in ONE_STEP + TWO_STEPS:
        for facts in story.facts:
            train, test = (
                questions_in_split(split, facts, story.questions) for split in ("train", "test")
            )
            assert len(test) == 1 and sorted(train + test) == sorted(story.questions)
            asked.update(train)
    assert asked == {question for story in ONE_STEP + TWO_STEPS for question in story.questions}


def test_a_story_problem_has_one_solution():
    told = [
        f"{facts} {question}"
        for story in ONE_STEP + TWO_STEPS
        for facts in story.facts
        for question in story.questions
    ]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("story", ONE_STEP + TWO_STEPS, ids=lambda story: story.facts[0])
def test_stories_are_told_in_many_ways_with_the_quantities_they_need(story):
    assert len(story.facts) >= 4 and len(story.questions) >= 4
    needed = sorted(set(re.findall(r"{([abc])}", str(story.steps))))
    assert len(needed) <= len(story.limits)
    for facts in story.facts:
        assert sorted(re.findall(r"{([abc])}", facts)) == needed


def test_word_problems_can_be_restricted_to_a_number_of_steps():
    for steps in (1, 2):
        for conversation in WordProblems(50, steps=steps):
            parts = conversation["messages"][-1]["content"]
            assert [part["type"] for part in parts].count("python") == steps


def test_test_words_are_unseen():
    train, test = set(words.words("train")), set(words.words("test"))
    assert test and len(train) > 4 * len(test) and not train & test


def test_reading_uses_held_out_articles():
    openings = {
        split: {article.text[:40] for article in corpus.articles(split)}
        for split in ("train", "test")
    }
    for split, other in (("train", "test"), ("test", "train")):
        for conversation in ReadingQA(200, split, source="articles"):
            assert conversation["answer"] in question(conversation)
            assert any(opening in question(conversation) for opening in openings[split])
            assert not any(opening in question(conversation) for opening in openings[other])


def test_reading_source_is_checked():
    with pytest.raises(UserError, match="source"):
        ReadingQA(source="books")


def test_identity_test_phrasings_cannot_be_composed():
    def plain(text):
        return re.sub(r"\W+", " ", text.lower()).strip()

    unseen = {plain(phrase) for _, phrase in identity.TEST_QUESTIONS}
    assert len(unseen) == len(Identity(split="test")) == 20
    assert {kind for kind, _ in identity.TEST_QUESTIONS} == set(identity.QUESTIONS)
    fillers = {"{o}": identity.OTHERS, "{c}": identity.COMPANIES}
    cores = {
        plain(core.replace(slot, name))
        for cores in identity.QUESTIONS.values()
        for core in cores
        for slot, names in fillers.items()
        for name in names
    }
    openers = {plain(opener) for opener in identity.OPENERS}
    for phrase in unseen:
        for opener in openers:
            rest = phrase.removeprefix(opener).strip()
            for ending in identity.ENDINGS:
                assert rest.removesuffix(plain(ending)).strip() not in cores, phrase


@pytest.mark.parametrize(
    ("kind", "answer", "right"),
    [
        ("name", "I'm nanochat.", True),
        ("name", "I'm nanochat, not ChatGPT.", False),
        ("name", "I am Tom.", False),
        ("human", "No, I am a language model.", True),
        ("human", "Yes, I am an AI.", False),
        ("human", "Nobody knows. I am an AI.", False),
        ("ai", "Yes, I'm an AI.", True),
        ("ai", "Yes, I'm aimless.", False),
        ("other", "No, I'm nanochat.", True),
        ("other", "No, I was made by OpenAI. I'm nanochat.", False),
        ("maker", "I'm nanochat, trained on this computer.", True),
        ("maker", "I'm nanochat.", False),
    ],
)
def test_identity_is_judged_by_its_facts(kind, answer, right):
    conversation = {"messages": [], "kind": kind}
    assert Identity().evaluate(conversation, answer) is right


def test_assistants_of_small_talk_stay_in_role():
    for topic in smalltalk.TOPICS:
        for reply in topic.replies:
            assert not re.search(r"my (?:wife|husband|mother|boss)", reply, re.IGNORECASE)


@pytest.mark.parametrize("name", registry.GENERATED)
def test_the_registry_makes_test_splits(name):
    task = registry.TASKS[name]()
    assert task.split == "test" and len(task) >= 20
    assert task.eval_type in ("generative", "categorical")
    validate_messages(task[0]["messages"])


def test_chatcore_is_made_of_benchmarks():
    assert set(registry.CHATCORE_BASELINES) <= set(registry.BENCHMARKS)


@pytest.mark.parametrize("mixture", [mixtures.quickstart_mid, mixtures.quickstart_sft])
def test_quickstart_mixtures(mixture):
    for split, size in (("train", 400), ("test", 200)):
        task = mixture(split, size)
        assert 0.7 * size < len(task) <= 1.1 * size
        assert abs(sum(share for _, _, share in task.shares()) - 1) < 1e-9
        for conversation in task:
            validate_messages(conversation["messages"])
