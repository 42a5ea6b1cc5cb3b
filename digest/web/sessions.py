"""Who a link, a cookie or a request belongs to."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request

from digest.edition.links import Action, Seal, Ticket
from digest.errors import DigestError, TokenError
from digest.languages import N_
from digest.model import Subscriber
from digest.ports import Clock
from digest.store import Store
from digest.usecases.inbound import holder
from digest.usecases.signup import wished
from digest.web.guard import client_of, form_token

SESSION = "digest_session"


class Sessions:
    """Reads and signs what readers are known by."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    @property
    def seal(self) -> Seal:
        return Seal(self._store.keys)

    def client(self, request: Request) -> str:
        """A keyed hash of where a request comes from: enough to count by, and no address."""
        key = self._store.keys[0]
        return hmac.new(key, client_of(request.scope).encode(), hashlib.sha256).hexdigest()[:32]

    def ticket(self, token: str, *actions: Action) -> Ticket:
        """What a token of an address says, if it is for one of these actions.

        Raises:
            TokenError: it is not.
        """
        found = self.seal.read(token, self._clock().date())
        if found.action not in actions:
            raise TokenError(N_("This link is for something else."))
        return found

    def reader(self, ticket: Ticket) -> Subscriber:
        """Whose ticket it is; see `inbound.holder`.

        Raises:
            TokenError: it is nobody's any more.
        """
        return holder(ticket, self._store)

    def token(self, action: Action, reader: Subscriber, about: str = "") -> str:
        ticket = Ticket(action, reader.id, about, reader.link_generation)
        return self.seal.sign(ticket, self._clock().date())

    def language(self, request: Request, token: str) -> str:
        """That of whoever a token or a cookie belongs to; nothing if it is nobody's."""
        try:
            ticket = self.seal.read(token or request.cookies.get(SESSION, ""), self._clock().date())
            if ticket.action is Action.CONFIRM:
                wish = wished(self._store, ticket.subscriber_id, self._clock())
                return wish.preferences.language if wish else ""
        except DigestError:
            return ""
        found = self._store.subscribers.get(by_id=ticket.subscriber_id)
        return found.preferences.language if found else ""

    def may_leave(self, path: str) -> bool:
        """Whether a path is a valid link to unsubscribe."""
        place, _, token = path.rpartition("/")
        try:
            return place == "/unsubscribe" and bool(self.ticket(token, Action.UNSUBSCRIBE))
        except TokenError:
            return False

    def of(self, request: Request) -> tuple[Subscriber | None, str]:
        """Who this browser belongs to, and the token that their forms carry."""
        cookie = request.cookies.get(SESSION, "")
        if not cookie:
            return None, ""
        try:
            reader = self.reader(self.ticket(cookie, Action.SESSION))
        except DigestError:
            return None, ""
        return reader, form_token(self._store.keys, cookie)
