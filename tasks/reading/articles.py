"""Questions that a short piece of an encyclopedia article answers in its own words.

Each kind of question has a pattern for the sentence that answers it. A pattern is only tried on
sentences whose subject is the article's, and an answer ends where its phrase ends, so that someone
who reads the passage would give the same answer.
"""

import functools
import re
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from nanochat.data import archives, corpus
from nanochat.data.cleaning import sentences
from nanochat.data.derived import derived
from tasks.reading import patterns
from tasks.reading.patterns import QUESTIONS
from tasks.reading.phrases import Phrase, cut, phrase_of

LONGEST_PASSAGE = 300  # characters
MOST_WORDS = 8  # of an answer


class Item(NamedTuple):
    """A question about a passage; `subject` fills the question's {x}, {be} is its verb."""

    kind: str
    passage: tuple[str, ...]
    subject: str
    extra: str
    answer: str


def _fits(answer: str) -> bool:
    return 0 < len(answer.split()) <= MOST_WORDS and not re.search(r"[()\"]|^(?:and|or) ", answer)


class Subject(NamedTuple):
    name: str  # as it is written inside a sentence
    be: str
    rest: str  # of the opening sentence, after the verb
    aside: str  # between name and verb
    phrase: Phrase  # what the subject is
    person: bool


def _inside_a_sentence(
    name: str, article: corpus.Article, what: str, common: Collection[str]
) -> str:
    """Return the name that begins an article about a `what` as it is written after a word."""
    if re.match(r"(?:An?|The) ", name):
        start, noun = name.split(" ", 1)
        return (
            name if noun[0].isupper() and patterns.WORK.search(what) else f"{start.lower()} {noun}"
        )
    lower, (first, *others) = name[0].lower() + name[1:], name.split()
    if (
        any(word[0].isupper() for word in others)
        or not name[1:].islower()
        or patterns.PROPER.search(what)
    ):
        return name
    if f" {lower}" in article.text and re.search(rf" {re.escape(lower)}s?\b", article.text):
        return lower
    if re.search(rf"[a-z,] {re.escape(name)}\b", article.text):
        return name
    usual = article.topic not in ("Geography", "History") and patterns.COMMON_ENDING.search(name)
    usual = usual or (article.topic.startswith("Biology") and patterns.PLURAL.search(name))
    return lower if usual or first.lower().removesuffix("'s") in common else name


def subject_of(article: corpus.Article, common: Collection[str] = ()) -> Subject | None:
    """Return the subject of the opening sentence, or None if it is not the article's title.

    `common` has the words that are written in lower case.
    """
    title = re.sub(r" \(.*\)$", "", article.title)
    opening, *others = sentences(article.text)
    match = patterns.OPENING.match(opening)
    if not match:
        return None
    name = match["subject"].split(" or ")[0]
    if not any(word[:4].lower() in name.lower() for word in title.split() if len(word) > 2):
        return None
    if name.startswith(("In ", "As ", "During ", "On ", "For ")):
        return None
    phrase = phrase_of(match["rest"], short=True)
    human = article.topic == "People" or (others and patterns.PERSON.match(others[0]))
    several = match["be"] in ("are", "were") or patterns.SEVERAL_PEOPLE.search(phrase.text)
    if not human:
        name = _inside_a_sentence(name, article, phrase.text, common)
    person = bool(human and not several)
    return Subject(name, match["be"], match["rest"], match["aside"], phrase, person)


def _definition(phrase: Phrase, name: str) -> str:
    """Return what the subject is, unless the phrase says too little of it."""
    text = phrase.text
    if set(text.split()[1:]) <= set(name.lower().split()):  # "a national flag is a flag"
        return ""
    if len(text.split()) < 2 or patterns.VAGUE.match(text) or re.match(r"an? [A-Z]\S*$", text):
        return ""
    # "the largest city in ..." says nothing without its place, nor "the ratio of mass to ..."
    cut_short = phrase.end not in (*",.;:(", "") and not re.match("which|who", phrase.end)
    definite = re.match(r"(?:the|one) ", text)
    if cut_short and definite and (" of " not in text or text.startswith("one ")):
        return ""
    unfinished = patterns.INCOMPLETE.search(text) or re.search(r" of (?:the )?[a-z]+ing\b", text)
    if cut_short and unfinished:
        return ""
    return "" if phrase.end in ("between", "into", "than", "per", "as", "not") else text


def _opening_questions(subject: Subject):
    """Yield (kind, detail, answer) for the questions that the opening sentence answers."""
    person, rest, phrase = subject.person, subject.rest, subject.phrase
    if re.match(r"(?:an?|the|one of) ", rest):
        yield "who" if person else "what", subject.be, _definition(phrase, subject.name)
    job = re.match(rf"an? ({patterns.NATION}) ([a-z].*)", rest)
    if person and job and not re.match(r"(?:and|or|by) ", job[2]):
        yield "nationality", subject.be, job[1]
        work = cut(job[2], short=True)
        yield "profession", subject.be, "" if patterns.NO_JOB.search(work) else work
    place = patterns.IN_PLACE.match(rest)
    if place and not patterns.ELSEWHERE.search(rest[place.end() :]):
        yield "where", subject.be, place[1]
    also = patterns.ALSO.match(subject.aside)
    if also and not re.search(r"\b(?:known as|called)\b", rest):
        yield "also", subject.be, also[1]
    people = patterns.POPULATION.search(rest)
    if people and not patterns.OTHER_NUMBER.search(rest[people.end() :]):
        yield "population", subject.be, people[1]
    # "a book written by ...", but not "a word used for ..."
    if phrase.end.isalpha() and phrase.text and not re.search(r"(?:term|name|word)$", phrase.text):
        yield from _said(f"{subject.be} {phrase.rest.strip()}", 0, rest)


