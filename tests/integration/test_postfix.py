"""A whole round with a real Postfix: it takes every mail, and tells of the dead addresses later."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

from digest import jobs
from digest.model import SubscriberState
from tests.faults import Fault, faulty_server
from tests.integration.test_reliability import listed, run, states
from tests.postfix import Postfix, postfix
from tests.worlds import ADA, World, make_world

ANSWERS = {
    "gone": "550 5.1.1 <{}>: no such user here",
    "full": "552 5.2.2 mailbox is full",
    "spam": "554 5.7.1 Message rejected as spam by content scanner",
}


def wait(server: Postfix, n: int) -> None:
    """Until so many reports have come back."""
    deadline = time.monotonic() + 30
    while len(list(server.inbox.glob("new/*"))) < n:
        assert time.monotonic() < deadline, server.log()[-3000:]
        time.sleep(0.1)


def script(stage: str, session: int, message: int, to: str) -> Fault | None:
    answer = ANSWERS.get(to.partition("@")[0])
    return Fault(answer.format(to)) if answer and stage == "rcpt" else None


def states_of(world: World) -> dict[str, SubscriberState]:
    with world.app() as app:
        return {s.email.partition("@")[0]: s.state for s in app.store.subscribers.all()}


def test_what_postfix_took_and_could_not_deliver_comes_back_and_counts(tmp_path: Path) -> None:
    names = ("gone", "full", "spam", "ada")
    with (
        make_world(tmp_path) as world,
        faulty_server(script) as remote,
        postfix("example.org", {"remote.example": remote.port}) as server,
    ):
        world.smtp = server  # type: ignore[assignment]
        listed(world, range(4))
        people = "".join(ADA.replace("ada@example.org", f"{n}@remote.example") for n in names)
        world.write(subscribers=people, sources=f'[inbox]\nmaildir = "{server.inbox}"\n')
        text = world.config.read_text("utf-8")
        sender = 'sender = "Morning papers <digest@example.org>"\n'
        text = text.replace(sender, f'{sender}bounces_to = "bounces@example.org"\n')
        world.config.write_text(text, "utf-8")
        server.inbox.mkdir()
        for part in ("new", "cur", "tmp"):
            (server.inbox / part).mkdir()
        give_to_nobody(server.inbox)

        assert not run(world).failed
        assert states(world) == {"sent": 4}  # Postfix took them all
        wait(server, 3)
        with world.app() as app:
            report = jobs.read_inbox(app)
        assert report.n_applied == 3, report.told
        found = states_of(world)
        assert found.pop("gone") is SubscriberState.SUPPRESSED
        assert set(found.values()) == {SubscriberState.ACTIVE}
        with world.app() as app:
            strikes = {
                n: [s.severity for s in app.store.strikes.of(jobs.subscriber(app, e).id)]
                for n, e in ((n, f"{n}@remote.example") for n in names)
            }
        assert strikes == {"gone": ["hard"], "full": ["soft"], "spam": [], "ada": []}
        assert len(remote.to("ada@remote.example")) == 1


def give_to_nobody(folder: Path) -> None:
    person = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, person.pw_uid, person.pw_gid)
