"""Where a phrase of an encyclopedia sentence ends, so that it can be the answer to a question.

A phrase is a noun with its "of" phrases. Punctuation ends it, and so does a relative clause, a
participle clause, a verb, or (if `short`) any preposition but "of". Only a list goes on after a
comma. Where that rule would break off in the middle of a thought there is no phrase at all.
"""

import re
from typing import NamedTuple

_RELATIVE = (
    r"(?:in|of|for|to|on|by|from|at|with|through|during|under|upon|after) (?:which|whom|whose)"
    r"|that|which|who|whom|whose|where|when|whereby|wherein|while|because|although|though|as|if|but"
    r"|such|than|until|so|rather|instead|including|especially|either|whether|per|plus|not"
    r"|what|he|she|it|they"
)
_VERB = (
    r"is|are|was|were|has|have|had|can|could|may|might|will|would|do|does|did|became|becomes?|began"
    r"|includes?|contains?|occurs?|refers?|serves?|served|appears?|lived|consists?|also|being"
)
_PREPOSITION = (
    r"in|from|since|during|between|by|for|with|to|on|near|within|through|throughout|under|along"
    r"|across|at|against|around|into|about|after|before|without|among|over|above|below|behind"
    r"|beyond|off|upon|via|onto|towards?|like|inside|outside|beneath|alongside|unlike"
)
# these begin a clause whatever follows them, ...
_CLAUSE = (
    r"using|involving|containing|consisting|comprising|spanning|featuring|starring|depicting|having"
    r"|encompassing|belonging|pertaining|relating|requiring|describing|resembling|denoting|dating"
    r"|ranging|concerning|covering|called|named|titled|headquartered|situated"
)
# ... these only with a function word behind them: "a cell found in", but not "a found object"
_PARTICIPLE = (
    r"(?!(?:\w*eed|(?:\w+-)?(?:bed|riverbed|seabed|shed|watershed|biped|quadruped|hundred|red))\b)"
    r"[\w-]+ed|made|found|written|spoken|built|held|led|set|grown|drawn|seen|worn|fought|thought"
    r"|given|taken|meant|shown|sung|told|run|put|cut|bound|lost|laid|bred|won|felt|left|sold|sent"
    r"|chosen|driven|kept|done|known|born|forming|lying|living|occurring|running|flowing|resulting"
    r"|connecting|linking|producing|serving|carrying|making|growing|showing|providing|causing"
    r"|originating|operating|focusing|representing|bearing|specializing|combining|following|aiming"
    r"|working|playing|holding|leading|reigning|inhabiting|acting|sharing|facing|standing|giving"
    r"|dealing|affecting|bordering|surrounding|allowing|stretching|extending|capable|native|common"
    r"|endemic|indigenous|unique|due|responsible|active|similar|equal|famous|present|available"
)
_ADVERB = (
    r"(?!(?:\w*family|assembly|anomaly|monopoly|Italy|butterfly|dragonfly|jelly|July|fly|ally|reply"
    r"|supply|belly|early|only|daily|weekly|monthly|elderly|holy|Sicily)\b)"
    r"[a-z]+ly|often|sometimes|most|more|best|better|perhaps|now|once|then|later|still"
)
_FUNCTION = rf"(?:{_PREPOSITION}|of|or|as|one|the|an?|that|his|her|its|their|{_ADVERB})\b|[\d$]"
_END = (
    r"[,;:(\[]|(?<![A-Z])\.(?= |$)| -+ "
    rf"| (?:{_RELATIVE}|{_VERB})\b(?!-)|(?<! an)(?<! the)(?<! a) (?:{_CLAUSE})\b(?!-)"
    rf"| (?:and|or) (?:comprise|live|form|make|feed|consist)\b"
    rf"| (?:and|or) (?:{_VERB}|{_CLAUSE}|{_PREPOSITION}|{_RELATIVE})\b"
    rf"| (?:{_PARTICIPLE})(?= (?:{_FUNCTION}|(?:and|or) (?:{_PARTICIPLE})\b)|[,;:(.]|$)"
)
_LONG, _SHORT = re.compile(_END), re.compile(rf"{_END}| (?:{_PREPOSITION})\b(?!-)")
_LOOSE = re.compile(rf" (?:and|or|the|an?|{_ADVERB})$")
# what may follow a comma that ends a phrase; anything else would be one more item of a list
_AFTERTHOUGHT = re.compile(
    rf"(?:(?:and |or )?(?:{_RELATIVE}|{_VERB}|{_CLAUSE}|{_PREPOSITION})\b"
    rf"|an?\b|the\b|one\b|(?:{_ADVERB})\b|(?:{_PARTICIPLE}) (?:{_FUNCTION})|his\b|her\b|its\b"
    r"|with\b)"
)
_NEXT_ITEM = re.compile(r",? ?(?P<last>(?:and|or) )?(?=[a-zA-Z])")
_BARE = re.compile(  # an adjective without its noun
    r"(?:\w(?:ed|al|ous|ic|ive|ful|less|ary|able|ible|ish|ant|ent|ese|[^i]an|est|ing|-born|-based)"
    r"|large|small|big|long|short|soft|hard|round|thin|wide|flat|simple|complex|broad|rare|diverse"
    r"|modern|main|late|great|deep|dense|high|low|strong|light|dark|bright|open|sweet|thick|white"
    r"|black|brown|green|blue|grey|yellow|cold|warm|warm-blooded|major|minor|pure|stout|tall|free)$"
)
_NOUN = re.compile(  # though it looks like an adjective
    r"(?:ician|rian|tist|cist|graphy|logy|sophy|omy|istry|metry|try|ity|cy|ry|ty|body|theory"
    r"|agent|president|student|element|component|government|instrument|event|document|content"
    r"|continent|plant|merchant|giant|servant|critic|mystic|cleric|academic|mechanic|music|fabric"
    r"|general|cardinal|animal|mammal|metal|mineral|crystal|material|festival|chemical|canal"
    r"|missionary|revolutionary|visionary|executive|detective|dish|fish|human|organ|titan|ocean"
    r"|-?year|physician|historian|priest|forest|harvest|artist|building|being|painting|king|ring"
    r"|wing|string|thing|city|country|play|day|way|family|army|body|key|boy|enemy|story|academy"
    r"|swan|woman|man|clan|plan|dynasty|republic|topic|epic|hospital|capital|journal|signal|cereal"
    r"|ent of .*|vegetable|table|cable|politician)$"
)


