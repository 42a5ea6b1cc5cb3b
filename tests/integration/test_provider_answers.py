"""What providers answer to whole runs: nobody suffers for what is ours, and dead addresses stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from digest import jobs
from digest.model import Cause, DayReport, DeliveryState, SubscriberState
from digest.usecases.claims import Pace
from digest.usecases.retry import is_mass
from digest.usecases.routes import resting_routes
from digest.worker import Worker
from tests.faults import Fault, FaultyServer, Script, faulty_server
from tests.integration.test_reliability import listed, mails, run, states
from tests.worlds import ADA, World, make_world

TOMORROW = timedelta(days=1)
SPAM_EXCEPTION = "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process"


@contextmanager
def installation(
    folder: Path, script: Script, *emails: str
) -> Iterator[tuple[World, FaultyServer]]:
    with make_world(folder) as world, faulty_server(script) as box:
        world.smtp = box  # type: ignore[assignment]
        listed(world, range(4))
        world.write(subscribers="".join(ADA.replace("ada@example.org", e) for e in emails))
        yield world, box


def people(n: int, domain: str = "example.org") -> tuple[str, ...]:
    return tuple(f"p{i}@{domain}" for i in range(n))


def says(
    stage: str, reply: str, of: Callable[[str], bool] = lambda recipient: True, closes: bool = False
) -> Script:
    def script(at: str, session: int, message: int, recipient: str) -> Fault | None:
        return Fault(reply, closes=closes) if at == stage and of(recipient) else None

    return script


def suppressed(world: World) -> set[str]:
    with world.app() as app:
        people = app.store.subscribers.all()
        return {s.email for s in people if s.state is SubscriberState.SUPPRESSED}


def next_day(world: World, day: int) -> DayReport:
    world.now += TOMORROW
    listed(world, range(10 * day, 10 * day + 3))
    return run(world)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("dot", SPAM_EXCEPTION),
        ("dot", "550 5.1.8 Access denied, bad outbound sender"),
        ("dot", "550 5.6.0 spam"),
        ("dot", "550 5.4.4 no"),
        ("rcpt", "550 Unauthenticated senders not allowed"),
        ("rcpt", "504 5.5.2 <laptop>: Helo command rejected: need fully-qualified hostname"),
        ("rcpt", "550 5.7.1 Client host blocked using zen.spamhaus.org"),
        ("rcpt", "550 5.1.1 no such user"),
    ],
)
def test_what_meets_everybody_suppresses_nobody_on_any_day(
    tmp_path: Path, stage: str, reply: str
) -> None:
    with installation(tmp_path, says(stage, reply), *people(6)) as (world, box):
        run(world)
        for day in (1, 2, 3):
            next_day(world, day)
        assert suppressed(world) == set()
        box.script = lambda *_: None
        next_day(world, 4)
        assert len({k.recipient for k in box.kept}) == 6


def test_a_mass_refusal_is_told_and_one_dead_address_among_many_stops(tmp_path: Path) -> None:
    gone = says("rcpt", "550 5.1.1 no such user", lambda r: r.startswith("p0@"))
    with installation(tmp_path, gone, *people(6)) as (world, box):
        report = run(world)
        assert suppressed(world) == {"p0@example.org"}
        assert Counter(s.result for s in report.subscribers) == {"sent": 5, "suppressed": 1}
        box.script = says("rcpt", "550 5.1.1 no such user")
        report = next_day(world, 1)
        assert suppressed(world) == {"p0@example.org"}
        told = " ".join(w.text for w in report.warnings)
        assert "5 readers of 5 at example.org were refused alike (550 5.1.1 no such user)" in told


def test_how_many_are_too_many() -> None:
    assert not is_mass(1, 1)
    assert not is_mass(3, 3)
    assert is_mass(5, 5)
    assert is_mass(4, 8)
    assert not is_mass(4, 9)
    assert is_mass(10, 50)
    assert not is_mass(10, 51)
    assert not is_mass(90, 100_000)


def test_a_limit_of_the_day_rests_the_route_until_tomorrow_and_status_says_when(
    tmp_path: Path,
) -> None:
    def quota(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        reply = "550 5.4.5 Daily user sending limit exceeded."
        return Fault(reply) if stage == "dot" and len(box.kept) >= 2 else None

    with installation(tmp_path, lambda *_: None, *people(6)) as (world, box):
        box.script = quota
        report = run(world)
        assert report.route_fault.startswith("Gmail's limit for today is reached (550 5.4.5")
        assert states(world) == {"sent": 2, "ready": 4}
        assert box.n_messages == 3
        with world.app() as app:
            worker = Worker(app)
            for _ in range(3):
                world.now += timedelta(hours=5)
                assert worker.tick() is None
        run(world)  # by hand: it rests all the same
        assert box.n_messages == 3
        with world.app() as app:
            (told,) = resting_routes(app.store, world.now, "Europe/Berlin").values()
        assert told.endswith(" 4 mails go out tomorrow from 00:10.")
        box.script = lambda *_: None
        world.now = world.now.replace(hour=22, minute=11)  # 00:11 in Berlin
        run(world)
        assert len(box.kept) == 6


def test_one_mail_that_is_too_large_fails_alone(tmp_path: Path) -> None:
    seen: list[str] = []

    def large(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        if stage == "mail" and not seen:
            seen.append(recipient)
            return Fault("552 5.3.4 Message size exceeds fixed limit")
        return None

    with installation(tmp_path, large, *people(4)) as (world, _):
        report = run(world)
        assert not report.route_fault
        assert states(world) == {"sent": 3, "failed": 1}
        assert suppressed(world) == set()


def test_one_domain_that_wants_a_rest_gets_it_and_the_others_get_their_mail(
    tmp_path: Path,
) -> None:
    busy = says(
        "rcpt", "421 4.7.28 unusual rate of mail", lambda r: r.endswith("aaa.example"), closes=True
    )
    readers = (*people(10, "aaa.example"), *people(10, "bbb.example"))
    with installation(tmp_path, busy, *readers) as (world, box):
        report = run(world)
        assert len({k.recipient for k in box.kept}) == 10
        assert states(world) == {"sent": 10, "deferred": 10}
        assert not report.route_fault
        assert any("aaa.example wants no mail for a while" in w.text for w in report.warnings)
        box.script = lambda *_: None
        world.now += timedelta(hours=1)
        run(world)
        assert states(world) == {"sent": 20}


def test_a_pace_is_halved_and_recovers() -> None:
    pace = Pace(0.0)
    now = 0.0
    for _ in range(10):
        pace.next_turn(now)
        now += 0.1
    assert pace.apart_s == 0
    pace.heard(Cause.SLOW, now)
    assert pace.apart_s == pytest.approx(0.2)
    pace.heard(Cause.SLOW, now)
    assert pace.apart_s == pytest.approx(0.4)
    assert pace.next_turn(now) == pytest.approx(now + 0.4)
    for _ in range(20):
        pace.heard(Cause.NONE, now)
    assert pace.apart_s == pytest.approx(0.1)
    for _ in range(20):
        pace.heard(Cause.NONE, now)
    assert pace.apart_s == 0


def test_a_server_that_is_too_fast_for_is_asked_slower_in_a_run(tmp_path: Path) -> None:
    throttles = iter([True, True])

    def slow(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        if stage == "dot" and next(throttles, False):
            return Fault("454 Throttling failure: Maximum sending rate exceeded.")
        return None

    with installation(tmp_path, slow, *people(6)) as (world, _):
        run(world)
        assert states(world) == {"sent": 4, "deferred": 2}


def test_fresh_mails_go_before_those_that_were_put_off(tmp_path: Path) -> None:
    later = says("rcpt", "451 4.2.0 later", lambda r: r.startswith("p0@"))
    with installation(tmp_path, later, "p0@example.org") as (world, box):
        run(world)
        everybody = "".join(ADA.replace("ada@example.org", e) for e in people(3))
        world.write(subscribers=everybody)
        box.script = lambda *_: None
        world.now += timedelta(hours=1)
        run(world)
        assert [k.recipient for k in box.kept][-1] == "p0@example.org"
        assert len(box.kept) == 3


def test_mails_of_yesterday_are_deferred_at_most(tmp_path: Path) -> None:
    with installation(tmp_path, says("dot", SPAM_EXCEPTION), *people(6)) as (world, _):
        run(world)
        assert {d.state for d in mails(world)} <= {DeliveryState.READY, DeliveryState.DEFERRED}
        with world.app() as app:
            assert jobs.run(app) is not None
