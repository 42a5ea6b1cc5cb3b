"""Nothing lost, nothing twice: whole runs against a mail server that goes wrong in every way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.errors import StoreFull
from digest.model import (
    DayReport,
    Delivery,
    DeliveryState,
    SubscriberState,
)
from digest.usecases.retry import PAUSES, RetryPolicy, pause_after
from digest.worker import Worker
from tests.faults import STAGES, Fault, FaultyServer, Script, always, faulty_server, once
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record

PEOPLE = "".join(ADA.replace("ada@", f"p{n}@") for n in range(4))
DAY_LATER = timedelta(days=1)


@pytest.fixture(autouse=True, params=["one by one", "pipelined"])
def _dialogue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that offer PIPELINING, and those that do not."""
    offered = ("8BITMIME", "PIPELINING") if request.param == "pipelined" else ("8BITMIME",)
    monkeypatch.setattr("tests.faults.EXTENSIONS", offered)


@contextmanager
def installation(
    folder: Path, script: Script | None = None
) -> Iterator[tuple[World, FaultyServer]]:
    with make_world(folder) as world, faulty_server(script) as box:
        world.smtp = box  # type: ignore[assignment]
        listed(world, range(4))
        world.write(subscribers=PEOPLE)
        yield world, box


def listed(world: World, numbers: range) -> None:
    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in numbers], stamp)))


def run(world: World) -> DayReport:
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    return report


def mails(world: World) -> list[Delivery]:
    with world.app() as app:
        return list(app.store.history.deliveries(limit=1000))


def states(world: World) -> Counter[str]:
    return Counter(d.state for d in mails(world))


def run_until_settled(world: World) -> None:
    """As cron would every ten minutes."""
    for _ in range(60):
        run(world)
        if all(d.state.is_final for d in mails(world)):
            return
        world.now += timedelta(minutes=10)
    raise AssertionError(states(world))


CLOSES = Fault()
PASSING = [
    CLOSES,
    Fault("421 4.3.2 going down", closes=True),
    Fault("451 4.3.0 try again"),
    Fault("450 4.7.1 greylisted"),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda f: f.reply[:3] or "closes")
@pytest.mark.parametrize("stage", STAGES)
def test_a_passing_fault_at_any_stage_delays_and_never_loses_or_repeats(
    tmp_path: Path, stage: str, fault: Fault
) -> None:
    with installation(tmp_path, once(stage, fault)) as (world, box):
        run_until_settled(world)
        assert states(world) == {"sent": 4}
        assert Counter(k.recipient for k in box.kept) == {f"p{n}@example.org": 1 for n in range(4)}
        # Whoever closes instead of answering the final dot may have kept the message; and who
        # closes in the middle of it cannot be told apart, if all of it was on its way already.
        in_doubt = stage == "body" or (stage == "dot" and fault == CLOSES)
        assert sum(d.doubts for d in mails(world)) == in_doubt


@pytest.mark.parametrize("on_unknown", ["resend", "hold"])
def test_an_answer_lost_after_the_final_dot_is_the_only_window(
    tmp_path: Path, on_unknown: str
) -> None:
    lost = once("dot", Fault(keeps=True), "p2@example.org")
    with installation(tmp_path, lost) as (world, box):
        world.write(subscribers=PEOPLE, sources=f'[delivery]\non_unknown = "{on_unknown}"\n')
        run_until_settled(world)
        copies = box.to("p2@example.org")
        others = [k for k in box.kept if k not in copies]
        assert len(others) == 3
        if on_unknown == "resend":
            assert states(world) == {"sent": 4}
            assert len(copies) == 2
            assert len({(k.message_id, k.body) for k in copies}) == 1
        else:
            assert states(world) == {"sent": 3, "unknown": 1}
            assert len(copies) == 1
        assert [d.doubts for d in mails(world) if d.message.recipient.startswith("p2")] == [1]


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail"])
def test_a_refusal_before_any_recipient_stops_the_run_and_keeps_everything(
    tmp_path: Path, stage: str
) -> None:
    with installation(tmp_path, always(stage, Fault("554 5.7.1 not from you"))) as (world, box):
        report = run(world)
        assert report.failed
        assert "554" in report.route_fault
        assert states(world) == {"ready": 4}
        assert box.n_sessions == 1
        box.script = lambda *_: None
        run_until_settled(world)
        assert states(world) == {"sent": 4}
        assert len(box.kept) == 4


def test_a_wanted_login_at_the_recipient_is_about_us(tmp_path: Path) -> None:
    with installation(tmp_path, always("rcpt", Fault("530 5.7.0 login first"))) as (world, _):
        report = run(world)
        assert "wants a login" in report.route_fault
        assert states(world) == {"ready": 4}


