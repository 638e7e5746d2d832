"""Questions that a short piece of an encyclopedia article answers in its own words.

Each kind of question has a pattern for the sentence that answers it. A pattern is only tried on
sentences whose subject is the article's, and an answer ends where its phrase ends, so that someone
who reads the passage would give the same answer.
"""

import functools
import re
from typing import NamedTuple

from nanochat.data import corpus
from nanochat.data.cleaning import sentences

LONGEST_PASSAGE = 300  # characters
MOST_WORDS = 8  # of an answer


class Item(NamedTuple):
    """A question about a passage; `subject` fills the question's {x}, {be} is its verb."""

    kind: str
    passage: tuple[str, ...]
    subject: str
    extra: str
    answer: str


# kind -> ways to ask; {x} is the article's subject, {be} is/was/are/were, {e} the kind's own detail
QUESTIONS = {
    "what": ("What {be} {x}?", "What {be} {x}?", "What does the text say {x} {be}?"),
    "who": ("Who {be} {x}?", "Who {be} {x}?", "What does the text say {x} {be}?"),
    "nationality": ("What nationality {be} {x}?", "What {be} the nationality of {x}?"),
    "profession": ("What {be} the profession of {x}?", "What {be} {x} by profession?"),
    "where": ("Where {be} {x}?", "Where {be} {x} located?", "Where can {x} be found?"),
    "year": (
        "Which year does the text mention?",
        "What year is mentioned?",
        "Which year is given in the text?",
    ),
    "when": ("When {be} {x} {e}?", "In which year {be} {x} {e}?", "What year {be} {x} {e}?"),
    "by": ("By whom {be} {x} {e}?", "Who {be} {x} {e} by?", "{x} {be} {e} by whom?"),
    "also": ("What is another name for {x}?", "What else is {x} called?"),
    "population": (
        "What is the population of {x}?",
        "How many people live in {x}?",
        "How large is the population of {x}?",
    ),
    "capital": ("What is the capital of {x}?", "Which city is the capital of {x}?"),
    "named": ("What {be} {x} named after?", "After what {be} {x} named?"),
    "known": ("What {be} {x} known for?", "For what {be} {x} known?"),
    "many": ("How many {e} does {x} have?", "How many {e} are there?"),
    "native": ("Where {be} {x} native to?", "What place {be} {x} native to?"),
    "born": ("Where was {x} born?", "What is the birthplace of {x}?"),
    "causes": ("What causes {x}?", "What {be} {x} caused by?"),
    "made": ("What {be} {x} made from?", "From what {be} {x} made?"),
    "used": ("What {be} {x} used {e}?", "What does the text say {x} {be} used {e}?"),
}
_PARTICIPLES = (
    r"\w+ed|made|found|known|written|spoken|built|born|held|led|set|grown|drawn|seen|used|worn|"
    r"consisting|comprising|containing|including|involving|forming|lying|living|ranging|covering|"
    r"using|belonging|dealing|spanning|occurring|running|flowing|resulting|connecting|having"
)
_PHRASE_END = re.compile(
    r"[,;:(]|(?<![A-Z])\.(?= |$)| - "
    r"| (?:that|which|who|whom|whose|where|when|while|because|although|as|if)\b"
    r"| (?:in|of|for|to|on|by|from|at) which\b"
    rf"| (?:{_PARTICIPLES}) (?:by|in|on|at|from|for|to|with|as|into|of|or|the|an?|through)\b"
)
_PREPOSITION = re.compile(
    r" (?:from|since|during|between|by|for|with|to|on|near|within|through|under|along|across|at"
    r"|against|around|into|about|after|before|without)\b"
)
_ADJECTIVE = re.compile(r"(?:ed|al|ous|ic|ive|ful|less|ary|able|ible|ish|ant|ent|ese|ian|st)$")
_VAGUE = re.compile(
    r"(?:an?|the|one of(?: the)?) (?:\w+ )?(?:device|system|process|method|form|type|kind|group|set"
    r"|part|term|way|unit|state|act|person|place|member|series|collection|one|name|study|use|field"
    r"|area|condition|object|item|structure|institution|number|practice|ability|result|class|family|order|art|measure|property|word|title|first)s?$"
)
_WORD = r"(?:[A-Z]\.|[A-Z][\w'-]+)"
_NAME = rf"(?:the )?{_WORD}(?: (?:of the |of |the |de |van |von |di |ibn )?{_WORD})*"
_PLACE = rf"(?:(?:the )?(?:[a-z]+ern|central|northeast|southeast) )?{_NAME}"
_OPENING = re.compile(
    r"^(?P<subject>[^,;()]{2,50}?)(?P<aside>(?:, [^;]{2,80},| \([^()]*\))?) "
    r"(?P<be>is|was|are|were) (?P<rest>.+)$"
)
_PRONOUN = re.compile(
    r"(?:It|He|She|They|The (?:city|country|island|river|town|state|film|book|company|university"
    r"|museum|building|bridge|church|mountain|lake|province|region|novel|song|album|language))"
    r"(?: also)? "
)


