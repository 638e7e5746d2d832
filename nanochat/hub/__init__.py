"""Other people's formats and places: models on their way to other programs, and back."""
