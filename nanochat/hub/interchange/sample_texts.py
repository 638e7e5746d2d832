"""Strings and conversations on which two tokenizers are compared: ordinary, foreign and awkward."""

import random

from nanochat.tokenizer_files import SPECIAL_TOKENS

WORDS = "the cat sat on a mat where it had been told to sit down again"
CONTRACTIONS = "'s 'S 't 'm 'd 'll 'LL 'lL 've 'Ve 're 'RE n't ' '' 'ſ ’s ’ll"
# Pieces by kind; a string mixes kinds, for mistakes show where one meets another.
KINDS: dict[str, list[str]] = {
    "words": WORDS.split(),
    "letters": list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "accents": [*"éèüöäñçøåßſÅİıŒæ", "e\u0301", "a\u0308\u0323", "naïve", "Straße"],
    "chinese and japanese": list("中文字符漢語日本かなカナー々。、「」"),
    "korean": [*"한국어조선말ㄱㅏ", "\u1112\u1161\u11ab"],
    "cyrillic and greek": list("абвгдежзийклмнопрстуфхцчшщъыьэюяЖДѢαβγδσςΩ"),
    "arabic, hebrew, indic, thai": list("مرحباשלוםनमस्तेไทยกำ"),
    "emoji": [*"😀👍🔥❤🤖", "👍🏽", "👨\u200d👩\u200d👧", "🇩🇪", "❤\ufe0f", "1\ufe0f\u20e3"],
    "zero width": ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e"],
    "no-break and other spaces": ["\u00a0", "\u202f", "\u3000", "\u2009", "\u1680", "\u180e"],
    "digits": list("0123456789"),
    "other numerals": list("٣४½Ⅷ²①㊿𝟘"),
    "blanks": [" ", "  ", "    ", " " * 17, "\t", "\t\t"],
    "line breaks": ["\n", "\r\n", "\r", "\n\n\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"],
    "contractions": CONTRACTIONS.split(),
    "punctuation": list(".,;:!?-–—_()[]{}<>@#$%^&*+=~`|\\/\"'“”«»…¿¡"),
    "control characters": ["\x00", "\x01", "\x1b[0m", "\x7f", "\x80", "\ufffd", "\ufffe"],
    "rare planes": ["\U00010348", "\U0001d54f", "\U000e0041", "\U0010ffff", "\ue000"],
    "code": ["def f(x):\n    return x**2", "</div>", "a[i+1]", "$\\frac{1}{2}$", "==", "://"],
    "names of special tokens": [*SPECIAL_TOKENS, "<|", "|>", "<|bos", "<|endoftext|>"],
}
MOST_PIECES, MOST_REPEATS = 12, 6

TOOL_TURN = [
    {"type": "text", "text": "Let me count.\n"},
    {"type": "python", "text": "'cheese'.count('e')"},
    {"type": "python_output", "text": "3"},
    {"type": "text", "text": "There are 3."},
]
AWKWARD = [
    "",
    " ",
    "\n",
    "  two blanks at both ends  ",
    "\n\nbreaks\n\n",
    "don't\u00a0",
    "汉字 🙂 1234",
]


def sample_strings(count: int, seed: int = 0) -> list[str]:
    """Return `count` different-looking strings without lone surrogates, always the same ones."""
    rng = random.Random(seed)
    kinds = list(KINDS.values())
    strings = []
    while len(strings) < count:
        pieces = []
        for _ in range(rng.randint(1, MOST_PIECES)):
            kind = rng.choice(kinds)
            pieces += rng.choices(kind, k=rng.randint(1, MOST_REPEATS))
            pieces += rng.choices(["", " "], weights=[3, 1])
        strings.append("".join(pieces))
    return strings


def sample_conversations() -> list[list[dict]]:
    """Return conversations with system text, tool calls, awkward edges and several turns.

    Each ends with the assistant, so that all but its last message can serve as a prompt.
    """
    system = {"role": "system", "content": "You are terse. "}
    found = [
        [*_exchange("How many e are in cheese?", TOOL_TURN)],
        [system, *_exchange("Hi", "Hello!"), *_exchange(" again?", TOOL_TURN)],
        [*_exchange("a", []), *_exchange("b", [{"type": "python", "text": ""}])],
    ]
    for text in AWKWARD:
        found.append([*_exchange(text, text), *_exchange(text, text)])
        found.append([{"role": "system", "content": text}, *_exchange(text, "ok")])
    return found


def _exchange(question: str, answer: str | list[dict]) -> list[dict]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