def test_a_dead_address_is_suppressed_at_once_and_the_others_get_theirs(tmp_path: Path) -> None:
    dead = always("rcpt", Fault("550 5.1.1 no such user"), "p1@example.org")
    with installation(tmp_path, dead) as (world, box):
        report = run(world)
        assert {s.email: s.result for s in report.subscribers}["p1@example.org"] == "suppressed"
        world.now += DAY_LATER
        listed(world, range(4, 8))
        n_tries = box.n_messages
        tomorrow = run(world)
        (dead_one,) = [s for s in tomorrow.subscribers if s.email == "p1@example.org"]
        assert "no such user" in dead_one.detail
        assert "digest unsuppress p1@example.org" in dead_one.detail
        assert box.n_messages - n_tries == 3


def test_soft_refusals_suppress_after_some_editions_and_an_accepted_mail_wipes_them(
    tmp_path: Path,
) -> None:
    full = always("rcpt", Fault("552 5.2.2 mailbox full"), "p0@example.org")
    with installation(tmp_path, full) as (world, box):
        world.write(subscribers=PEOPLE, sources="[delivery]\nsuppress_after = 2\n")

        def day() -> SubscriberState:
            run(world)
            world.now += DAY_LATER
            listed(world, range(world.now.day * 10, world.now.day * 10 + 3))
            with world.app() as app:
                return next(
                    s for s in app.store.subscribers.all() if s.email.startswith("p0")
                ).state

        assert day() is SubscriberState.ACTIVE
        box.script = lambda *_: None
        assert day() is SubscriberState.ACTIVE  # accepted: the slate is clean
        box.script = full
        assert day() is SubscriberState.ACTIVE
        assert day() is SubscriberState.SUPPRESSED


def test_mails_refused_for_who_we_are_open_the_breaker_and_blame_nobody(tmp_path: Path) -> None:
    many = "".join(ADA.replace("ada@", f"p{n}@") for n in range(9))
    with installation(tmp_path, always("dot", Fault("554 5.7.26 unauthenticated"))) as (world, box):
        world.write(subscribers=many)
        report = run(world)
        assert "Check SPF, DKIM and blocklists" in report.route_fault
        assert states(world) == {"deferred": 5, "ready": 4}  # after the mend all of them go out
        assert box.n_messages == 5
        with world.app() as app:
            assert all(s.state is SubscriberState.ACTIVE for s in app.store.subscribers.all())
            assert not any(app.store.strikes.of(s.id) for s in app.store.subscribers.all())
        box.script = lambda *_: None
        run_until_settled(world)
        assert len(box.kept) == 9


