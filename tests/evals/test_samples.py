from nanochat.evals.samples import PROMPTS, sample_completions


class WordTokenizer:
    """One id per word; id 0 is bos."""

    def __init__(self):
        self.words = ["<bos>"]

    def get_bos_token_id(self):
        return 0

    def encode(self, texts, prepend=None):
        rows = []
        for text in texts:
            for word in text.split(" "):
                if word not in self.words:
                    self.words.append(word)
            rows.append([prepend] + [self.words.index(word) for word in text.split(" ")])
        return rows

    def decode(self, ids):
        return "".join(" " + self.words[i] for i in ids)


class EchoEngine:
    """Repeats the end of each prompt."""

    def generate_many(self, prompts, max_tokens, temperature):
        assert temperature == 0.0
        assert all(prompt[0] == 0 for prompt in prompts)
        return [prompt[1:][-max_tokens:] for prompt in prompts]


def test_seven_prompts_each_followed_by_its_own_completion():
    samples = sample_completions(EchoEngine(), WordTokenizer(), max_tokens=2)
    assert len(samples) == len(PROMPTS) == 7
    for prompt, sample in zip(PROMPTS, samples, strict=True):
        assert sample == prompt + " " + " ".join(prompt.split(" ")[-2:])
