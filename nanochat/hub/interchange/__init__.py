"""Models in the format of transformers: writing, reading and comparing them."""