@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_limits_a_connection_is_met_with_a_new_one(
    tmp_path: Path, known: bool
) -> None:
    def limit(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        if stage != "mail":
            return None
        too_many = message - seen.setdefault(session, message) >= 2
        return Fault("421 4.7.0 too many messages", closes=True) if too_many else None

    seen: dict[int, int] = {}
    with installation(tmp_path, limit) as (world, box):
        world.write(subscribers=PEOPLE)
        text = world.config.read_text("utf-8")
        limited = text.replace(
            'security = "none"', 'security = "none"\nmessages_per_connection = 2'
        )
        world.config.write_text(limited if known else text, "utf-8")
        report = run(world)
        assert not report.failed
        assert len(box.kept) == 4
        assert box.n_sessions == 2


def test_a_server_that_keeps_saying_421_is_left_alone_with_most_mails_untouched(
    tmp_path: Path,
) -> None:
    busy = always("rcpt", Fault("421 4.3.2 busy", closes=True))
    with installation(tmp_path, busy) as (world, box):
        report = run(world)
        assert "wants to be left alone" in report.route_fault
        assert states(world) == {"deferred": 2, "ready": 2}
        assert box.n_messages == 2
        with world.app() as app:
            worker = Worker(app)
            assert worker.tick() is None  # the run's pause is everybody's
            world.now += timedelta(minutes=3)
            assert worker.tick() is not None
            assert worker.tick() is None  # and a longer one begins
        box.script = lambda *_: None
        run_until_settled(world)
        assert len(box.kept) == 4


def test_a_mail_that_nobody_takes_is_given_up_and_its_papers_come_again(tmp_path: Path) -> None:
    later = always("rcpt", Fault("451 4.2.0 later"), "p0@example.org")
    with installation(tmp_path, later) as (world, box):
        for _ in range(30):
            run(world)
            world.now += timedelta(minutes=30)
        (waiting,) = [d for d in mails(world) if d.state is not DeliveryState.SENT]
        assert waiting.state is DeliveryState.DEFERRED
        assert waiting.attempts > 4

        # the next day's edition supersedes it, and has its papers
        world.now = world.now.replace(hour=6) + DAY_LATER
        listed(world, range(4, 6))
        box.script = lambda *_: None
        run(world)
        old = next(d for d in mails(world) if d.key == waiting.key)
        assert old.state is DeliveryState.FAILED
        assert old.reply.startswith("superseded by the edition of 2026-05-2")
        assert "451" in old.reply
        (new,) = box.to("p0@example.org")
        for number in range(6):
            assert f"https://arxiv.org/abs/2605.{number:05d}".encode() in new.body
        (other,) = [k for k in box.to("p1@example.org") if k.session == new.session]
        assert b"2605.00000" not in other.body  # who got it yesterday does not get it again
        with world.app() as app:
            assert "came after it" in app.store.deliveries.retry(waiting.key, world.now)


def test_a_mail_is_given_up_after_its_time(tmp_path: Path) -> None:
    later = always("rcpt", Fault("451 4.2.0 later"))
    with installation(tmp_path, later) as (world, _):
        world.write(subscribers=ADA, sources="[delivery]\ngive_up_after_h = 2\n")
        run_until_settled(world)
        (given_up,) = mails(world)
        assert given_up.state is DeliveryState.FAILED
        assert "451 4.2.0 later" in given_up.reply
        assert world.now - given_up.planned_at <= timedelta(hours=2)  # type: ignore[operator]


def test_whoever_left_after_the_plan_gets_no_mail_of_it(tmp_path: Path) -> None:
    with installation(tmp_path, always("connect", CLOSES)) as (world, box):
        run(world)
        with world.app() as app:
            first, second, *_ = app.store.subscribers.all()
            app.store.subscribers.set_state(first.id, SubscriberState.UNSUBSCRIBED)
        box.script = lambda *_: None
        run_until_settled(world)
        assert states(world) == {"sent": 3, "suppressed": 1}
        assert not box.to(first.email)
        assert box.to(second.email)


def test_whoever_leaves_at_the_last_moment_gets_none_and_spoils_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation(tmp_path) as (world, box), world.app() as app:
        real = app.store.deliveries.journal
        left: list[str] = []

        def leaving(
            worker: str,
            now: datetime,
            *,
            handing: Sequence[str] = (),
            **others: Any,
        ) -> frozenset[str]:
            if not left:  # the first of them unsubscribes after the claim, before the hand-over
                (mail,) = (m for m in mails(world) if m.message.message_id == handing[0])
                left.append(mail.key.subscriber_id)
                app.store.subscribers.set_state(
                    mail.key.subscriber_id, SubscriberState.UNSUBSCRIBED
                )
            return real(worker, now, handing=handing, **others)

        monkeypatch.setattr(app.store.deliveries, "journal", leaving)
        jobs.run(app)
        emails = {s.id: s.email for s in app.store.subscribers.all()}
        assert sorted(k.recipient for k in box.kept) == sorted(
            e for i, e in emails.items() if i not in left
        )
        assert all(k.body.startswith(b"From: ") for k in box.kept)
        assert all(k.body.count(b"Message-ID:") == 1 for k in box.kept)
        jobs.run(app)  # the next claim finds that they left
        assert states(world) == {"sent": 3, "suppressed": 1}


def test_what_cannot_be_written_down_stops_the_sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation(tmp_path) as (world, box):
        with world.app() as app:
            real, calls = app.store.deliveries.journal, []

            def full(
                worker: str,
                now: datetime,
                *,
                settled: Any = (),
                **others: Any,
            ) -> frozenset[str]:
                if not settled:
                    return real(worker, now, **others)
                calls.append(1)
                raise StoreFull("The disk is full.")

            monkeypatch.setattr(app.store.deliveries, "journal", full)
            with pytest.raises(StoreFull):
                jobs.run(app)
            assert len(calls) == 3  # insistently, but only for one mail
            assert len(box.kept) == 1
            monkeypatch.setattr(app.store.deliveries, "journal", real)
        run_until_settled(world)
        assert states(world) == {"sent": 4}
        assert sum(d.doubts for d in mails(world)) == 1
        assert len(box.kept) == 5
        assert len({k.message_id for k in box.kept}) == 4


def test_pauses_grow_and_differ_between_messages() -> None:
    firsts = {pause_after(f"<{n}@x>", 0) for n in range(50)}
    assert len(firsts) == 50
    for attempt, usual in enumerate((*PAUSES, PAUSES[-1])):
        assert usual * 0.8 <= pause_after("<m@x>", attempt) <= usual * 1.2
    assert pause_after("<m@x>", 1) == pause_after("<m@x>", 1)


def test_rules_come_from_the_configuration(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        table = '[delivery]\non_unknown = "hold"\nsuppress_after = 7\ngive_up_after_h = 5\n'
        world.write(sources=table)
        with world.app() as app:
            assert app.mail.retry_policy == replace(
                RetryPolicy(),
                resend_unknown=False,
                suppress_after=7,
                give_up_after=timedelta(hours=5),
                zone="Europe/Berlin",
                pause_at_bounces=50.0,
                pause_at_complaints=0.5,
            )


def test_a_run_may_stay_until_what_was_put_off_has_gone_out(tmp_path: Path) -> None:
    left = [2]

    def twice(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        if stage == "rcpt" and recipient == "p0@example.org" and left[0]:
            left[0] -= 1
            return Fault("450 4.7.1 greylisted")
        return None

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.now += timedelta(seconds=seconds)

    slept: list[float] = []
    with installation(tmp_path, twice) as (world, box), world.app() as app:
        report = jobs.run(app)
        assert report is not None
        assert report.failed
        short = jobs.wait_for_mails(app, report, timedelta(minutes=2), sleep=sleep)
        assert short.failed
        assert slept == []
        done = jobs.wait_for_mails(app, report, timedelta(hours=1), sleep=sleep)
        assert not done.failed
        assert [s.result for s in done.subscribers] == ["sent"] * 4
        assert len(slept) == 2
        assert len(box.kept) == 4


def test_a_run_that_stays_leaves_a_server_that_refuses_it_alone_for_growing_whiles(
    tmp_path: Path,
) -> None:
    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.now += timedelta(seconds=seconds)

    slept: list[float] = []
    refuses = always("mail", Fault("535 5.7.8 wrong password"))
    with installation(tmp_path, refuses) as (world, box), world.app() as app:
        report = jobs.run(app)
        assert report is not None
        jobs.wait_for_mails(app, report, timedelta(hours=1), sleep=sleep)
        assert slept == [60, 120, 240, 480, 960]
        assert box.n_sessions == 6
        assert states(world) == {"ready": 4}


def test_a_run_that_stays_comes_back_to_a_server_that_was_down(tmp_path: Path) -> None:
    def sleep(seconds: float) -> None:
        world.now += timedelta(seconds=seconds)
        box.script = lambda *_: None

    with installation(tmp_path, always("connect", CLOSES)) as (world, box), world.app() as app:
        report = jobs.run(app)
        assert report is not None
        assert report.route_fault
        done = jobs.wait_for_mails(app, report, timedelta(minutes=5), sleep=sleep)
        assert (done.failed, done.route_fault, done.warnings) == (False, "", ())
        assert len(box.kept) == 4


# --- clocks ------------------------------------------------------------------------------------


def ticking(world: World, start: datetime, n: int, step: timedelta) -> None:
    """A worker that wakes now and then, and is started anew each time."""
    world.now = start
    for _ in range(n):
        listed(world, range(world.now.day * 10, world.now.day * 10 + 3))
        with world.app() as app:
            Worker(app).tick()
        world.now += step


def dates(world: World) -> list[str]:
    return sorted(d.key.edition_date.isoformat() for d in mails(world))


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 3, 29)], ids=["autumn", "spring"])
def test_the_doubled_hour_in_autumn_is_one_edition_and_the_missing_one_in_spring_is_not_missed(
    tmp_path: Path, day: date
) -> None:
    with installation(tmp_path) as (world, box):
        world.write(subscribers=ADA)
        text = world.config.read_text("utf-8")
        world.config.write_text(text.replace('time = "07:30"', 'time = "02:30"'), "utf-8")
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        ticking(world, midnight - timedelta(minutes=30), 10, timedelta(minutes=20))
        assert dates(world) == [day.isoformat()]
        assert len(box.kept) == 1


