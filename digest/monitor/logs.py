"""Logs as text or JSON, with no address, token or secret in the clear."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from digest.errors import without_logins

#: a token of a link: base64, one dot, a signature of 22 letters, or 43
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}\.(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])")
_ADDRESS = re.compile(r"([^\s<>@\"'(),:;=\[\]]{1,64})@((?:[\w-]+\.)+[\w-]{2,}|localhost\b)")
#: "event name key=value key=value", as all our own lines are written
_FIELD = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """The text with addresses as "a…@example.org", and tokens and secrets as "***"."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _TOKEN.sub("***", without_logins(text))
    return _ADDRESS.sub(lambda m: f"{m[1][0]}…@{m[2]}", text)


class _Masking(logging.Formatter):
    """Masks the finished line, tracebacks included: what libraries log passes here too."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record), self._secrets)


class _Json(_Masking):
    """One object a line: time, level, logger, event, and the fields of the line."""

    def format(self, record: logging.LogRecord) -> str:
        message = masked(record.getMessage(), self._secrets)
        event, _, rest = message.partition(" ")
        found: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event if "." in event else "",
            "message": message,
        }
        if found["event"]:
            found["fields"] = {k: v.strip('"') for k, v in _FIELD.findall(rest)}
        if record.exc_info:
            found["traceback"] = masked(self.formatException(record.exc_info), self._secrets)
        return json.dumps(found, ensure_ascii=False)


def handler(
    kind: str, secrets: Sequence[str] = (), stream: TextIO | None = None
) -> logging.Handler:
    """For the root logger.

    Args:
        kind: "text" or "json".
        secrets: passwords and the like, which never stand in a line.
    """
    made = logging.StreamHandler(stream or sys.stderr)
    hidden = [s for s in secrets if len(s) > 3]
    made.setFormatter((_Json if kind == "json" else _Masking)(hidden))
    return made
