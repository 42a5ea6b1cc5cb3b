"""A personalised daily digest of research papers by mail."""

__version__ = "0.2.0"
