"""`ports.Channel`: run over mail and every kind of the registry."""

from __future__ import annotations

import base64
import errno
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from digest import jobs
from digest.app import App
from digest.channels.registry import kinds
from digest.errors import ConfigError
from digest.model import DeliveryState, PlannedEdition
from digest.ports import Channel
from tests.servers import Answer, Request, rss
from tests.worlds import World, make_world, record

KINDS = ("mail", *kinds())
WEBHOOK = "/services/T0/secret"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(9)], stamp)))
        yield made


def needs_apprise() -> None:
    if find_spec("apprise") is None:
        pytest.skip("Apprise is not installed")


def use(world: World, kind: str, secrets: str = "", **keys: object) -> App:
    """An app whose editions go out by a channel."""
    world.write()
    text = world.config.read_text("utf-8")
    head, _, rest = text.partition("[smtp]")
    if kind == "maildir":
        table = '[maildir]\npath = "mails"\nsender = "Digest <digest@example.org>"\n'
        world.config.write_text(f"{head}{table}[store]{rest.partition('[store]')[2]}", "utf-8")
    if kind in ("webhook", "apprise"):
        if kind == "apprise":
            needs_apprise()
        table = f'[channel]\nkind = "{kind}"\n'
        table += "allow_private = true\n" if kind == "webhook" else ""
        table += "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items())
        world.config.write_text(f"{head}{table}[store]{rest.partition('[store]')[2]}", "utf-8")
        env = world.folder / ".env"
        apprise = f"json://127.0.0.1:{world.web.port}{WEBHOOK}"
        env.write_text(
            f"WEBHOOK_URL={world.web.url}{WEBHOOK}\nAPPRISE_URL={apprise}\n{secrets}", "utf-8"
        )
        env.chmod(0o600)
    return world.app()


def planned(app: App) -> PlannedEdition:
    (made,) = jobs.drafts(app)[0].values()
    return made


