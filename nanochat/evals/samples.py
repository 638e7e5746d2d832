"""Seven short prompts that show at a glance what a base model has learnt."""

from collections.abc import Sequence

PROMPTS = (
    "The capital of France is",
    "Gold's chemical symbol is",
    "If today is Monday, then the day after tomorrow is",
    "The opposite of hot is",
    "The planets of our solar system are",
    "My favourite colour is",
    "If 2*x + 4 = 10, then x equals",
)


def sample_completions(
    engine, tokenizer, max_tokens: int = 16, prompts: Sequence[str] = PROMPTS
) -> list[str]:
    """Return each prompt with the engine's greedy continuation of at most `max_tokens` tokens."""
    encoded = tokenizer.encode(list(prompts), prepend=tokenizer.get_bos_token_id())
    completions = engine.generate_many(encoded, max_tokens=max_tokens, temperature=0.0)
    return [
        prompt + tokenizer.decode(ids) for prompt, ids in zip(prompts, completions, strict=True)
    ]
