"""nanochat: make your own ChatGPT, from raw text to a chat page."""