def _said(sentence: str, start: int, whole: str, plural: bool | None = None):
    """Yield (kind, detail, answer) for what the sentence says of its subject after `start`."""
    for kind, pattern in patterns.LATER:
        match = pattern.match(sentence, start)
        if not match:
            continue
        be, detail, answer = match.groups()
        if plural is not None and be and (be in ("are", "were")) != plural:
            continue
        if kind == "when" and len(set(re.findall(r"\b\d{4}\b", whole))) != 1:
            continue
        if kind in ("when", "by"):
            be = {"is": "was", "are": "were"}.get(be, be)
        if kind == "many":
            if not plural:
                yield kind, answer, detail
            continue
        if kind == "population" and patterns.OTHER_NUMBER.search(sentence[match.end() :]):
            continue
        if kind == "used" and detail == "to":
            detail = "to do"
        if kind == "by":
            answer = _agent(answer)
        elif kind not in ("when", "born", "population"):
            phrase = phrase_of(answer)
            answer = "" if patterns.MORE.match(phrase.rest.lstrip(" ,")) else phrase.text
            # "the works she wrote" and "used to decide whether" say nothing without their clause
            if phrase.end not in (*",.;:", "") and re.match(r"the \w+$|[a-z]+$", answer):
                answer = ""
        yield kind, f"{be} {(detail or '').strip()}".strip(), answer


def _agent(text: str) -> str:
    """Return the name of who did it, without what they are."""
    agent = patterns.AGENT.fullmatch(cut(text, short=True))
    return agent[1] if agent else ""


def _later_questions(sentence: str, subject: Subject, opening: str):
    """Yield (kind, detail, answer) for what a sentence about the subject says of it."""
    name, person = subject.name, subject.person
    capital = patterns.CAPITAL.match(sentence)
    if capital:
        yield "capital", "is", capital[1]
    names = [name[:1].upper() + name[1:], *([name.split()[-1]] if person else [])]
    said = next((len(n) + 1 for n in names if sentence.startswith(f"{n} ")), 0)
    pronoun = patterns.PRONOUN.match(sentence)
    if pronoun and not said:
        noun = pronoun["noun"]
        fits = noun in opening if noun else (pronoun[0].split()[0] in ("He", "She")) == person
        said = pronoun.end() if fits else 0
    if said:
        plural = subject.be in ("are", "were")
        for kind, detail, answer in _said(sentence, said, sentence, plural):
            # two places or two numbers of people would both be right
            if kind == "where" and re.search(
                r" (?:in|on|of|off) (?:the )?(?:\w+ern )?[A-Z]", opening
            ):
                continue
            if kind != "population" or not re.search("population|inhabitants", opening):
                yield kind, detail, answer


def _passage(lines: list[str], index: int) -> tuple[str, ...] | None:
    """Return the opening sentence and the one that answers, if they are short enough."""
    chosen = lines[:1] if index == 0 else [lines[0], lines[index]]
    return tuple(chosen) if sum(map(len, chosen)) <= LONGEST_PASSAGE else None


def _only_year(text: str) -> str:
    """Return the year in the text if nothing else could be taken for one."""
    years = set(re.findall(r"(?<![\d,.])[12]\d{3}(?![\d%]|,\d|s\b| ?[A-Z]\b)", text))
    match = patterns.YEAR.search(text)
    return match[1] if match and len(years) == 1 and not patterns.NOT_A_YEAR.search(text) else ""


def article_items(article: corpus.Article, common: Collection[str] = ()) -> list[Item]:
    """Return every question that can be asked about an article; `common` as in subject_of."""
    subject, lines = subject_of(article, common), sentences(article.text)
    if subject is None:
        return []
    found = [(0, *question) for question in _opening_questions(subject)]
    for index, line in enumerate(lines[1:6], 1):
        questions = _later_questions(line, subject, lines[0])
        found += [(index, *question) for question in questions]
    for index in range(min(3, len(lines))):
        found.append((index, "year", "", _only_year(" ".join(_passage(lines, index) or ()))))
    items = []
    for index, kind, extra, answer in found:
        passage = _passage(lines, index)
        if passage and _fits(answer) and answer in " ".join(passage):
            items.append(Item(kind, passage, subject.name, extra, answer))
    return items


def common_words(articles: Iterable[corpus.Article]) -> set[str]:
    """Return the words that are mostly in lower case after another word."""
    counts: Counter[str] = Counter()
    for article in articles:
        counts.update(re.findall(r"(?<=[a-z] )[A-Za-z]\w+", article.text))
    return {word for word, n in counts.items() if word.islower() and n > counts[word.title()]}


@functools.cache
def all_items(split: str) -> dict[str, tuple[Item, ...]]:
    """Return the questions about a split's articles by kind."""
    make = functools.partial(_find_items, split)
    found = derived(f"reading-{split}", archives.ENCYCLOPEDIA, Path(__file__).parent, make)
    return {
        kind: tuple(Item(kind, tuple(passage), *rest) for _, passage, *rest in items)
        for kind, items in found.items()
    }


def _find_items(split: str) -> dict[str, list[Item]]:
    kinds: dict[str, list[Item]] = {kind: [] for kind in QUESTIONS}
    common = common_words(corpus.articles("train"))
    for article in corpus.articles(split):
        for item in article_items(article, common):
            kinds[item.kind].append(item)
    return {kind: items for kind, items in kinds.items() if items}