def cut(text: str, short: bool = False) -> str:
    """Return the phrase at the start of `text`; `short` ends it at most prepositions, too.

    Returns "" where the phrase would end in the middle of a thought.
    """
    patterns = (_PHRASE_END, _PREPOSITION) if short else (_PHRASE_END,)
    ends = [match for pattern in patterns if (match := pattern.search(text))]
    end = min(ends, key=lambda match: match.start(), default=None)
    phrase = text[: end.start()] if end else text
    phrase = re.sub(r"(?: (?:and|or|in|of|the|an?|also|not|both|being|\w+ly))+$", "", phrase)
    phrase = phrase.strip(" .\"'")
    listed = end is not None and end.group() == ","
    if re.search(r"\w(?:ing|-born|-based)$", phrase) or (listed and _ADJECTIVE.search(phrase)):
        return ""
    return "" if end is not None and end.group() == " to" else phrase


def _fits(answer: str) -> bool:
    return 0 < len(answer.split()) <= MOST_WORDS and answer.count("(") == answer.count(")")


class Subject(NamedTuple):
    name: str
    be: str
    rest: str  # of the opening sentence, after the verb
    aside: str  # between name and verb


def subject_of(article: corpus.Article) -> Subject | None:
    """Return the subject of the opening sentence, or None if it is not the article's title."""
    title = re.sub(r" \(.*\)$", "", article.title)
    match = _OPENING.match(sentences(article.text)[0])
    if not match:
        return None
    name = re.sub(r"^(A|An|The) ", lambda m: m.group().lower(), match["subject"])
    if not any(word[:4].lower() in name.lower() for word in title.split() if len(word) > 2):
        return None
    if name.startswith(("In ", "As ", "During ", "On ", "For ")):
        return None
    if name != title and article.topic != "People" and name[1:].islower():
        name = name[0].lower() + name[1:]
    return Subject(name, match["be"], match["rest"], match["aside"])


def _opening_questions(article: corpus.Article, subject: Subject):
    """Yield (kind, detail, answer) for the questions that the opening sentence answers."""
    person = article.topic == "People"
    if re.match(r"(?:an?|the|one of) ", subject.rest):
        answer = cut(subject.rest, short=True)
        if len(answer.split()) >= 2 and not _VAGUE.match(answer):
            yield "who" if person else "what", subject.be, answer
    job = re.match(r"an? ((?:[A-Z][a-z]+(?:-| ))?[A-Z][a-z]+) ([a-z].*)", subject.rest)
    if person and job and not job[2].startswith("and "):
        yield "nationality", subject.be, job[1]
        yield "profession", subject.be, cut(job[2], short=True).split(" and ")[0]
    place = re.match(
        r"(?:an?|the) [a-z][\w -]*?\b(?:city|town|country|river|island|lake|mountain|region|state|"
        r"province|capital|municipality|village|port|desert|sea|range|district|valley|park|museum|"
        rf"university|building|church|bridge|temple) "
        rf"((?:in|on|off|near) {_PLACE}(?:(?: and|,) {_PLACE})*)(?=[.,;]|"
        r" (?:and|that|which|with|on|at|near|located|situated|from|known|bordering|to|as)\b)",
        subject.rest,
    )
    if place:
        yield "where", subject.be, place[1]
    also = re.match(r", (?:also|commonly) (?:known as|called) ([^,]{3,40}),$", subject.aside)
    if also and " or " not in also[1]:
        yield "also", subject.be, also[1]
    author = re.search(
        r"\b(directed|written|composed|painted|designed|published|created|developed) by (.+)",
        subject.rest,
    )
    if author and not person:
        yield "by", f"was {author[1]}", _agent(author[2])


def _agent(text: str) -> str:
    """Return who did it, if it is somebody with a name."""
    agent = cut(text, short=True)
    return agent if re.search("[A-Z]", agent) else ""


