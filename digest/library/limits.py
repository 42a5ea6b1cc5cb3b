"""How much of a library is read."""

#: entries of one file, unless its reader sets another bound
MAX_ENTRIES = 200_000
#: characters of one entry
MAX_ENTRY_CHARS = 300_000
#: characters of a title and of an abstract; no real ones are longer
MAX_TITLE_CHARS, MAX_ABSTRACT_CHARS = 2_000, 30_000
