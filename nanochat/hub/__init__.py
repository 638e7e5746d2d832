"""Other people's formats, and the way to and from the Hugging Face hub."""