_LATER_SOURCES = (
    ("when", r"(is|was|were) (founded|established|built|released|published|discovered|born|created"
             r"|opened|completed|invented|formed|introduced|launched|elected|incorporated|dissolved"
             r"|destroyed|abolished|adopted|signed|crowned|assassinated|executed|named|awarded)"
             r"(?: [\w' .-]+?)? in (\d{4})\b"),
    ("by", r"(is|was|were) (founded|discovered|invented|developed|designed|built|composed|written"
           r"|directed|painted|introduced|created|proposed|published|conquered|commissioned) "
           r"by (.+)"),
    ("population", r"()(?:has|had|with) (?:a|an estimated) population of ()"
                   r"((?:(?:about|over|around|approximately|nearly) )?\d[\d,.]*\d"
                   r"(?: million| billion)?)"),
    ("named", r"(is|was|are|were) named after ()(.+)"),
    ("known", r"(is|was|are|were) (?:\w+ly |best )?(?:known|famous|remembered|noted) for ()(.+)"),
    ("many", r"()(?:contains?|comprises?|includes?|has|have|consists? of) (two|three|four|five"
             r"|six|seven|eight|nine|ten|twelve|\d[\d,]*) ((?:[a-z]+ )?[a-z]+s)\b(?! of)"),
    ("where", r"(is|was|are|were) (?:located|situated|found)( mainly| primarily)? "
              r"((?:in|on|at|near|between) .+)"),
    ("native", r"(is|are) native to ()(.+)"),
    ("born", rf"(was) born (?:in|at) ()({_NAME}(?:, {_NAME})*)(?=,? ?[a-z.(])"),
    ("causes", r"(is|are|was) (?:\w+ly )?caused by ()(.+)"),
    ("made", r"(is|are|was|were) (?:\w+ly )?made (?:from|of) ()(.+)"),
    ("used", r"(is|are|was|were) (?:\w+ly )?used (to|for|as) (.+)"),
)  # fmt: skip


_LATER = tuple((kind, re.compile(pattern)) for kind, pattern in _LATER_SOURCES)
_CAPITAL = re.compile(
    r"(?:Its|The|The country's|The state's) capital(?: and \w+ city)?(?: of [\w ]+?)? is "
    rf"({_NAME})"
)


def _later_questions(sentence: str, name: str):
    """Yield (kind, detail, answer) for what a sentence about the subject says of it."""
    capital = _CAPITAL.match(sentence)
    if capital:
        yield "capital", "is", capital[1]
    starts = [f"{start} " for start in (name[:1].upper() + name[1:], name.split()[-1])]
    pronoun = _PRONOUN.match(sentence)
    said = next((len(start) for start in starts if sentence.startswith(start)), 0)
    said = pronoun.end() if pronoun else said
    if not said:
        return
    for kind, pattern in _LATER:
        match = pattern.match(sentence, said)
        if not match:
            continue
        be, detail, answer = match.groups()
        if kind == "many":
            yield kind, answer, detail
            continue
        if kind == "used" and detail == "to":
            detail = "to do"
        if kind == "when" and len(set(re.findall(r"\b\d{4}\b", sentence))) != 1:
            continue
        if kind == "by":
            answer = _agent(answer)
        elif kind not in ("when", "many", "born", "population"):
            answer = cut(answer)
        yield kind, f"{be} {(detail or '').strip()}".strip(), answer


def _passage(lines: list[str], index: int) -> tuple[str, ...] | None:
    """Return the opening sentence and the one that answers, if they are short enough."""
    chosen = lines[:1] if index == 0 else [lines[0], lines[index]]
    return tuple(chosen) if sum(map(len, chosen)) <= LONGEST_PASSAGE else None


def article_items(article: corpus.Article) -> list[Item]:
    """Return every question that can be asked about an article."""
    subject, lines, items = subject_of(article), sentences(article.text), []
    if subject is None:
        return items
    found = [(0, *question) for question in _opening_questions(article, subject)]
    for index, line in enumerate(lines[1:6], 1):
        found += [(index, *question) for question in _later_questions(line, subject.name)]
    for index, kind, extra, answer in found:
        passage = _passage(lines, index)
        if passage and _fits(answer) and answer in " ".join(passage):
            items.append(Item(kind, passage, subject.name, extra, answer))
    for index in range(min(3, len(lines))):
        passage = _passage(lines, index)
        years = re.findall(r"(?<![\d,.])[12]\d{3}(?!\d|,\d|s\b)", " ".join(passage or ()))
        if len(years) == 1 and not re.search(r"\d (?:to|and|or) \d", " ".join(passage)):
            items.append(Item("year", passage, subject.name, "", years[0]))
    return items


@functools.cache
def all_items(split: str) -> dict[str, tuple[Item, ...]]:
    """Return the questions about a split's articles by kind."""
    kinds: dict[str, list[Item]] = {kind: [] for kind in QUESTIONS}
    for article in corpus.articles(split):
        for item in article_items(article):
            kinds[item.kind].append(item)
    return {kind: tuple(items) for kind, items in kinds.items() if items}