def test_every_kind_is_tried_here() -> None:
    assert set(KINDS) == {"mail", "webhook", "apprise"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_edition_makes_the_same_message_each_time(kind: str, world: World) -> None:
    with use(world, kind) as app:
        channel: Channel = app.mail.channel
        made = planned(app)
        assert made.edition
        assert made.rendered
        first = channel.message(made.edition, made.rendered, world.now)
        again = channel.message(made.edition, made.rendered, world.now)
        assert first == again
        assert first.message_id.startswith("<")
        assert first.recipient == "ada@example.org"
        for pick in made.edition.picks:
            assert pick.paper.url.encode() in first.body.replace(b"=\r\n", b"")
        (route,) = channel.routes
        assert route.name
        assert "secret" not in route.name


@pytest.mark.parametrize("kind", KINDS)
def test_a_day_is_sent_once_by_any_channel(kind: str, world: World) -> None:
    world.web.says(WEBHOOK, Answer(b"ok"))
    with use(world, kind) as app:
        for _ in range(2):
            report = jobs.run(app)
            assert report
            assert [s.result for s in report.subscribers] == [DeliveryState.SENT]
    n_out = len(world.smtp.mails) + len(world.web.asked(WEBHOOK))
    assert n_out == 1


# --- the webhook alone -------------------------------------------------------------------------


def test_a_webhook_gets_titles_and_links_and_nothing_that_acts_for_the_reader(
    world: World,
) -> None:
    world.web.says(WEBHOOK, Answer(b"ok"))
    with use(world, "webhook", field="content", max_chars=400) as app:
        jobs.run(app)
    (asked,) = (r for r in world.web.asked(WEBHOOK) if r.body)
    text = json.loads(asked.body)["content"]
    lines = text.splitlines()
    assert lines[1].startswith("1. Laser beam study ")
    assert lines[2].startswith("https://arxiv.org/abs/2605.")
    assert lines[-1].startswith("… and ")
    assert len(text) <= 400
    for token in ("feedback", "unsubscribe", "mailto:", "ada@"):
        assert token not in text


@pytest.mark.parametrize(
    ("status", "state"), [(429, "deferred"), (503, "deferred"), (413, "failed"), (400, "failed")]
)
def test_what_a_chat_program_answers_is_told_by_its_state(
    world: World, status: int, state: str
) -> None:
    world.web.says(WEBHOOK, Answer(b"no", status=status))
    with use(world, "webhook") as app:
        report = jobs.run(app)
        assert report
        assert [s.result for s in report.subscribers] == [state]
        assert str(status) in report.subscribers[0].detail


def test_a_webhook_that_is_gone_stops_the_route_and_the_edition_waits(world: World) -> None:
    world.web.says(WEBHOOK, Answer(b"no_service", status=404))
    with use(world, "webhook") as app:
        report = jobs.run(app)
        assert report
        assert "WEBHOOK_URL" in report.route_fault
        assert "secret" not in report.route_fault
        world.web.says(WEBHOOK, Answer(b"ok"))
        world.now += timedelta(minutes=5)
        report = jobs.run(app)
        assert report
        assert [s.result for s in report.subscribers] == [DeliveryState.SENT]


@pytest.mark.parametrize("kind", ["webhook", "apprise", "maildir"])
def test_a_way_that_turns_out_to_be_shut_leaves_nothing_in_doubt(
    kind: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not taken is ready again, also where a doubt would hold it back for good."""
    full = OSError(errno.ENOSPC, "No space left on device")
    world.web.says(WEBHOOK, Answer(b"gone", status=404))
    with use(world, kind, secrets="") as app:
        pass
    text = world.config.read_text("utf-8")
    world.config.write_text(f'{text}\n[delivery]\non_unknown = "hold"\n', "utf-8")
    with world.app() as app:
        with monkeypatch.context() as patched:
            if kind == "maildir":
                patched.setattr("mailbox.Maildir.add", lambda *_: (_ for _ in ()).throw(full))
            report = jobs.run(app)
        assert report
        assert report.route_fault
        assert report.subscribers[0].result is DeliveryState.READY
        assert app.store.history.counts() == {"ready": 1}
        world.web.says(WEBHOOK, Answer(b"ok"))
        world.now += timedelta(minutes=5)
        report = jobs.run(app)
        assert report
        assert report.subscribers[0].result is DeliveryState.SENT
        assert [w.text for w in report.warnings] == []
        assert app.store.history.deliveries()[0].doubts == 0


def test_a_webhook_that_breaks_off_is_in_doubt_and_told(world: World) -> None:
    def dies(request: Request) -> Answer:
        return Answer(b"ok" if not request.body else b"", headers={"Content-Length": "99"})

    world.web.routes[WEBHOOK] = dies
    with use(world, "webhook") as app:
        app.mail.channel._timeout_s = 0.5  # type: ignore[attr-defined]
        report = jobs.run(app)
    assert report
    assert report.subscribers[0].result is not DeliveryState.SENT


def test_a_webhook_without_its_address_is_told_and_nothing_is_fetched(world: World) -> None:
    with use(world, "webhook") as app:
        pass
    (world.folder / ".env").unlink()
    with world.app() as app, pytest.raises(ConfigError, match="set WEBHOOK_URL"):
        jobs.run(app)
    assert not world.web.requests


# --- an edition for a program ------------------------------------------------------------------


def test_a_program_gets_the_edition_as_json_signed_and_without_an_address(world: World) -> None:
    world.web.says(WEBHOOK, Answer(b"ok"))
    with use(world, "webhook", secrets="WEBHOOK_SECRET=whsec_c2VjcmV0\n", form="edition") as app:
        jobs.run(app)
    (asked,) = (r for r in world.web.asked(WEBHOOK) if r.body)
    said = json.loads(asked.body)
    assert (said["version"], said["date"]) == (1, "2026-05-20")
    assert len(said["papers"]) == 9
    first = said["papers"][0]
    assert first["title"]
    assert first["reasons"][0]["kind"]
    assert b"ada@" not in asked.body
    headers = {k.lower(): v for k, v in asked.headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + asked.body
    mac = base64.b64encode(hmac.digest(b"secret", signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"


# --- Apprise -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "state"), [(503, "deferred"), (200, "sent")])
def test_apprise_tells_what_did_not_go_through(world: World, status: int, state: str) -> None:
    world.web.says(WEBHOOK, Answer(b"no", status=status))
    with use(world, "apprise") as app:
        report = jobs.run(app)
        assert report
        assert [s.result for s in report.subscribers] == [state]
    (asked,) = (r for r in world.web.asked(WEBHOOK) if r.body)
    text = json.loads(asked.body)
    assert "1. Laser beam study " in text["message"]
    for token in ("feedback", "unsubscribe", "mailto:", "ada@"):
        assert token not in text["message"]


def test_an_address_that_apprise_does_not_know_is_told(world: World) -> None:
    needs_apprise()
    with use(world, "apprise") as app:
        env = world.folder / ".env"
        env.write_text("APPRISE_URL=nonsense://x\n", "utf-8")
    with world.app() as app, pytest.raises(ConfigError, match="APPRISE_URL"):
        app.mail.channel  # noqa: B018 - it is made when it is first asked for
