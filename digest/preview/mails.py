"""What the preview page shows: mails composed from the store, and composed anew after a change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from digest import jobs, schedule
from digest.app import App
from digest.errors import ConfigError, DigestError
from digest.model import DeliveryKey, PlannedEdition
from digest.preview.headers import Header, headers_of
from digest.proof import Finding, proofread
from digest.proof.headers import html_of, parse, text_of, with_images
from digest.usecases.compose import finished
from digest.usecases.feedback import find_subscriber

#: dates to choose from
N_DATES = 10


@dataclass(frozen=True, slots=True)
class Day:
    """A date to look at."""

    date: date
    #: a mail of this date lies in the store as it went out
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail in all its forms; or why there is none."""

    html: str = ""
    text: str = ""
    raw: str = ""
    headers: Sequence[Header] = ()
    findings: Sequence[Finding] = ()
    body: bytes = b""
    #: finished sentences
    problems: Sequence[str] = ()


class PreviewMails:
    """Keeps choices until the configuration changes, and mails until a template does.

    Not more than one thread at a time composes; readers of the page wait for each other.
    """

    def __init__(self, open_app: Callable[[], App]) -> None:
        self._open_app = open_app
        self._lock = threading.RLock()
        self._app: App | None = None
        self._faults: Sequence[str] = ()
        self._people: Sequence[str] = ()
        self._chosen: dict[tuple[str, date], PlannedEdition] = {}
        self._mails: dict[tuple[str, date, bool], Mail] = {}
        self.reload()

    def close(self) -> None:
        with self._lock:
            if self._app is not None:
                self._app.__exit__(None, None, None)
            self._app = None

    def reload(self) -> None:
        """After a change of the configuration; a broken one is shown instead of mails."""
        with self._lock:
            self.close()
            self._chosen.clear()
            self._mails.clear()
            try:
                self._app = self._open_app()
                listed = jobs.sync_subscribers(self._app)
                jobs.sync_configured_likes(self._app, listed)
                self._people = tuple(s.email for s in listed)
                self._faults = ()
            except ConfigError as error:
                self._faults = error.problems
            except DigestError as error:
                self._faults = (str(error),)

    def restyle(self) -> None:
        """After a change of a template or a catalogue."""
        with self._lock:
            self._mails.clear()
            if self._app is not None:
                self._app.__dict__.pop("renderer", None)

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong with the configuration."""
        return self._faults

    @property
    def title(self) -> str:
        return self._app.settings.title if self._app else "digest"

    def folders(self) -> tuple[Path, ...]:
        """Where templates lie."""
        return self._app.template_folders() if self._app else ()

    def people(self) -> tuple[str, ...]:
        """As in the file; then who joined elsewhere."""
        with self._lock:
            if self._app is None:
                return ()
            known = (s.email for s in self._app.store.subscribers.all())
            return tuple(dict.fromkeys([*self._people, *known]))

    def days(self, email: str) -> tuple[Day, ...]:
        """The reader's today, and dates of listings before it."""
        with self._lock:
            if self._app is None:
                return ()
            reader = find_subscriber(self._app.store, email)
            now = self._app.clock()
            today = schedule.edition_date(reader, now)
            listed = self._app.store.archive.listing_dates(now - timedelta(days=14))
            sent = {e.edition_date for e in self._app.store.history.of(reader.id, N_DATES)}
            dates = sorted({today, *(d for d in (*listed, *sent) if d <= today)}, reverse=True)
            return tuple(Day(d, self._stored(reader.id, d) != b"") for d in dates[:N_DATES])

    def _stored(self, subscriber_id: str, day: date) -> bytes:
        assert self._app is not None
        key = DeliveryKey(subscriber_id=subscriber_id, edition_date=day)
        known = self._app.store.history.delivery(key)
        return known.message.body if known else b""

    def mail(self, email: str, day: date, *, sent: bool) -> Mail:
        """The mail as it went out, or as it would be made now."""
        with self._lock:
            if self._app is None:
                return Mail(problems=self._faults)
            key = (email, day, sent)
            if key not in self._mails:
                try:
                    self._mails[key] = self._made(email, day, sent)
                except DigestError as error:
                    return Mail(problems=str(error).splitlines())
            return self._mails[key]

    def _made(self, email: str, day: date, sent: bool) -> Mail:
        app = self._app
        assert app is not None
        reader = find_subscriber(app.store, email)
        if sent:
            body = self._stored(reader.id, day)
            return opened(body) if body else Mail(problems=(f"Nothing was sent on {day}.",))
        if (email, day) not in self._chosen:
            self._chosen[email, day] = app.context().composer(app.clock(), day).choose(reader, day)
        chosen = self._chosen[email, day]
        draft = finished(chosen, app.renderer, app.mail.email, app.clock())
        if draft.message is None:
            return Mail(problems=(chosen.empty.detail if chosen.empty else "There is no mail.",))
        return opened(draft.message.body)


def opened(body: bytes) -> Mail:
    """A complete message taken apart and proofread."""
    mail = parse(body)
    return Mail(
        html=with_images(mail, html_of(mail)),
        text=text_of(mail),
        raw=body.decode("utf-8", "replace"),
        headers=headers_of(body),
        findings=proofread(body, with_spam=False),
        body=body,
    )
