"""What a run ran on: git state, hardware, software, and the size of the code base."""

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil

PROJECT_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE_SUFFIXES = (".py", ".md", ".rs", ".html", ".toml", ".sh")
DOLLARS_PER_GPU_HOUR = {"H100": 3.00, "A100": 1.79, "V100": 0.55}
DOLLARS_PER_OTHER_GPU_HOUR = 2.00
UNKNOWN = "unknown"


def _git(*arguments: str) -> str | None:
    """Output of a git command in this project's own repository; None without git or repository."""
    try:
        result = subprocess.run(
            ["git", "-C", PROJECT_ROOT, *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.rstrip("\n") if result.returncode == 0 else None


def _is_own_repository() -> bool:
    # an installed copy may lie inside somebody else's repository
    top = _git("rev-parse", "--show-toplevel")
    return bool(top) and os.path.realpath(top) == os.path.realpath(PROJECT_ROOT)


def git_info() -> dict[str, str]:
    """Branch, short commit (clean or dirty) and first line of the commit's message."""
    if not _is_own_repository():
        return {"Branch": UNKNOWN, "Commit": UNKNOWN, "Message": UNKNOWN}
    state = "dirty" if _git("status", "--porcelain") else "clean"
    commit = _git("rev-parse", "--short", "HEAD")
    return {
        "Branch": _git("rev-parse", "--abbrev-ref", "HEAD") or UNKNOWN,
        "Commit": f"{commit} ({state})" if commit else UNKNOWN,
        "Message": (_git("log", "-1", "--pretty=%s") or UNKNOWN)[:80],
    }


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_gib: float

    @property
    def dollars_per_hour(self) -> float:
        for family, rate in DOLLARS_PER_GPU_HOUR.items():
            if family in self.name:
                return rate
        return DOLLARS_PER_OTHER_GPU_HOUR


def find_gpus() -> list[Gpu]:
    """The CUDA devices of this machine."""
    import torch

    if not torch.cuda.is_available():
        return []
    properties = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [Gpu(device.name, device.total_memory / 2**30) for device in properties]


def hardware_info(gpus: list[Gpu]) -> dict[str, str]:
    """Platform, processors, memory and GPUs with their total rent per hour."""
    info = {
        "Platform": platform.platform(),
        "CPUs": f"{psutil.cpu_count(logical=False) or UNKNOWN} cores "
        f"({psutil.cpu_count() or UNKNOWN} logical)",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
    }
    if not gpus:
        return info | {"GPUs": "none"}
    import torch

    return info | {
        "GPUs": f"{len(gpus)}x {gpus[0].name}",
        "GPU memory": f"{sum(gpu.memory_gib for gpu in gpus):.1f} GiB total",
        "CUDA version": torch.version.cuda or UNKNOWN,
        "Hourly rate": f"${sum(gpu.dollars_per_hour for gpu in gpus):.2f}/hour",
    }


def software_info() -> dict[str, str]:
    """Versions of Python and PyTorch."""
    try:
        torch_version = version("torch")
    except PackageNotFoundError:
        torch_version = "not installed"
    return {"Python": platform.python_version(), "PyTorch": torch_version}


def _read(path: str) -> str:
    try:
        with open(os.path.join(PROJECT_ROOT, path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # tracked, but deleted in the working directory
        return ""


def bloat_info() -> dict[str, str]:
    """Size of the git-tracked source: characters, lines, files, tokens at four characters each."""
    listing = _git("ls-files", "-z") if _is_own_repository() else None
    if listing is None:
        return {"Source": f"{UNKNOWN} (no git repository)"}
    paths = [path for path in listing.split("\0") if path.endswith(SOURCE_SUFFIXES)]
    texts = [_read(path) for path in paths]
    characters = sum(map(len, texts))
    return {
        "Characters": f"{characters:,}",
        "Lines": f"{sum(text.count(chr(10)) for text in texts):,}",
        "Files": f"{len(paths):,}",
        "Tokens (approx)": f"{characters // 4:,}",
        "Dependencies (uv.lock lines)": f"{_read('uv.lock').count(chr(10)):,}",
    }
