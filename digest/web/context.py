"""What all pages share."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from digest.app import App, speeches
from digest.web.index_files import Builder, IndexFiles, index_folder, mark_of
from digest.web.pages import Pages
from digest.web.search_index import SearchIndex
from digest.web.sessions import SESSION, Sessions
from digest.web.signup_mailer import SignupMailer
from digest.web.uploads import Uploads

__all__ = ["SESSION", "WebContext"]

#: seconds between looks at whether the store has changed
LOOK_S = 1.0
#: fact: the peer whose X-Forwarded-For was not believed
UNTRUSTED_PROXY = "web.untrusted_proxy"


class WebContext:
    """The parts of the site over an opened app.

    Args:
        new_id: draws the id of a request to join.
    """

    def __init__(self, app: App, *, new_id: Callable[[], str]) -> None:
        self.app, self.new_id = app, new_id
        self.settings, self.store = app.settings, app.store
        self.pages = Pages(app.settings, speeches())
        self.sessions = Sessions(app.store, app.clock)
        files = IndexFiles(index_folder(app), mark_of(app.store))
        self.index = SearchIndex(app.store, files, Builder(app.settings.store.where, files))
        self.mailer = SignupMailer(app)
        self.uploads = Uploads()
        self._state, self._looked_at = "", 0.0

    def now(self) -> datetime:
        return self.app.clock()

    def state(self) -> str:
        """Another text whenever public pages may have changed, looked up once a second."""
        at = time.monotonic()
        if at - self._looked_at > LOOK_S:
            mention, run = self.store.archive.state()
            self._state, self._looked_at = f"{mention}.{run}.{self.now().date()}", at
        return self._state

    def proxy_seen(self, peer: str) -> None:
        """Remember a proxy that is not trusted, for `digest check`."""
        self.store.facts.set(UNTRUSTED_PROXY, peer)
