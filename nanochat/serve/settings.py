"""The server's settings, and the limits that both they and every request keep to."""

from dataclasses import asdict, dataclass

from nanochat.common import UserError


@dataclass(frozen=True)
class Limits:
    """The smallest and the largest value allowed for what a request holds and asks for."""

    messages: tuple[int, int] = (1, 500)
    message_chars: tuple[int, int] = (1, 8_000)
    total_chars: tuple[int, int] = (1, 32_000)
    temperature: tuple[float, float] = (0.0, 2.0)
    top_k: tuple[int, int] = (0, 200)
    max_tokens: tuple[int, int] = (1, 4_096)


LIMITS = Limits()


def check(name: str, value: float, limits: tuple[float, float]) -> None:
    """Raise UserError unless `value` lies within `limits`, ends included."""
    low, high = limits
    # written so that NaN, which compares with nothing, is refused as well
    if not low <= value <= high:
        raise UserError(f"{name} must be between {low} and {high}, got {value}")


@dataclass(frozen=True)
class Defaults:
    """Sampling settings for whatever a request leaves open; top_k 0 means no restriction."""

    temperature: float = 0.8
    top_k: int = 50
    max_tokens: int = 512

    def __post_init__(self):
        for name, value in asdict(self).items():
            check(name, value, getattr(LIMITS, name))


@dataclass(frozen=True)
class Identity:
    """Which checkpoint is speaking."""

    source: str
    tag: str
    step: int

    def __str__(self) -> str:
        return f"{self.source} · {self.tag} · step {self.step}"