def test_a_clock_that_jumps_and_a_zone_that_changes_make_no_second_edition(tmp_path: Path) -> None:
    with installation(tmp_path) as (world, box):
        world.write(subscribers=ADA)
        noon = datetime(2026, 5, 20, 12, tzinfo=UTC)
        hour = timedelta(hours=1)
        ticking(world, noon, 2, hour)
        ticking(world, noon - 3 * hour, 3, hour)  # back by hours
        ticking(world, noon - DAY_LATER, 3, hour)  # back by a day
        assert dates(world) == ["2026-05-20"]
        text = world.config.read_text("utf-8")
        for zone in ("America/Los_Angeles", "Asia/Tokyo", "Pacific/Honolulu", "Europe/Berlin"):
            world.config.write_text(text.replace("Europe/Berlin", zone), "utf-8")
            ticking(world, noon, 2, timedelta(minutes=30))
        assert dates(world) == ["2026-05-20"]
        ticking(world, noon + 2 * DAY_LATER, 2, hour)  # forward by days
        ticking(world, noon + DAY_LATER, 2, hour)  # and set right again
        assert dates(world) == ["2026-05-20", "2026-05-22"]
        assert len(box.kept) == 2


def test_a_clock_that_was_years_ahead_does_not_silence_the_years(tmp_path: Path) -> None:
    with installation(tmp_path) as (world, box):
        world.write(subscribers=ADA)
        noon = datetime(2026, 5, 20, 12, tzinfo=UTC)
        ticking(world, noon + 3650 * DAY_LATER, 1, DAY_LATER)
        ticking(world, noon, 2, DAY_LATER)
        assert dates(world) == ["2026-05-20", "2026-05-21", "2036-05-17"]
        assert len(box.kept) == 3


