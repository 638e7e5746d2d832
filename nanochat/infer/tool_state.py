"""The calculator inside the answer: one small state machine per row.

The model writes `<|python_start|> expression <|python_end|>`; the row then takes
`<|output_start|> result <|output_end|>` as forced tokens, whatever the model samples meanwhile. An
expression the calculator refuses injects nothing.
"""

from collections import deque

from nanochat.tools.calculator import use_calculator


class ToolTokens:
    """The special ids a row must know, looked up once; `tokenizer` encodes and decodes the rest."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.python_start = tokenizer.encode_special("<|python_start|>")
        self.python_end = tokenizer.encode_special("<|python_end|>")
        self.output_start = tokenizer.encode_special("<|output_start|>")
        self.output_end = tokenizer.encode_special("<|output_end|>")
        self.ends = frozenset(
            {tokenizer.encode_special("<|assistant_end|>"), tokenizer.get_bos_token_id()}
        )

    def answer(self, expression: list[int]) -> list[int]:
        """Return the tokens a tool call injects: none if the calculator has no result."""
        value = use_calculator(self.tokenizer.decode(expression))
        if value is None:
            return []
        return [self.output_start, *self.tokenizer.encode(str(value)), self.output_end]


class RowState:
    """What one row being generated is in the middle of.

    `finished` becomes true with `<|assistant_end|>` or bos; later tokens then pass unexamined.
    """

    def __init__(self, tokens: ToolTokens):
        self.finished = False
        self._tokens = tokens
        self._forced: deque[int] = deque()
        self._expression: list[int] | None = None  # None: in text; a list: inside a tool call

    def advance(self, sampled: int) -> tuple[int, int]:
        """Return the token the row really takes, and 1 if that is the sampled one, 0 if forced."""
        if self._forced:
            return self._forced.popleft(), 0
        if not self.finished:
            self._examine(sampled)
        return sampled, 1

    def _examine(self, token: int) -> None:
        if token in self._tokens.ends:
            self.finished = True
        elif token == self._tokens.python_start:
            self._expression = []
        elif token == self._tokens.python_end:
            if self._expression:
                self._forced.extend(self._tokens.answer(self._expression))
            self._expression = None
        elif self._expression is not None:
            self._expression.append(token)
