"""The main job with one command: every stage from raw text to the chat page, in order."""