# --- several connections -------------------------------------------------------------------------


def test_several_connections_share_the_work_and_one_that_is_refused_is_done_without(
    tmp_path: Path,
) -> None:
    def full(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        refused = stage == "connect" and session > 2
        return Fault("421 4.7.0 too many connections", closes=True) if refused else None

    with make_world(tmp_path) as world, faulty_server(full) as box:
        world.smtp = box  # type: ignore[assignment]
        box.delay_s = 0.01
        listed(world, range(4))
        world.write(subscribers="".join(ADA.replace("ada@", f"p{n}@") for n in range(60)))
        text = world.config.read_text("utf-8")
        world.config.write_text(text.replace("[store]", "connections = 4\n\n[store]"), "utf-8")
        report = run(world)
        assert not report.failed, report
        assert states(world) == {"sent": 60}
        assert len({k.recipient for k in box.kept}) == len(box.kept) == 60
        assert {k.session for k in box.kept} == {1, 2}


def test_a_mail_left_to_others_who_were_about_to_end_is_sent_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest.usecases.senders import SenderPool

    believed = iter([True])
    monkeypatch.setattr(SenderPool, "_others_are_there", lambda *_: next(believed, False))
    full = once("connect", Fault("421 4.7.0 too many connections", closes=True))
    with installation(tmp_path, full) as (world, box):
        assert not run(world).failed
        assert states(world) == {"sent": 4}
        assert len(box.kept) == 4


def test_an_eager_server_that_wants_a_body_for_nobody_gets_none(tmp_path: Path) -> None:
    gone = always("rcpt", Fault("550 5.1.1 no such user"), "p1@example.org")
    with installation(tmp_path, gone) as (world, box):
        box.eager = True
        run(world)
        assert states(world) == {"sent": 3, "suppressed": 1}
        assert not box.to("p1@example.org")
        assert all(k.body.startswith(b"From: ") for k in box.kept)


def test_no_more_mails_a_second_leave_than_were_allowed(tmp_path: Path) -> None:
    from digest.ports import Route
    from digest.usecases.dispatch import send_due

    with installation(tmp_path) as (world, box), world.app() as app:
        jobs.run(app, should_stop=lambda: True)
        route = Route(name="r", transport=app.mail.transport, connections=2, per_second=20.0)
        started = time.monotonic()
        send_due(
            app.store,
            [route],
            worker="w",
            clock=lambda: world.now,
            policy=RetryPolicy(),
        )
        assert time.monotonic() - started >= 3 / 20
        # all who send share the server's turns
        assert app.store.rate_limits.waiting("mail:r", world.now) == pytest.approx(4 / 20)
        assert len(box.kept) == 4


def test_workers_take_their_turns_at_a_mail_server_in_one_queue(tmp_path: Path) -> None:
    with make_world(tmp_path) as world, world.app() as one, world.app() as other:
        waits = [
            a.store.rate_limits.acquire("mail:x", world.now, 0.5, 10) for a in (one, other, one)
        ]
        assert waits == [0.0, 5.0, 10.0]
        assert one.store.rate_limits.acquire("mail:x", world.now, 30.0, 10) == 15.0
        # whoever waits for longer than a minute at a paper service is let through, not so here
        assert (
            one.store.rate_limits.acquire("mail:x", world.now, 1.0, 1, timedelta(hours=1)) == 315.0
        )
