import random

import pytest

from nanochat.data.corpus import Article
from tasks.reading import ReadingQA, normalized
from tasks.reading_articles import QUESTIONS, article_items, cut
from tasks.reading_stories import FACTS, story


def ask(text, title="Bem", topic="Geography"):
    return {(item.kind, item.answer) for item in article_items(Article(title, text, topic, ""))}


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        ("Bem is an ancient city in Mali, near Dol.", "Geography", {
            ("what", "an ancient city in Mali"), ("where", "in Mali")}),
        ("Bem is a city. It was founded in 1885 by a king.", "Geography", {
            ("when", "1885"), ("year", "1885")}),
        ("Bem, also known as Old Bem, is a book written by J. R. Fox.", "Arts", {
            ("also", "Old Bem"), ("by", "J. R. Fox")}),
        ("Ann Bem was a French painter and poet.", "People", {
            ("who", "a French painter and poet"), ("nationality", "French"),
            ("profession", "painter")}),
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
        question, answer = (message["content"] for message in conversation["messages"])
        assert normalized(answer) in normalized(question)
        assert 1 <= len(answer.split()) <= 8


def test_a_story_has_exactly_one_answer():
    for seed in range(500):
        passage, question, answer = story(random.Random(seed), "train")
        assert normalized(answer) in normalized(passage) and "{" not in passage + question + answer
        assert " a a" not in passage and not any(f" a {v}" in passage for v in "aeiou")


def test_every_fact_can_be_asked_about():
    for fact in FACTS:
        slots = {"n": "Ann", "a": "x", "b": "y"}
        for text in (*fact.sentences, *(q for q, _ in fact.questions)):
            assert "{" not in text.format(**slots)


def test_questions_are_questions():
    assert all(q.endswith("?") for questions in QUESTIONS.values() for q in questions)


@pytest.mark.parametrize(
    ("completion", "right"),
    [("The Red Ball.", True), ("red ball", True), ("a ball", False), ("red ball and cup", False)],
)
def test_answers_are_compared_without_articles_and_punctuation(tiny_corpus, completion, right):
    conversation = {"messages": [{}, {"role": "assistant", "content": "a red ball"}]}
    assert ReadingQA(1).evaluate(conversation, completion) is right
