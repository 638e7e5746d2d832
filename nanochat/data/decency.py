"""Which messages of human chats to leave out: rude, sexual, violent, hateful or private ones."""

import functools
import re

# listed here only so that a model does not learn them
_BEGINNINGS = (
    # rude
    "fuck", "shit", "bullshit", "bitch", "bastard", "asshole", "piss", "crap", "damn", "douche",
    "cunt", "whore", "slut", "fag", "nigg", "retard", "trann", "dyke", "motherf", "dumbass",
    # sexual
    "sex", "porn", "nude", "naked", "boob", "penis", "vagina", "orgasm", "masturbat", "horny",
    "erotic", "rape", "raping", "molest", "virgin", "condom", "prostitut", "booty", "kink",
    "fetish", "pedo", "incest", "seduc", "lust", "stripper",
    # violent
    "kill", "murder", "suicid", "stab", "shoot", "bomb", "terroris", "tortur", "slaughter",
    "strangl", "corpse", "hitler", "nazi", "genocid", "holocaust", "lynch", "cannibal", "blood",
    "weapon", "assault", "abus", "slave", "assassin",
    # hateful, or politics of the day
    "racis", "sexist", "feminaz", "gay", "lesbian", "transgender", "abortion", "trump", "clinton",
    "obama", "democrat", "republican", "muslim", "immigrant",
    # drugs
    "cocaine", "heroin", "marijuana", "drunk", "drug", "vape", "vaping",
    # accounts
    "venmo", "snapchat", "instagram", "facebook", "http",
)  # fmt: skip
_WHOLE_WORDS = (
    "ass", "dick", "dicks", "wtf", "stfu", "spic", "kike", "gook", "chink", "homo", "queer", "butt",
    "gun", "guns", "shot", "jew", "jews", "meth", "weed", "lsd", "insta", "www",
)  # fmt: skip
_PHRASES = (
    "screw you", "strip club", "make out", "making out", "made out", "dead bod", "hang myself",
    "hate you", "hate women", "hate men", "phone number", "my number", "text me", "address is",
    "last name", "full name", ".com", ".org", ".net", ".edu",
)  # fmt: skip
_WORD = re.compile(r"[a-z]+")
_ODD = re.compile(r"[0-9@#]")
_NUMBER_OR_HANDLE = re.compile(r"\d{3}[-. ]?\d{4}|\d{5}|\w@\w|@\w|#[a-z]|\b[a-z]\d\d[a-z]\d")


@functools.cache
def _is_bad(word: str) -> bool:
    return word in _WHOLE_WORDS or word.startswith(_BEGINNINGS)


def is_decent(text: str) -> bool:
    """Whether the text is free of rude, sexual, violent, hateful words and of private data."""
    lower = text.lower()
    if _ODD.search(lower) and _NUMBER_OR_HANDLE.search(lower):
        return False
    if any(phrase in lower for phrase in _PHRASES):
        return False
    return not any(map(_is_bad, _WORD.findall(lower)))
