import random

import pytest

from nanochat.data.corpus import Article
from tasks.reading import SOURCES, ReadingQA, normalized
from tasks.reading.articles import QUESTIONS, article_items
from tasks.reading.phrases import cut
from tasks.reading.stories import FACTS, story


def ask(text, title="Bem", topic="Geography"):
    return {(item.kind, item.answer) for item in article_items(Article(title, text, topic, ""))}


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        ("Bem is an ancient city in Mali.", "Geography", {
            ("what", "an ancient city"), ("where", "in Mali")}),
        ("Bem is a city. It was founded in 1885 by a king.", "Geography", {
            ("when", "1885"), ("year", "1885")}),
        ("Bem, also known as Old Bem, is a book written by J. R. Fox.", "Arts", {
            ("also", "Old Bem"), ("by", "J. R. Fox")}),
        ("Ann Bem was a French painter and poet.", "People", {
            ("who", "a French painter and poet"), ("nationality", "French"),
            ("profession", "painter and poet")}),
        ("Bem is a state. Its capital and largest city is New Dol, in the north.", "Geography", {
            ("capital", "New Dol")}),
        ("Bem is a town. The town has a population of 1,234 people.", "Geography", {
            ("population", "1,234")}),
        ("Bem is a metal. It is named after the god Bemus, who is old.", "Arts", {
            ("named", "the god Bemus")}),
        ("Bem is a metal. It is used for making coins and for rings.", "Arts", set()),
        ("Bem is a metal. It is used to make coins.", "Arts", {("used", "make coins")}),
        ("Bem is a metal. It has three large parts.", "Arts", {("many", "three")}),
    ],
)  # fmt: skip
def test_patterns(text, topic, expected):
    assert expected <= ask(text, topic=topic)


@pytest.mark.parametrize(
    "text",
    [
        "In Mali, Bem is a city.",  # the subject is not at the start
        "Dol is a city.",  # not about the title
        "Bem is a device.",  # says nothing
        "Bem is a way to live.",  # breaks off
        "Bem is made.",
    ],
)
def test_no_question_without_a_good_answer(text):
    assert not {kind for kind, _ in ask(text)} & {"what", "where"}


def test_a_year_is_only_asked_for_when_there_is_one():
    assert "year" not in {kind for kind, _ in ask("Bem is a war of 1914 and 1918.")}
    assert ("year", "1914") in ask("Bem is a war of 1914.")


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("a city in Mali, and more.", "a city in Mali"),
        ("a plant that grows.", "a plant"),
        ("a star formed by gas.", "a star"),
        ("the U.S. state of Ohio.", "the U.S. state of Ohio"),
        ("a public, round ball.", ""),
    ],
)
def test_cut(text, phrase):
    assert cut(text) == phrase


def test_answers_stand_in_their_passage(tiny_corpus):
    for conversation in ReadingQA(300):
        question, sentence = (message["content"] for message in conversation["messages"])
        answer = normalized(conversation["answer"])
        assert answer and answer in normalized(question) and answer in normalized(sentence)
        assert len(answer.split()) <= 8
        assert sentence[0].isupper() and sentence[-1] == "." and "{" not in sentence


def test_a_story_has_exactly_one_answer():
    for seed in range(500):
        passage, asked = story(random.Random(seed), "train")
        assert " a a" not in passage and not any(f" a {v}" in passage for v in "aeiou")
        assert len(asked) == passage.count(".")
        everything = [about for fact in asked for about in fact]
        assert len({about.question for about in everything}) == len(everything)
        for question, answer, sentence in everything:
            assert normalized(answer) in normalized(passage)
            assert "{" not in passage + question + answer + sentence


@pytest.mark.parametrize("source", SOURCES)
def test_one_passage_can_be_asked_about_several_times(tiny_corpus, source):
    several = list(ReadingQA(200, source=source, most_questions=3))
    turns = {len(c["messages"]) // 2 for c in several}
    assert turns == {1, 2, 3}
    for conversation in several:
        users, answers = conversation["messages"][::2], conversation["messages"][1::2]
        assert len({m["content"].lower() for m in users}) == len(users)
        assert normalized(conversation["answer"]) in normalized(answers[-1]["content"])


def test_every_fact_can_be_asked_about():
    for fact in FACTS:
        slots = {"n": "Ann", "a": "x", "b": "y"}
        for text in (*fact.sentences, *(text for about in fact.questions for text in about)):
            assert "{" not in text.format(**slots)
        assert all(answer in sentence for _, answer, sentence in fact.questions)


def test_questions_are_questions():
    assert all(q.endswith("?") for questions in QUESTIONS.values() for q in questions)


@pytest.mark.parametrize(
    ("completion", "right"),
    [
        ("Ann has the red ball", True),
        ("Al has a red ball.", False),
        ("The Red Ball.", True),
        ("red ball", True),
        ("a ball", False),
        ("red ball and cup", False),
    ],
)
def test_answers_are_compared_without_articles_and_punctuation(tiny_corpus, completion, right):
    sentence = {"role": "assistant", "content": "Ann has a red ball."}
    conversation = {"messages": [{}, sentence], "answer": "a red ball"}
    assert ReadingQA(1).evaluate(conversation, completion) is right
