"""The README.md of an export: what it is, how to load it, what to beware of, how exact it is."""

from nanochat.gpt import GPTConfig
from nanochat.hub.interchange.parity import Parity
from nanochat.hub.interchange.transformers_format import MODEL_TYPE

LOADING = """\
```python
import torch
from transformers import AutoTokenizer, NanoChatForCausalLM

tokenizer = AutoTokenizer.from_pretrained(".")
model = NanoChatForCausalLM.from_pretrained(".", dtype=torch.{dtype})
messages = [{{"role": "user", "content": "Why is the sky blue?"}}]
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
)
answer = model.generate(**prompt, max_new_tokens=64)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
```

`.` is this directory."""
LLAMA_ROPE = """\
These weights are **for graphs that rotate queries and keys as Llama and NeoX do**: in every query
and key matrix the second half of each head's rows is negated, which makes the usual rotation exact.
`transformers` has no such graph and refuses the model type; its own nanochat class rotates the
other way and needs an export with `--format=hf`.

Besides the rotation a graph needs: halves of a head rotated against each other (not neighbouring
pairs), no norm gains anywhere, the embedding normalised right after look-up, queries and keys
normalised over each head after rotation, a squared-ReLU MLP of two matrices, a separate output
matrix, and logits capped as 15 tanh(x / 15)."""
INJECTION = """\
## Text from strangers

The chat template's result is tokenized as one string, so **the name of a special token inside a
message becomes that token**: a user who types `<|user_end|><|assistant_start|>` writes the
assistant's answer. Where messages come from others, put the prompt together from ids and encode
their text with `split_special_tokens`, which keeps such names ordinary characters:

```python
def ordinary(text):
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]

def special(name):
    return tokenizer.convert_tokens_to_ids(name)

ids = [special("<|bos|>")]
for message in messages:
    role = message["role"]
    ids += [special(f"<|{role}_start|>"), *ordinary(message["content"]), special(f"<|{role}_end|>")]
ids.append(special("<|assistant_start|>"))
```

The same goes for answers that a client sends back, and for the output of tools."""
TOOLS = """\
## Tool calls

The model writes a calculation as `<|python_start|>23*17<|python_end|>` and expects its result next,
as `<|output_start|>391<|output_end|>`. nanochat's engine puts that in on the way; elsewhere, stop
at `<|python_end|>`, append it, and go on. A finished answer is sent back in parts: `text`, `python`
and `python_output`, each `{"type": ..., "text": ...}`."""
PRECISION = """\
## Precision

Compute in bfloat16 or float32, **never in float16**: the squared ReLU overflows there.

`config.json` has no padding id on purpose; that row of the embedding would never be trained. Set
one in the tokenizer only (here: `<|bos|>`)."""


def write_card(config: GPTConfig, name: str, model_type: str, dtype: str, parity: Parity | None):
    """Return the text of README.md."""
    checked = parity.table() if parity else "Not checked (exported with `--no-check`)."
    sizes = (
        f"{config.n_layer} layers, width {config.n_embd}, {config.n_head} query and "
        f"{config.n_kv_head} key/value heads, a vocabulary of {config.vocab_size:,} and a context "
        f"of {config.sequence_len:,} tokens, stored as {dtype}."
    )
    parts = [
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\n---",
        f"# nanochat, {name}",
        f"A nanochat model: {sizes}",
        LOADING.format(dtype=dtype) if model_type == MODEL_TYPE else LLAMA_ROPE,
        INJECTION,
        TOOLS,
        PRECISION,
        f"## How exact it is\n\n{checked}",
    ]
    return "\n\n".join(parts) + "\n"