class Phrase(NamedTuple):
    text: str  # "" if it would break off
    end: str  # the word or mark that ended it, "" at the end of the sentence
    rest: str  # of the sentence, from there on


def _first(text: str, short: bool) -> Phrase:
    """Return the phrase up to the first end of any kind."""
    match = (_SHORT if short else _LONG).search(text)
    end = match.start() if match else len(text)
    return Phrase(text[:end].strip(), match.group().strip() if match else "", text[end:])


def _is_whole(phrase: str) -> bool:
    words = phrase.split()
    bare = _BARE.search(phrase) and not _NOUN.search(phrase) and not words[-1][0].isupper()
    cut_off = not words or re.fullmatch(rf"of|{_PREPOSITION}", words[-1])
    return not cut_off and phrase.count('"') % 2 == 0 and not bare


def phrase_of(text: str, short: bool = False) -> Phrase:
    """Return the phrase at the start of `text`; `short` ends it at prepositions, too."""
    phrase, end, rest = _first(text, short)
    if not _is_whole(phrase) and end == ",":
        return Phrase("", end, rest)
    items = closed = 0
    while end == "," and not closed and not _AFTERTHOUGHT.match(rest[2:]):
        joint = _NEXT_ITEM.match(rest)
        item, end, rest = _first(rest[joint.end() :], short) if joint else ("", end, rest)
        if not item or re.match(r"(?:an?|the|one) ", item) or len(item.split()) > 4:
            return Phrase("", end, rest)
        items, closed = items + 1, bool(joint["last"] or re.search(r" (?:and|or) ", item))
        phrase += joint.group() + item
    while _LOOSE.search(phrase):
        phrase = _LOOSE.sub("", phrase)
    if end == "," and closed and not _AFTERTHOUGHT.match(rest[2:]):
        return Phrase("", end, rest)
    if (items and not closed) or not _is_whole(phrase) or end == "to":
        return Phrase("", end, rest)
    return Phrase(phrase.strip(" .,"), end, rest)


def cut(text: str, short: bool = False) -> str:
    """Return the text of `phrase_of`."""
    return phrase_of(text, short).text
