"""Ways to a reader: mail, and messages of chat programs."""
