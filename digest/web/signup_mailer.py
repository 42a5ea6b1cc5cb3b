"""Sends the mails of the site: confirmations, reminders and fresh links."""

from __future__ import annotations

import logging

from digest.app import App
from digest.edition.transactional import fresh_link, invitation, reminder
from digest.errors import ConfigError
from digest.model import Message, Signup, Subscriber
from digest.usecases.signup import send_letters, settle_likes
from digest.web.background import BackgroundTask

log = logging.getLogger(__name__)

#: seconds between looks for mails that are due
EVERY_S = 30.0


class SignupMailer(BackgroundTask):
    """Sends mails when they are asked for, and looks up what confirmed people like."""

    def __init__(self, app: App) -> None:
        super().__init__(EVERY_S)
        self._app = app

    def work(self) -> None:
        app = self._app
        if app.settings.web.url:
            try:
                send_letters(app.store, app.mail.transport, letters=self, clock=app.clock)
            except ConfigError as error:
                log.error("post cannot leave: %s", error)
        settle_likes(app.store, app.lookups, app.clock())

    def invitation(self, signup: Signup) -> Message:
        app = self._app
        wanted = signup.wanted.get("preferences", {})
        language = wanted.get("language", app.settings.mail.language)
        return invitation(app.renderer, signup.email, signup.id, language, app.clock())

    def reminder(self, signup: Signup, known: Subscriber) -> Message:
        return reminder(self._app.renderer, known, signup.id, self._app.clock())

    def fresh_link(self, signup: Signup, known: Subscriber) -> Message:
        return fresh_link(self._app.renderer, known, signup.id, self._app.clock())
