"""A Maildir instead of a server: every mail becomes a file that any mail program opens."""

from __future__ import annotations

import mailbox
from collections.abc import Callable
from pathlib import Path

from digest.errors import RouteError
from digest.model import Message, Outcome, Receipt


class MaildirTransport:
    """Implements `ports.Transport`; one folder for all recipients."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._box: mailbox.Maildir | None = None

    def __enter__(self) -> MaildirTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self._box = None

    def connect(self) -> None:
        """Make the folder if need be.

        Raises:
            RouteError: the folder cannot be made or is something else.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._box = mailbox.Maildir(self._path, create=True)
            for part in ("tmp", "new", "cur"):  # an empty directory was there before us
                (self._path / part).mkdir(exist_ok=True)
        except OSError as error:
            raise self._fault(error) from error

    def send(self, message: Message, *, before_data: Callable[[], None]) -> Receipt:
        if self._box is None:
            self.connect()
        assert self._box is not None
        before_data()
        try:
            name = self._box.add(message.body.replace(b"\r\n", b"\n"))
        except OSError as error:
            raise self._fault(error) from error
        return Receipt(outcome=Outcome.ACCEPTED, text=f"stored as {self._path / 'new' / name}")

    def _fault(self, error: OSError) -> RouteError:
        return RouteError(
            f"The Maildir {self._path} cannot be written: {error.strerror}.",
            stage="connect",
            temporary=True,
        )
