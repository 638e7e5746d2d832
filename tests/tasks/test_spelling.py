import random
import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.data import download
from nanochat.data.split import in_split
from tasks import spellingbee, words
from tasks.spelling import Spelling
from tasks.spellingbee import SimpleSpelling, SpellingBee, spell
from tasks.spellingbee_templates import ALL_LANGUAGES, ENGLISH


def test_spell():
    assert spell("word") == "word:w,o,r,d"


def test_there_are_templates_for_every_language():
    assert len(ENGLISH) == 30 and len(ALL_LANGUAGES) == len(set(ALL_LANGUAGES)) == 51
    assert all("{l}" in template and "{w}" in template for template in ALL_LANGUAGES)


def test_counting_follows_the_contract(word_list):
    for conversation in SpellingBee(200):
        by_hand, announcement, call, output, result = conversation["messages"][-1]["content"]
        word, letter = re.fullmatch(r"'([a-z]+)'\.count\('([a-z])'\)", call["text"]).groups()
        count = word.count(letter)
        assert spell(word) in by_hand["text"] and "Python" in announcement["text"]
        lines = re.findall(r"^(\d+):([a-z])(?: hit! count=(\d+))?$", by_hand["text"], re.MULTILINE)
        assert "".join(character for _, character, _ in lines) == word
        assert [int(number) for number, _, _ in lines] == list(range(1, len(word) + 1))
        hits = [int(hit) for _, character, hit in lines if character == letter]
        assert hits == list(range(1, count + 1))
        assert output == {"type": "python_output", "text": str(count)}
        assert result["text"].endswith(f"\n\n#### {count}")


def test_questions_vary_as_drawn(word_list):
    questions = [c["messages"][0]["content"] for c in SpellingBee(1000, templates=ENGLISH)]
    assert 0.4 < sum(q.endswith("?") for q in questions) / 1000 < 0.6
    assert sum(q == q.lower() for q in questions) / 1000 > 0.25
    for quote in "'\"":
        assert any(re.search(f"{quote}[a-z]{quote}", q) for q in questions)


def test_most_letters_are_of_the_word(word_list):
    inside = sum(c["messages"][-1]["content"][-1]["text"][-1] != "0" for c in SpellingBee(500))
    assert 0.87 < inside / 500 < 0.97


def test_no_word_of_the_tests_is_made_up(word_list):
    rng = random.Random(0)
    made_up = {words.made_up_word(rng) for _ in range(3000)}
    assert len(made_up) > 1000
    assert all(in_split(word, "train", words.TESTED_PERCENT) for word in made_up)


def test_made_up_words_are_for_training_only(word_list):
    def spelled(split):
        return {c["messages"][1]["content"].split(":")[0] for c in Spelling(500, split=split)}

    assert len(spelled("train") - set(words.words("train"))) / len(spelled("train")) > 0.2
    assert not spelled("train") & set(words.words("test"))
    assert spelled("test") <= set(words.words("test"))


@given(st.integers(0, 2**32), st.lists(st.text("abc", min_size=3, max_size=9), min_size=2))
def test_a_blend_begins_as_one_word_and_ends_as_another(seed, parts):
    taboo = set(parts)
    assume(len(taboo) > 3)
    word = words.blend(random.Random(seed), parts, taboo)
    assert word not in taboo and 3 <= len(word) <= words.LONGEST_BLEND
    assert any(
        word.startswith(first[:cut]) and last.endswith(word[cut:])
        for first in parts
        for last in parts
        for cut in range(1, len(first) + 1)
    )


def test_simple_spelling(word_list):
    user, assistant = SimpleSpelling(5)[3]["messages"]
    word = user["content"].removeprefix("Spell the word: ")
    assert assistant["content"] == spell(word)


@pytest.mark.parametrize("task", [Spelling, SimpleSpelling])
def test_spelling_is_judged_strictly(task, word_list):
    judge = task(3)
    conversation = judge[0]
    right = conversation["messages"][-1]["content"]
    assert judge.evaluate(conversation, f"{right}\n")
    for wrong in (right[:-1], right.replace(",", ", "), right + ".", right.partition(":")[2]):
        assert not judge.evaluate(conversation, wrong)


def test_the_samples(word_list, capsys):
    spellingbee.main()
    assert capsys.readouterr().out.count("#### ") == 10


def test_common_words_of_the_corpus_list_are_not_tested(base_dir):
    base_dir.mkdir()
    rng = random.Random(1)
    listed = ["".join(rng.choices(string.ascii_lowercase, k=8)) for _ in range(3500)]
    (base_dir / "corpus_words.txt").write_text("\n".join(listed))
    assert set(listed[:300]) <= set(words.words("train"))
    assert set(words.words("test")) < set(listed[300:])
    (base_dir / "words_alpha.txt").write_text("\n".join(listed[:50]))
    assert set(words.words("train")) | set(words.words("test")) == set(listed[:50])


def test_the_word_list_is_downloaded_once(base_dir, monkeypatch):
    def fake(url, path, check, **options):
        path.write_text("\n".join(f"{a}{b}{c}" for a in "abcdef" for b in "ghij" for c in "klm"))
        with open(path, "rb") as file:
            assert "expected 300,000" in check(file)

    monkeypatch.setattr(download, "download", fake)
    assert words.words("train")
    monkeypatch.setattr(download, "download", None)
    assert words.words("test")


def test_no_word_list_and_no_connection(base_dir, monkeypatch):
    def fail(*args, **options):
        raise UserError("no connection")

    monkeypatch.setattr(download, "download", fail)
    with pytest.raises(UserError, match=r"no connection; save words_alpha\.txt .*corpus`"):
        SpellingBee()


def test_a_list_too_short_to_split(base_dir):
    base_dir.mkdir()
    (base_dir / "words_alpha.txt").write_text("one\n")
    with pytest.raises(UserError, match="longer list"):
        words.words("test"), words.words("train")
