"""Ways to a reader: mail is the one there is."""
