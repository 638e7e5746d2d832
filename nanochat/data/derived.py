"""What takes seconds to work out of an archive is kept on disk, for the next process."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nanochat.common import atomic_write, get_base_dir
from nanochat.data.archives import Archive


def derived(name: str, archive: Archive, code: Path, make: Callable[[], Any]) -> Any:
    """Return `make()`, a value of JSON types, from `<base>/derived/<name>.json` if it is valid.

    It is valid while it was made from the same archive by the same code: the modules of the
    directory `code` and of this one.
    """
    path, key = Path(get_base_dir()) / "derived" / f"{name}.json", _key(archive, code)
    try:
        kept = json.loads(path.read_bytes())
        if kept["key"] == key:
            return kept["value"]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        pass
    value = make()
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path, "w") as file:
        json.dump({"key": key, "value": value}, file)
    return value


def _key(archive: Archive, code: Path) -> str:
    hashed = hashlib.sha256(archive.sha256.encode())
    for folder in sorted({code, Path(__file__).parent}):
        for module in sorted(folder.glob("*.py")):
            hashed.update(module.read_bytes())
    return hashed.hexdigest()
