"""Parts of the checkpoint manager: names and rules of choice, writing, reading and checking."""
