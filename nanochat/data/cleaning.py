"""Plain text out of extracts: sentence splitting, odd characters, holes where formulas were."""

import re
import unicodedata

_REPLACE = {
    "\u2060": "", "\u200b": "", "\ufeff": "", "\u00ad": "", "\u200e": "", "\u200f": "",
    "‘": "'", "’": "'", "ʼ": "'", "ʻ": "'", "ʿ": "'", "′": "'", "“": '"', "”": '"', "″": '"',
    "–": "-", "‑": "-", "‐": "-", "−": "-", "…": "...", "⁄": "/",
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ß": "ss", "æ": "ae",
    "œ": "oe", "Æ": "Ae", "Œ": "Oe", "×": "x", "÷": "/", "⋅": "*",
}  # fmt: skip
_TABLE = str.maketrans(_REPLACE)
_ACCENTS = {code: None for code in range(0x10000) if unicodedata.combining(chr(code))}
_PLAIN = _TABLE | _ACCENTS
_FRACTION = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞])")
_ABBREVIATIONS = (
    "Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Col|Lt|Capt|Sgt|Rev|Hon|No|Nos|Vol|vs|cf|ca|c|e\\.g|i\\.e|etc"
    "|fl|r|b|d|lit|approx|Mt|Ft|Fig|ed|eds|pp|p|trans|Ph\\.D|al|née|var|subsp|spp"
)
_ENDING = re.compile(r"""[.!?]["')\]]*\s+(?=["'(]?[A-Z0-9])""")
_NOT_AN_END = re.compile(rf"(?:(?<![\w.])(?:{_ABBREVIATIONS})|(?<![a-z])[A-Z]|\b[A-Z]\.[A-Z])\.$")


def normalize(text: str) -> str:
    """Fold typographic and accented characters to the nearest ASCII ones; keep line breaks."""
    if text.isascii():
        return text
    text = re.sub(" ?[—―] ?", " - ", _FRACTION.sub(" ", text)).translate(_TABLE)
    return unicodedata.normalize("NFKD", text).translate(_PLAIN)


def sentences(text: str) -> list[str]:
    """Split prose into sentences; initials and common abbreviations do not end one."""
    result, start = [], 0
    for match in _ENDING.finditer(text):
        if _NOT_AN_END.search(text, max(start, match.start() - 9), match.start() + 1):
            continue
        result.append(text[start : match.end()].strip())
        start = match.end()
    result.append(text[start:].strip())
    return [sentence for sentence in result if sentence]


def _balanced(text: str) -> bool:
    return all(text.count(a) == text.count(b) for a, b in ("()", "[]")) and text.count('"') % 2 == 0


def _is_whole(sentence: str) -> bool:
    """Whether nothing was lost from the sentence: no hole, no odd character, brackets in pairs."""
    hole = re.search(r"  | [.,;:)](?!\w)|\( ?\)|\([,;]", sentence)
    ends = re.search(r"""[.!?]["')]*$""", sentence)
    return bool(ends and not hole and sentence.isascii() and _balanced(sentence))


def _without_asides(text: str) -> str:
    """Remove brackets that hold foreign names, pronunciations, footnote marks or nothing."""
    text = re.sub(r" ?\((?:[^()]*[^\x00-\x7f][^()]*|[ ,;]*)\)", "", text)
    text = re.sub(r" ?\([^()]*(?:[A-Z]{2,}-[a-z]|-[A-Z]{2,}|Italian: |\[)[^()]*\)", "", text)
    return re.sub(r"\[[a-z0-9]{1,2}\]", "", text)


def clean_article(title: str, text: str) -> str:
    """Return the article's whole sentences, or "" if its opening sentence did not survive.

    Without its first sentence a text speaks of something it never names.
    """
    text = _without_asides(normalize(text))
    # a lost pronunciation straight after the title is not a lost formula
    for start in (f"{article}{normalize(title)}" for article in ("", "A ", "An ", "The ")):
        if re.match(r"  \w", text[len(start) :]) and text.startswith(start):
            text = start + text[len(start) + 1 :]
    paragraphs = [sentences(line) for line in text.splitlines() if line.strip()]
    if not paragraphs or not _is_whole(paragraphs[0][0]):
        return ""
    whole = [" ".join(filter(_is_whole, paragraph)) for paragraph in paragraphs]
    return "\n".join(filter(None, whole))


def shorten(text: str, limit: int) -> str:
    """Return the first whole sentences of `text` within `limit` characters (at least one)."""
    kept = ""
    for sentence in sentences(text):
        if kept and len(kept) + len(sentence) + 1 > limit:
            break
        kept = f"{kept} {sentence}".strip()
    return kept
