"""Readers' libraries: one file a format."""
