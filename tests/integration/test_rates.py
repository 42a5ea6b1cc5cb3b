"""Bounces and complaints in numbers: the pause, the list of the suppressed, providers' reports."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digest import jobs
from digest.cli.main import app as command_line
from digest.model import SubscriberState
from digest.store import traffic
from digest.usecases import rates
from digest.usecases.suppressions import read_csv, write_csv
from tests.integration.test_reliability import listed, run
from tests.sites import Site, served
from tests.worlds import ADA, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        listed(made, range(4))
        made.write(subscribers="".join(ADA.replace("ada@", f"p{i}@") for i in range(3)))
        yield made


def command(world: World, *words: str) -> Result:
    return CliRunner().invoke(command_line, ["-c", str(world.config), *words])


def state(world: World, email: str) -> SubscriberState:
    with world.app() as app:
        return jobs.subscriber(app, email).state


def count(world: World, n_sent: int, n_bounced: int, n_complaints: int) -> None:
    with world.app() as app, app.store.database.write() as connection:
        day = world.now.date()
        for column, n in (
            ("n_sent", n_sent),
            ("n_bounced", n_bounced),
            ("n_complaints", n_complaints),
        ):
            traffic.count(connection, day, column, Counter({"example.org": n}))


@pytest.mark.parametrize(
    ("numbers", "noun"),
    [
        ((1000, 60, 0), "undeliverable"),
        ((4000, 0, 4), "spam"),
        ((1000, 40, 2), ""),
        ((90, 30, 9), ""),
    ],
)
def test_sending_pauses_with_the_reason_and_goes_on_when_told(
    world: World, numbers: tuple[int, int, int], noun: str
) -> None:
    count(world, *numbers)
    report = run(world)
    assert ("Sending is paused" in report.route_fault) == bool(noun)
    assert len(world.smtp.mails) == (0 if noun else 3)
    if noun:
        assert noun in report.route_fault
        with world.app() as app:
            policy = app.mail.retry_policy
            assert rates.paused_because(app.store, world.now, policy)
            rates.resume(app.store, world.now)
        assert "Nothing is paused" in command(world, "resume").output
        run(world)
        assert len(world.smtp.mails) == 3


def test_what_went_to_a_domain_and_came_back_is_counted(world: World) -> None:
    world.smtp.refuse["p0@example.org"] = "550 5.1.1 no such user"
    run(world)
    with world.app() as app:
        (found,) = rates.traffic(app.store, world.now)
        assert (found.domain, found.n_sent, found.n_bounced) == ("example.org", 2, 1)
        app.store.strikes.of(jobs.subscriber(app, "p0@example.org").id)
        assert not rates.traffic(app.store, world.now + timedelta(days=9))


def test_lists_of_providers_come_in_and_ours_goes_out(world: World) -> None:
    run(world)
    file = world.folder / "list.csv"
    file.write_text(
        "\ufeffEmail Address;Reason;Created At\n"
        "P1@example.org;HardBounce;2026-05-01T10:00:00Z\n"
        "later@example.org;SpamComplaint;1777000000\nno address;x;y\n",
        "utf-8",
    )
    done = command(world, "suppress", "--file", str(file))
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    assert "2 addresses on the list; 1 subscriber among them got mail until now." in shown
    assert "line 4:" in shown
    assert state(world, "p1@example.org") is SubscriberState.SUPPRESSED
    out = command(world, "suppressions", "--csv").output
    assert "p1@example.org,hardbounce,2026-05-01T10:00:00+00:00," in out
    entries, faults = read_csv(out, world.now)
    assert (len(entries), faults) == (2, ())
    assert write_csv(entries) == out
    assert command(world, "suppress", "p0@example.org").exit_code == 0
    assert "p0@example.org,operator,2026-" in command(world, "suppressions", "--csv").output
    assert command(world, "unsuppress", "p0@example.org").exit_code == 0
    assert "p0@" not in command(world, "suppressions").output
    # who is on the list and subscribes later gets nothing
    world.write(subscribers=ADA.replace("ada@", "later@"))
    assert state(world, "later@example.org") is SubscriberState.SUPPRESSED
    assert command(world, "unsuppress", "later@example.org").exit_code == 0
    assert state(world, "later@example.org") is SubscriberState.ACTIVE


def test_a_list_may_be_addresses_alone_and_nonsense_is_told(world: World) -> None:
    entries, faults = read_csv("a@example.org\n\nb@example.org\n", world.now)
    assert [e.email for e in entries] == ["a@example.org", "b@example.org"]
    assert {e.since for e in entries} == {world.now}
    assert not faults
    assert read_csv("", world.now) == ((), ())
    file = world.folder / "list.csv"
    file.write_text("nothing here", "utf-8")
    assert command(world, "suppress", "--file", str(file)).exit_code == 1
    assert command(world, "suppress").exit_code == 2


def test_a_provider_reports_to_the_site_and_strangers_change_nothing(
    world: World,
) -> None:
    def post(site: Site, email: str, secret: bytes = b"secret") -> int:
        body = json.dumps({"kind": "bounce", "hard": True, "email": email}).encode()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        answer = site.http.post(
            "/reports/generic", content=body, headers={"X-Signature": signature}
        )
        return answer.status_code

    people = "".join(ADA.replace("ada@", f"p{i}@") for i in range(3))
    env = world.folder / ".env"
    env.write_text("REPORTS_SECRET=secret\n", "utf-8")
    env.chmod(0o600)
    with served(world, subscribers=people) as site:
        run(world)
        assert post(site, "p2@example.org", b"other") == 403
        assert state(world, "p2@example.org") is SubscriberState.ACTIVE
        assert post(site, "p2@example.org") == 204
        assert post(site, "nobody@example.org") == 204
        assert site.http.post("/reports/postmark").status_code == 404
        assert state(world, "p2@example.org") is SubscriberState.SUPPRESSED
        assert state(world, "p0@example.org") is SubscriberState.ACTIVE
