"""Which messages of human chats to leave out: rude, sexual, violent, hateful or private ones."""

import re

# beginnings of words; kept here only so that a model does not learn them
_RUDE = (
    "fuck", "shit", "bitch", "bastard", "asshole", "dick", "piss", "crap", "damn", "wtf", "stfu",
    "screw you", "douche", "cunt", "whore", "slut", "fag", "nigg", "retard", "tranny", "chink",
    "spic\\b", "kike", "dyke", "gook", "homo\\b", "queer",
)  # fmt: skip
_SEXUAL = (
    "sex", "porn", "nude", "naked", "boob", "penis", "vagina", "orgasm", "masturbat", "horny",
    "erotic", "rape", "raping", "molest", "virgin", "condom", "prostitut", "strip club", "booty",
    "butt\\b", "make out", "making out", "kinky", "fetish", "pedo", "incest", "seduc", "lust",
)  # fmt: skip
_VIOLENT = (
    "kill", "murder", "suicid", "stab", "shoot", "shot", "gun\\b", "guns\\b", "bomb", "terroris",
    "torture", "slaughter", "strangle", "corpse", "dead bod", "hang myself", "hitler", "nazi",
    "genocide", "holocaust", "lynch", "cannibal", "blood", "weapon", "assault", "abuse", "slave",
)  # fmt: skip
_HATEFUL = (
    "racis", "sexist", "feminazi", "hate (?:you|women|men|jews|muslims|gays|blacks|whites)",
    "gay", "lesbian", "transgender", "abortion", "trump", "clinton", "obama", "democrat",
    "republican", "jews\\b", "muslim", "immigrant",
)  # fmt: skip
_DRUGS = ("cocaine", "heroin", "meth\\b", "marijuana", "weed\\b", "drunk", "drug", "lsd\\b", "vape")
_NOT_DECENT = re.compile(
    rf"\b(?:{'|'.join((*_RUDE, *_SEXUAL, *_VIOLENT, *_HATEFUL, *_DRUGS))})", re.IGNORECASE
)
_PRIVATE = re.compile(
    r"https?:|www\.|\.(?:com|org|net|edu)\b|\S@\S|@\w|#\w|\d{3}[-. ]?\d{4}|\d{5,}"
    r"|\b(?:venmo|snapchat|instagram|insta\b|facebook|phone number|my number|text me|address is"
    r"|last name|full name|[a-z]\d\d[a-z]\d)",
    re.IGNORECASE,
)


def is_decent(text: str) -> bool:
    """Whether the text is free of rude, sexual, violent, hateful words and of private data."""
    return not _NOT_DECENT.search(text) and not _PRIVATE.search(text)
