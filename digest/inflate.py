"""Unpacking what a server sends, without trusting how large it becomes."""

from __future__ import annotations

import zlib


class Inflate:
    """gzip or deflate with a bounded output: a bomb is noticed before it is unpacked."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        self._first = True

    def __call__(self, data: bytes, max_bytes: int) -> bytes:
        try:
            out = self._engine.decompress(data, max_bytes)
        except zlib.error:
            if not self._first:
                raise
            # "deflate" means zlib, but some servers send the bare stream
            self._engine = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            out = self._engine.decompress(data, max_bytes)
        self._first = False
        return out
