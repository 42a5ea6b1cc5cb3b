"""Several mail servers: shares, limits of a day, and what becomes of the rest when one fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from digest import jobs
from digest.channels.email.dns import operator_of
from digest.cluster.jobs import slots_of
from digest.config import load_text
from digest.errors import ConfigError
from digest.model import DayReport
from digest.ports import Route
from digest.usecases.claims import ClaimQueue, SendOptions
from digest.usecases.dispatch import send_due
from digest.usecases.routes import day_limit, resting_routes, shares
from tests.faults import Fault, FaultyServer, always, faulty_server
from tests.integration.test_reliability import listed, run, states
from tests.worlds import ADA, World, make_world


@contextmanager
def two_servers(
    folder: Path, n_people: int, *, first: str = "", second: str = "", domain: str = "example.org"
) -> Iterator[tuple[World, FaultyServer, FaultyServer]]:
    """An installation with routes "a" and "b".

    Args:
        first, second: further keys of each, in lines.
    """
    with make_world(folder) as world, faulty_server() as a, faulty_server() as b:
        listed(world, range(4))
        people = (ADA.replace("ada@example.org", f"p{i}@{domain}") for i in range(n_people))
        world.write(subscribers="".join(people))
        text = world.config.read_text("utf-8")
        head, _, rest = text.partition("[smtp]")
        _, _, rest = rest.partition("[store]")
        table = '[[smtp]]\nname = "{}"\nhost = "127.0.0.1"\nport = {}\nsecurity = "none"\n{}\n'
        sender = 'sender = "Morning papers <digest@example.org>"\n'
        routes = table.format("a", a.port, sender + first) + table.format("b", b.port, second)
        world.config.write_text(f"{head}{routes}[store]{rest}", "utf-8")
        yield world, a, b


def next_day(world: World, day: int) -> DayReport:
    world.now += timedelta(days=1)
    listed(world, range(10 * day, 10 * day + 3))
    return run(world)


def recipients(box: FaultyServer) -> set[str]:
    return {k.recipient for k in box.kept}


def test_readers_are_shared_by_weight_and_keep_to_their_server(tmp_path: Path) -> None:
    with two_servers(tmp_path, 40, first="weight = 3") as (world, a, b):
        assert not run(world).failed
        shared = recipients(a), recipients(b)
        assert len(a.kept) + len(b.kept) == 40 == len(shared[0] | shared[1])
        assert len(shared[0]) > len(shared[1]) > 0
        next_day(world, 1)
        assert (recipients(a), recipients(b)) == shared


def test_the_second_server_takes_over_and_that_is_told_but_no_failure(tmp_path: Path) -> None:
    with two_servers(tmp_path, 4, second="priority = 1") as (world, a, b):
        run(world)
        assert (len(a.kept), len(b.kept)) == (4, 0)
        a.script = always("connect", Fault("554 5.3.2 closed for today"))
        report = next_day(world, 1)
        assert not report.failed, report
        assert len(b.kept) == 4
        assert any(w.text.startswith("a: ") and "554" in w.text for w in report.warnings)
        assert states(world) == {"sent": 8}


def test_what_one_server_has_in_doubt_is_never_given_to_the_other(tmp_path: Path) -> None:
    with two_servers(tmp_path, 1, second="priority = 1") as (world, a, b):
        a.script = always("dot", Fault(keeps=True))  # takes it, and says nothing
        run(world)
        assert len(a.kept) == 1
        a.script = always("connect", Fault("421 4.3.2 down"))
        for _ in range(8):
            world.now += timedelta(minutes=20)
            run(world)
        assert not b.kept
        a.script = lambda *_: None
        for _ in range(4):
            world.now += timedelta(hours=2)
            run(world)
        assert not b.kept
        assert len({k.message_id for k in a.kept}) == 1
        assert states(world) == {"sent": 1}


def test_what_is_in_doubt_goes_by_its_server_also_when_readers_are_shared_anew(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path, 12, first="weight = 9") as (world, a, b):
        a.script = b.script = always("dot", Fault(keeps=True))
        for _ in range(4):  # two lost answers stop a server for a while
            run(world)
            world.now += timedelta(hours=1)
        doubtful = {k.message_id for k in a.kept}
        assert doubtful
        text = world.config.read_text("utf-8")
        world.config.write_text(text.replace("weight = 9", "weight = 1"), "utf-8")
        a.script = b.script = lambda *_: None
        for _ in range(6):
            run(world)
            world.now += timedelta(hours=1)
        assert states(world) == {"sent": 12}
        assert not doubtful & {k.message_id for k in b.kept}


def test_a_server_whose_day_is_over_is_told_only_while_mail_waits_for_it(tmp_path: Path) -> None:
    full = Fault("550 5.4.5 Daily user sending limit exceeded.")
    with two_servers(tmp_path, 4, second="priority = 1") as (world, a, b):
        a.script = always("dot", full)
        report = run(world)
        assert not report.failed, report
        assert len(b.kept) == 4
        assert any("limit for today is reached" in w.text for w in report.warnings)
        assert not run(world).route_fault
        b.script = always("connect", Fault("554 5.3.2 closed"))
        a.script = lambda *_: None
        world.now += timedelta(hours=1)
        text = world.config.read_text("utf-8")
        world.config.write_text(text.replace("[[smtp]]", f"{ADA}\n[[smtp]]", 1), "utf-8")
        report = run(world)
        assert "a: " in report.route_fault
        assert "b: " in report.route_fault
        assert not a.kept


def test_what_has_a_server_of_its_own_waits_for_it(tmp_path: Path) -> None:
    own = 'recipients = ["P0@example.org", "edu.example"]'
    with two_servers(tmp_path, 3, second=own) as (world, a, b):
        b.script = always("connect", Fault("421 4.3.2 down"))
        report = run(world)
        assert recipients(a) == {"p1@example.org", "p2@example.org"}
        assert "b: " in report.route_fault
        b.script = lambda *_: None
        world.now += timedelta(minutes=30)
        run(world)
        assert recipients(b) == {"p0@example.org"}
        assert len(a.kept) == 2


def test_a_limit_of_the_day_holds_over_runs_and_is_told(tmp_path: Path) -> None:
    second = 'per_day = 3\nrecipients = ["example.org"]'
    with two_servers(tmp_path, 5, second=second) as (world, _a, b):
        run(world)
        run(world)
        assert len(b.kept) == 3
        with world.app() as app:
            (told,) = resting_routes(app.store, world.now, "Europe/Berlin").values()
        assert told == (
            "The limit of 3 mails a day for b is reached. 2 mails go out tomorrow from 00:10."
        )
        world.quiet()
        world.now = world.now.replace(hour=22, minute=20)  # 00:20 in Berlin
        run(world)
        assert len(recipients(b)) == 5


def test_beyond_its_limit_the_other_server_takes_the_rest(tmp_path: Path) -> None:
    with two_servers(tmp_path, 5, first="per_day = 2", second="priority = 1") as (world, a, b):
        assert not run(world).failed
        assert (len(a.kept), len(b.kept)) == (2, 3)


def test_one_operator_gets_only_so_many_connections_and_mails_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_world(tmp_path) as world, faulty_server() as box:
        world.smtp = box  # type: ignore[assignment]
        listed(world, range(4))
        emails = [f"p{i}@{d}" for i in range(6) for d in ("gmail.com", "googlemail.com")]
        people = "".join(ADA.replace("ada@example.org", e) for e in (*emails, "q@example.org"))
        world.write(subscribers=people)
        with world.app() as app:
            jobs.run(app, should_stop=lambda: True)
            route = replace(app.mail.channel.routes[0], connections=4)
            options = SendOptions(operator_connections=1, operator_of=operator_of)
            at_once: list[int] = []
            in_hand: list[str] = []

            def script(stage: str, session: int, message: int, to: str) -> Fault | None:
                google = operator_of(to.partition("@")[2]) == "google"
                if google and stage == "rcpt":
                    in_hand.append(to)
                    at_once.append(len(in_hand))
                    time.sleep(0.02)
                elif google and stage == "dot":
                    in_hand.remove(to)
                return None

            box.script = script
            send_due(app.store, [route], worker="w", clock=lambda: world.now, options=options)
            assert len(box.kept) == 13
            assert set(at_once) == {1}
            # all who send share an operator's turns
            queue = ClaimQueue(
                app.store,
                route,
                "w",
                lambda: world.now,
                SendOptions(operator_per_second=2.0, operator_of=operator_of),
            )
            world.now += timedelta(days=1)
            listed(world, range(10, 14))
            jobs.run(app, should_stop=lambda: True)
            assert queue.next() is not None
            assert app.store.rate_limits.waiting("to:google", world.now) == pytest.approx(6.0)
            assert app.store.rate_limits.waiting("to:example.org", world.now) <= 0.5
            queue.stop()


def test_a_new_server_is_warmed_up(tmp_path: Path) -> None:
    with make_world(tmp_path) as world, world.app() as app:
        new = Route(name="n", transport=app.mail.transport, warm_up=50, per_day=200)
        limits = []
        for day in range(1, 7):
            today = date(2026, 5, day)
            limits.append(day_limit(app.store, new, today))
            if day != 3:  # a day without mail warms nothing
                assert app.store.traffic.take("n", today, 10**6, limits[-1]) == limits[-1]
                assert app.store.traffic.take("n", today, 1, limits[-1]) == 0
        assert limits == [50, 75, 113, 113, 169, 200]
        app.store.traffic.give_back("n", today, 20)
        assert app.store.traffic.take("n", today, 50, 200) == 20


def test_every_reader_has_one_route_whatever_is_awake() -> None:
    def route(name: str, **more: object) -> Route:
        return Route(name=name, transport=lambda: None, **more)  # type: ignore[arg-type, return-value]

    routes = [route("a", weight=1), route("b", weight=5), route("c", priority=1), route("d")]
    for usable in (routes, routes[1:], routes[2:3]):
        found = [s for s in shares(usable, routes).values() if s]
        for n in range(0, 16**4, 97):
            reader = f"{n:04x}" + "7" * 28
            assert sum(s.first_id <= reader < s.last_id for s in found) == 1
    assert shares(routes[:1], routes[:1]) == {"a": None}
    assert [n for _, n in slots_of([route("a", connections=20), route("b")])] == [8, 8, 4, 1]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ('host = "b.example"\nsender = "other@example.org"', "sender stands in the first"),
        ('host = "a.example"', "two [[smtp]] are called a.example:587"),
    ],
)
def test_servers_that_contradict_each_other_are_told(second: str, told: str) -> None:
    text = (
        '[[sources]]\nkind = "arxiv"\ncategories = ["cs.LG"]\n[[smtp]]\nhost = "a.example"\n'
        f'sender = "a@example.org"\n[[smtp]]\n{second}\n'
    )
    with pytest.raises(ConfigError) as raised:
        load_text(text, path=Path("config.toml"), environ={})
    assert told in str(raised.value)


def test_a_second_server_is_not_shown_the_password_of_the_first() -> None:
    text = (
        '[[sources]]\nkind = "arxiv"\ncategories = ["cs.LG"]\n'
        '[[smtp]]\nhost = "a.example"\nsender = "a@example.org"\nusername = "a"\n'
        '[[smtp]]\nname = "back-up"\nhost = "b.example"\nusername = "b"\n'
    )
    both = {"SMTP_PASSWORD": "one", "SMTP_PASSWORD_BACK_UP": "two"}
    settings = load_text(text, path=Path("c.toml"), environ=both)
    assert [s.password.get_secret_value() for s in settings.smtp] == ["one", "two"]
    alone = load_text(text, path=Path("c.toml"), environ={"SMTP_PASSWORD": "one"})
    assert "SMTP_PASSWORD_BACK_UP" in alone.smtp[1].fault
    assert not alone.smtp[1].password.get_secret_value()
