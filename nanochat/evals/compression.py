"""How well a tokenizer compresses: bytes per token on a few kinds of text, next to others'."""

from collections.abc import Mapping
from dataclasses import dataclass

from nanochat.common import UserError

ENGLISH = """
Officials in the coastal town said on Tuesday that the new ferry terminal would open three months
ahead of schedule, after contractors finished dredging the harbour during an unusually calm winter.
"We expected storms in January, and they simply didn't come," said the project's manager, Ruth
Adeyemi. The $48.5 million building is meant to handle 1,200 passengers an hour, about twice as
many as the pier it replaces. Not everybody is pleased: fishermen who sell their catch from the old
quay fear they'll lose customers, and have asked the council for a meeting before 15 March 2025.
""".strip()

KOREAN = """
지난 주말 우리 가족은 기차를 타고 바닷가 마을에 다녀왔습니다. 아침에는 안개가
짙어서 섬이 보이지 않았지만, 점심때가 되자 하늘이 맑아지고 햇살이 따뜻해졌습니다.
할머니는 시장에서 말린 생선과 귤을 사셨고, 동생은 모래밭에서 조개껍데기를 스물세
개나 주웠습니다. 저녁에는 작은 식당에서 칼국수를 먹으며 다음 여행을 계획했습니다.
""".strip()

CODE = '''
def moving_average(values: list[float], window: int = 3) -> list[float]:
    """Return the mean of each run of `window` neighbouring values."""
    if not 1 <= window <= len(values):
        raise ValueError(f"window must be in 1..{len(values)}, got {window}")
    total = sum(values[:window])
    means = [total / window]
    for old, new in zip(values, values[window:]):
        total += new - old
        means.append(total / window)
    return means


if __name__ == "__main__":
    print(moving_average([1.0, 2.5, 4.0, 8.25], window=2))  # [1.75, 3.25, 6.125]
'''.strip()

MATHEMATICS = r"""
\begin{theorem}
Let $f : [a, b] \to \mathbb{R}$ be continuous on $[a, b]$ and differentiable on $(a, b)$. Then there
is a $\xi \in (a, b)$ with
\[ f'(\xi) = \frac{f(b) - f(a)}{b - a}. \]
\end{theorem}
\begin{proof}
Put $g(x) = f(x) - f(a) - \frac{f(b) - f(a)}{b - a}\,(x - a)$. Since $g(a) = g(b) = 0$, Rolle's
theorem gives a $\xi$ with $g'(\xi) = 0$, which is the claim. \qedhere
\end{proof}
""".strip()

SCIENCE = """
Photosynthesis takes place in two stages. In the light-dependent reactions, chlorophyll molecules in
the thylakoid membranes absorb photons and pass excited electrons along a transport chain; water is
split, oxygen is released, and the energy is stored in ATP and NADPH. In the Calvin cycle the enzyme
RuBisCO attaches carbon dioxide to a five-carbon sugar, ribulose-1,5-bisphosphate, and the products
are reduced to glyceraldehyde-3-phosphate, from which the plant builds glucose and starch.
""".strip()

SAMPLES = {
    "news": ENGLISH,
    "korean": KOREAN,
    "code": CODE,
    "math": MATHEMATICS,
    "science": SCIENCE,
}


@dataclass(frozen=True)
class Count:
    """One text in one tokenizer's tokens."""

    bytes: int
    tokens: int

    @property
    def ratio(self) -> float:
        """Bytes per token; more is better."""
        return self.bytes / max(self.tokens, 1)


def measure(tokenizer, texts: Mapping[str, str]) -> dict[str, Count]:
    """Count the tokens of each text. Raises UserError if a text does not survive the round trip."""
    counts = {}
    for name, text in texts.items():
        ids = tokenizer.encode(text)
        if tokenizer.decode(ids) != text:
            raise UserError(f"the tokenizer does not give the text {name!r} back; train it again")
        counts[name] = Count(len(text.encode("utf-8")), len(ids))
    return counts


def table(ours: Mapping[str, Count], baseline: Mapping[str, Count] | None, name: str = "") -> str:
    """Render a markdown table: ours alone, or next to a baseline with the tokens saved in %."""
    if baseline is None:
        lines = ["| Text | Bytes | Tokens | Bytes/token |", "|---|---:|---:|---:|"]
        lines += [f"| {t} | {c.bytes:,} | {c.tokens:,} | {c.ratio:.2f} |" for t, c in ours.items()]
        return "\n".join(lines)
    lines = [
        f"| Text | Bytes | {name} tokens | {name} bytes/token | Our tokens | Our bytes/token "
        "| Difference % |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for text, count in ours.items():
        other = baseline[text]
        saved = 100 * (other.tokens - count.tokens) / max(other.tokens, 1)
        lines.append(
            f"| {text} | {count.bytes:,} | {other.tokens:,} | {other.ratio:.2f} "
            f"| {count.tokens:,} | {count.ratio:.2f} | {saved:+.1f} |"
        )
    return "\n".join(lines)
