"""The text of a file, in whatever encoding somebody's program wrote it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: JabRef's first line, BibDesk's, Emacs's, and that of XML
_DECLARED = re.compile(
    rb"(?:%+\s*Encoding:|coding[:=]|BibDesk[^\n]{0,80}?Unicode \(|<\?xml[^>]{0,80}?encoding=)"
    rb"\s*[\"']?([A-Za-z][\w.-]{1,30})",
    re.IGNORECASE,
)
#: bytes beyond ASCII with a little around them: how a whole file is written shows in these
_TELLING = re.compile(rb"[\x20-\x7e]{0,12}(?:[\x80-\xff]+[\x20-\x7e]{0,12})+")
#: as many bytes of those as are looked at
MAX_TELLING = 20_000
#: what reference managers have written, by the names that Python has for them
_USUAL = (
    *("windows-1252", "windows-1250", "windows-1251", "macroman", "koi8-r"),
    *("gb18030", "big5", "cp932", "shift_jis", "euc-jp", "cp949", "euc-kr"),
)
_CALLED = {
    "utf-8-sig": "UTF-8",
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, what it was written in, and what is worth telling of that."""

    text: str
    encoding: str
    remark: str = ""


def decode(body: bytes) -> Decoded:
    """The text of some bytes: by their mark, else as UTF-8, else as they say, else by their look.

    Line ends become those of Unix.
    """
    name = _encoding_of(body)
    text = body.decode(name, "replace")
    shown = _CALLED.get(name, name)
    remark = "" if shown == "UTF-8" else f"read as {shown}"
    if n_lost := text.count("\ufffd") - body.count(b"\xef\xbf\xbd"):
        letters = "letter that is" if n_lost == 1 else "letters that are"
        remark = f"read as {shown}, with {n_lost:,} {letters} none in it"
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), shown, remark)


def _encoding_of(body: bytes) -> str:
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    if wide := _without_mark(body):
        return wide
    if body.isascii() and b"\x1b$" in body:
        return "iso2022_jp"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        is_torn = error.start > len(body) - 4  # the end of the file is missing, no more than that
        is_mostly = len(body) > 200 and _is_mostly_utf8(body)
        return "utf-8" if is_torn or is_mostly else _declared(body) or _guessed(body)
    return "utf-8"


def _without_mark(body: bytes) -> str:
    """UTF-16 without its mark: every other byte of most texts is zero."""
    start = body[:4000]
    if len(start) < 4 or b"\x00" not in start:
        return ""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) < max(2, len(start) // 8) or min(even, odd) * 4 > max(even, odd):
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _is_mostly_utf8(body: bytes) -> bool:
    """Whether a file is UTF-8 but for a few letters that were pasted into it."""
    text = body.decode("utf-8", "replace")
    n_lost = text.count("\ufffd")
    return 20 * n_lost < sum(1 for c in text if ord(c) > 127) - n_lost


def _declared(body: bytes) -> str:
    match = _DECLARED.search(body[:2000])
    if match is None:
        return ""
    name = match[1].decode("ascii").lower()
    try:
        name = codecs.lookup(
            "cp1252" if name in ("ascii", "iso8859_1", "iso-8859-1") else name
        ).name
        body.decode(name)
    except (LookupError, UnicodeDecodeError):
        return ""
    return "gb18030" if name in ("gbk", "gb2312") else name


def _guessed(body: bytes) -> str:
    import chardet

    telling = b" ".join(m[0] for m in _TELLING.finditer(body[: 50 * MAX_TELLING]))[:MAX_TELLING]
    found = chardet.detect(
        telling, include_encodings=_USUAL, prefer_superset=True, compat_names=False
    )["encoding"]
    try:
        return codecs.lookup(found or "cp1252").name
    except LookupError:
        return "cp1252"
