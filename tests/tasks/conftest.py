import string

import pytest

from tests.tiny_corpus import clear_caches, install


def _invented_words() -> list[str]:
    letters = string.ascii_lowercase
    return [f"{a}{b}{a}{c}er" for a in letters for b in "aeiou" for c in "lmnst"]


@pytest.fixture
def word_list(base_dir):
    """A word list in the base directory, so that none is downloaded."""
    base_dir.mkdir(exist_ok=True)
    (base_dir / "words_alpha.txt").write_text("\n".join(_invented_words()) + "\n\n")
    return base_dir


@pytest.fixture(scope="module")
def _wheels(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    yield install(tmp_path_factory.mktemp("wheels"), patch)
    patch.undo()
    clear_caches()


@pytest.fixture
def tiny_corpus(_wheels, word_list):
    """Articles, chats and words in miniature, the same for all tests here."""
    return _wheels
