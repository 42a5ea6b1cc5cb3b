"""What the program does, as functions over a store and what they are handed."""
