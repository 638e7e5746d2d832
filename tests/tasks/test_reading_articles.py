"""Where answers from articles end, and which questions are not asked."""

import pytest

from nanochat.data.corpus import Article
from tasks.reading.articles import article_items, common_words, subject_of
from tasks.reading.phrases import cut


def article(text, title="Bem", topic="Geography"):
    return Article(title, text, topic, "")


def answers(kind, text, **details):
    return [item.answer for item in article_items(article(text, **details)) if item.kind == kind]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("the strict artistry with which he drew.", "the strict artistry"),
        ("a type of naval warship constructed during the war.", "a type of naval warship"),
        ("a genre of folklore consisting primarily of tales.", "a genre of folklore"),
        ("a plant species in the carrot family.", "a plant species"),
        ("a hand-held pointing device that moves.", "a hand-held pointing device"),
        ("a film produced and directed by Al Fox.", "a film"),
        ("an actor most famous for his voice.", "an actor"),
        ("a monthly magazine and is based in Dol.", "a monthly magazine"),
        ("an actor, singer and American filmmaker.", "an actor, singer and American filmmaker"),
        ("a roll of papyrus, parchment, or paper containing text.",
         "a roll of papyrus, parchment, or paper"),
        ("a poet, who lived in Dol.", "a poet"),
        ("a poet, considered one of the best.", "a poet"),
        ("a poet, and the founder of Dol.", ""),  # how much of it?
        ("a poet, writer.", ""),  # a list without its end
        ("a large, diverse family of plants.", ""),  # "a large"
        ("a group of about ten.", ""),
        ("a way to live.", ""),
    ],
)  # fmt: skip
def test_a_phrase_ends_by_one_rule(text, phrase):
    assert cut(text, short=True) == phrase


def test_a_long_phrase_goes_on_after_a_preposition():
    assert cut("his work on stage and screen, which won.") == "his work on stage and screen"


@pytest.mark.parametrize(
    "text",
    [
        "Bem is the largest city in Mali.",
        "Bem is one of the cities in Mali.",
        "Bem is the process of turning sugar into gold.",
        "Bem is the ratio of mass to volume.",
        "Bem is a sharp increase in price.",
        "Bem is a bem that flies.",
    ],
)
def test_a_definition_is_not_left_without_its_complement(text):
    assert not answers("what", text)


def test_lists_of_professions_are_whole():
    text = "Ann Bem was an American writer, poet, and critic who lived in Dol."
    assert answers("who", text, topic="People") == ["an American writer, poet, and critic"]
    assert answers("profession", text, topic="People") == ["writer, poet, and critic"]


@pytest.mark.parametrize(
    "text",
    [
        "Ann Bem was a Muslim poet.",
        "Ann Bem was a British Army officer.",
        "Ann Bem was a Polish and French poet.",
        "Bem are a British rock band.",
        "Bem is a British rock band.",
    ],
)
def test_no_nationality_of_faiths_armies_and_bands(text):
    assert not answers("nationality", text, topic="People")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("where", "Bem is a city in Mali, located in the Dol Valley."),
        ("where", "Bem is a city in Mali. It is located in the Dol Valley."),
        ("population", "Bem is a city. It has a population of 1,000, or 2,000 with its suburbs."),
        ("also", "Bem, also known as Dol, is a city called the Old Town."),
        ("year", "Bem is a city of the Dols, built in 1900 for 918 years, taken in 918."),
        ("year", "Bem is a city. It is 1500 km long."),
        ("year", "Bem is a city from 1200 BC."),
        ("when", "Bem is a city. It was built in 1900 and again by 1950."),
        ("native", "Bem is a bird. It is native to Dol, the Moluccas, and Mali."),
        ("named", "Bem is a bird. It is named after the Dol, the Moluccas, and Mali."),
    ],
)
def test_no_question_with_two_right_answers(kind, text):
    assert not answers(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        ("by", "Bem is a book written by the Polish author Al Fox in 1900.", "Al Fox"),
        ("by", "Bem is a film directed by Al Fox and starring Ed Ox.", "Al Fox"),
        ("by", "Bem is a shop founded by the Dol Company.", "the Dol Company"),
        ("used", "Bem is a tool used to cut wood.", "cut wood"),
        ("made", "Bem is a dish made from sour milk.", "sour milk"),
        ("causes", "Bem is a disease caused by the Dol virus.", "the Dol virus"),
        ("population", "Bem is a city, with a population of 1,000 in 1990.", "1,000"),
        ("when", "Bem is a shop founded in 1900.", "1900"),
        ("also", "Bem, or Old Dol, is a shop.", "Old Dol"),
    ],
)
def test_the_opening_sentence_answers_by_its_clauses(kind, text, answer):
    assert answers(kind, text) == [answer]


def test_a_book_in_a_clause_about_another_is_not_by_its_author():
    assert not answers("by", "Bem is a hero who lives in a book written by Al Fox.")


@pytest.mark.parametrize("text", ["It was born in Dol.", "The film was born in Dol."])
def test_pronouns_that_speak_of_something_else(text):
    assert not answers("born", f"Ann Bem was a poet. {text}", topic="People")


@pytest.mark.parametrize(
    ("title", "text", "name"),
    [
        ("Myth", "Myth is a tale. A myth lives on.", "myth"),
        ("Myth", "Myth is a tale.", "myth"),
        ("Myth", "Myth is a film.", "Myth"),
        ("Mali", "Mali is a land. We saw Mali.", "Mali"),
        ("Dol", "Dol is a dish.", "Dol"),
        ("Myth of Dol", "Myth of Dol is a tale.", "Myth of Dol"),
        ("Myth and sea", "Myth and sea is a tale.", "myth and sea"),
        ("Ship of the line", "A ship of the line is a warship.", "a ship of the line"),
        ("Bahamas", "The Bahamas is a land.", "the Bahamas"),
        ("The Sea", "The Sea is a novel.", "The Sea"),
        ("Mali language", "Mali is a tongue.", "Mali"),
        ("Myth", "Myth or Mythos is a tale.", "myth"),
        ("Mal", "Mal is a malicious land.", "Mal"),
    ],
)
def test_names_are_written_as_inside_a_sentence(title, text, name):
    common = common_words([article("We tell a myth to the Dol and a Mali to a myth.")])
    assert subject_of(article(text, title, "Arts"), common).name == name


def test_people_are_known_by_their_pronoun_if_their_topic_does_not_tell():
    assert answers("who", "Ann Bem was a French poet. She sang.", topic="History")
    assert answers("what", "Bem was a French ship. She sank.", topic="History")


def test_common_words_are_mostly_in_lower_case():
    assert common_words([article("The Sea is a sea of the sea. In the Dol a dol.")]) >= {"sea"}
    assert "dol" not in common_words([article("In the Dol, the Dol ate a dol.")])
