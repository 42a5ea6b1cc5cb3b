"""`digest doctor`: each thing that can be wrong is told with what helps."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.cli import doctor
from digest.cli.check import tell
from digest.cli.doctor import examine
from digest.store import Store
from tests.integration.test_web import listed
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # names are looked up in the tests of DNS
    monkeypatch.setattr("digest.channels.email.dns.check_sender", lambda *a, **k: ())
    with make_world(tmp_path) as made:
        # a database server keeps the time of the tests
        monkeypatch.setattr(Store, "server_time", lambda store: made.now)
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(), "Wed, 20 May 2026 00:00:00 -0400")))
        made.write()
        with made.app() as app:
            jobs.run(app)
        yield made


def examined(world: World, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with world.app() as app:
        n = tell(examine(app), as_json=False)
    out, err = capsys.readouterr()
    return n, f"{out}\n{err}"


def test_a_sound_installation_has_nothing_wrong(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    n, said = examined(world, capsys)
    assert n == 0, said
    for part in (
        "program",
        "extras",
        "time zones",
        "clock",
        "disk",
        "subscribers",
        "runs",
        "store",
    ):
        assert re.search(rf"^{part}: ", said, re.M), part
    assert "1 subscriber, 0 in trouble" in said


@pytest.mark.parametrize(
    ("more", "lacking", "extra"),
    [
        ("[monitor]\nmetrics_port = 9177\n", "prometheus_client", "metrics"),
        ("[mail]\nthumbnails = true\n", "PIL", "thumbnails"),
        ('[ranking]\nsemantic = "wordllama"\n', "wordllama", "semantic"),
    ],
)
def test_what_is_configured_and_not_installed_is_told_with_the_line_that_installs_it(
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    more: str,
    lacking: str,
    extra: str,
) -> None:
    known = doctor.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda n: None if n == lacking else known(n))
    world.write(subscribers=f"{ADA}\n{more}")
    n, said = examined(world, capsys)
    assert n >= 1
    assert f"[{extra}]" in said


def test_an_extra_is_wanted_by_what_is_configured_alone(world: World) -> None:
    """`metrics_port` is 0 unless somebody wants metrics; everybody was told to install them."""

    def wanted() -> set[str]:
        with world.app() as app:
            return {extra for *_, extra in doctor.wanted_extras(app)} - {"postgres"}

    assert wanted() == set()
    reports = '[reports]\nsns_topics = ["arn:aws:sns:x"]\n'
    world.write(subscribers=f"{ADA}\n[monitor]\nmetrics_port = 9177\n{reports}")
    assert wanted() == {"reports", "metrics"}


def test_a_full_disk(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 5_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    n, said = examined(world, capsys)
    assert n == 1
    assert "make room" in said


def test_nobody_to_send_to(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write(subscribers="")
    with world.app() as app:
        for s in app.store.subscribers.all():
            app.store.personal.forget(s.id)
    n, said = examined(world, capsys)
    assert n == 1
    assert "nothing is ever sent" in said


def test_a_run_that_nothing_starts_any_more(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.now += timedelta(days=9)
    n, said = examined(world, capsys)
    assert n >= 1
    assert "9 days ago. Nothing starts `digest run`" in said


def test_a_clock_that_went_back(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.now = datetime(2026, 5, 1, tzinfo=UTC)
    n, said = examined(world, capsys)
    assert n >= 1
    assert "Set the clock" in said


def test_a_clock_that_goes_beside_that_of_the_database(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = world.now + timedelta(minutes=10)
    monkeypatch.setattr(Store, "server_time", lambda store: ahead)
    n, said = examined(world, capsys)
    assert n == 1
    assert "this machine says 05:30:00, the database server 05:40:00 (UTC)" in said


def test_a_reader_whose_mail_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.smtp.refuse["eve@example.org"] = "550 5.1.1 no such user"
    world.write(
        subscribers=f'{ADA}\n[[subscribers]]\nemail = "eve@example.org"\nkeywords = ["x"]\n'
    )
    with world.app() as app:
        jobs.run(app)
    _, said = examined(world, capsys)
    assert "Mail did not reach eve@example.org" in said
    assert "1 in trouble" in said


def test_a_zone_that_this_machine_does_not_know(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> Any:
        raise doctor.ZoneInfoNotFoundError(name)

    with world.app() as app:
        monkeypatch.setattr(doctor, "ZoneInfo", none)
        n = tell(examine(app), as_json=False)
    said = "".join(capsys.readouterr())
    assert n == 1
    assert "Install its time zone data" in said


def test_the_port_of_metrics(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("prometheus_client")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        world.write(subscribers=f"{ADA}\n[monitor]\nmetrics_port = {port}\n")
        assert "is in use: by a worker" in examined(world, capsys)[1]
    assert "is free: no worker" in examined(world, capsys)[1]
