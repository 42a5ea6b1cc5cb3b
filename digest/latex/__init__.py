"""LaTeX in titles and abstracts, as Unicode a person can read. Pure functions.

The text is read once from left to right. What is known is put as `notation` writes it; what is not
is printed by its argument, or by its name: no word of a text can get lost. pylatexenc knows the
signs behind the names of macros.
"""

from digest.latex.reading import readable
from digest.latex.words import lost_words

__all__ = ["lost_words", "readable"]
