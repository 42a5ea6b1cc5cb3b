"""HTML, JATS and MathML as plain text, in one reader.

Whatever a source writes is a text with or without markup in it. Only elements that HTML, JATS or
MathML have are markup: "if x<y and y>z", "<think>" and "Vec<u8>" are text. What is raised, lowered,
a fraction or a root reads as `notation` writes it. Nothing here produces HTML.
"""

from digest.markup.reader import lines, of_plain_text, plain

__all__ = ["lines", "of_plain_text", "plain"]
