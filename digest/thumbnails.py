"""Small pictures of papers' first pages, as mails carry them: fetched once, made small, kept.

They travel inside of the mail, so that nobody learns when it is opened. Needs the extra
`thumbnails` (Pillow).
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest.distribution import missing
from digest.errors import DigestError, SourceUnavailable
from digest.fetcher import Fetcher
from digest.model import Paper
from digest.text import safe_url

if TYPE_CHECKING:
    from digest.store.thumbnails import Thumbnails as Stored

log = logging.getLogger(__name__)

#: pixels of the widest: twice what is shown, for fine screens
SIZE = (560, 560)
#: of a picture that is fetched, and of one that is sent
MOST_FETCHED, MOST_SENT = 5_000_000, 45_000
#: of a picture when it is unpacked; a small file may hold a huge one
MOST_PIXELS = 40_000_000
#: tried until a picture is small enough
QUALITIES = (75, 55, 35)


class ThumbnailMaker:
    """Brings pictures of papers, from the store or from where their source keeps them.

    Args:
        private_hosts: of sources in one's own network, which may be asked though they are there.
    """

    def __init__(
        self, fetcher: Fetcher, stored: Stored, private_hosts: Collection[str] = ()
    ) -> None:
        self._fetcher, self._stored, self._private_hosts = fetcher, stored, private_hosts

    def of(self, papers: Iterable[Paper], now: datetime, *, asks: bool) -> Mapping[str, bytes]:
        """JPEGs by the papers' ids; papers without one are absent.

        Args:
            asks: whether those that are not stored are fetched.

        Raises:
            DigestError: Pillow is not installed.
        """
        urls = {p.id: url for p in papers if (url := safe_url(p.signals.thumbnail_url))}
        keys = {i: hashlib.sha256(url.encode()).hexdigest() for i, url in urls.items()}
        known = self._stored.get(keys.values())
        fresh: dict[str, bytes] = {}
        for paper_id, key in keys.items():
            if key not in known and key not in fresh and asks:
                fresh[key] = self._fetched(urls[paper_id])
        self._stored.add(fresh, now)
        known = {**known, **fresh}
        return {i: known[key] for i, key in keys.items() if known.get(key)}

    def _fetched(self, url: str) -> bytes:
        """The small picture behind an address; nothing if there is none that can be used, which is
        remembered, too."""
        try:
            got = self._fetcher.get(
                url,
                accept="image/*",
                max_bytes=MOST_FETCHED,
                allow_private=urlsplit(url).netloc in self._private_hosts,
            )
            return small(got.body)
        except (SourceUnavailable, ValueError) as error:
            log.info("thumbnails.unusable why=%s", error)
            return b""


def small(picture: bytes) -> bytes:
    """A picture of any usual kind as a small JPEG.

    Raises:
        ValueError: it is none, or too large.
        DigestError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise DigestError(missing("Thumbnails", error.name, "thumbnails")) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(picture), formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError("the picture has too many pixels")
                image.thumbnail(SIZE)
                flat = Image.new("RGB", image.size, "white")
                shown = image.convert("RGBA")
                flat.paste(shown, mask=shown.getchannel("A"))
    except ValueError:
        raise
    except Exception as error:  # Pillow raises whatever its decoders do
        raise ValueError(f"no picture: {type(error).__name__}") from error
    for quality in QUALITIES:
        made = BytesIO()
        flat.save(made, "JPEG", quality=quality, optimize=True)
        if len(made.getvalue()) <= MOST_SENT:
            return made.getvalue()
    raise ValueError("the picture cannot be made small enough")
