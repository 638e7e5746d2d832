"""Optional packages: imported where they are needed, and asked for by the name of their extra."""

import importlib
from types import ModuleType

from nanochat.common import UserError


def load_extra(package: str, extra: str) -> ModuleType:
    """Import and return `package`; UserError that names the extra if it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"this needs the package {package}, which cannot be imported here ({error}); install "
            f"it with `pip install -e '.[{extra}]'` in the project's folder, or with "
            f"`uv sync --inexact --extra {extra}`"
        ) from error
