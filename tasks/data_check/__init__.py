"""`nanochat data-check`: what is wrong with a file of conversations, and what it will do."""
