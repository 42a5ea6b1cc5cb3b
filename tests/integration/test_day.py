"""The whole line in a small world: what reaches whom, and what is said when it does not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from digest import jobs
from digest.errors import ConfigError, UnknownSubscriber
from digest.model import DeliveryState, EmptyReason
from digest.worker import Worker
from tests.acceptance.test_command import digest
from tests.journal import mark_handing
from tests.servers import Answer, Mail, api, as_json, rss
from tests.worlds import World, make_world, record

STAMP = "Wed, 20 May 2026 00:00:00 -0400"
BOB = '\n[[subscribers]]\nemail = "bob@example.org"\nkeywords = ["mirror"]\n'
ADA = (
    '\n[[subscribers]]\nemail = "ada@example.org"\n'
    'likes = [{ title = "Laser beam mirror", abstract = "laser beam lens mirror" }]\n'
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        yield made


def serve(world: World, *numbers: int, stamp: str = STAMP, **changes: object) -> None:
    papers = [record(n, **changes) for n in numbers]
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))


def text_of(mail: Mail) -> str:
    message = message_from_bytes(mail.body, policy=policy.default)
    return str(message.get_body(("plain",)).get_content())  # type: ignore[union-attr]


def outcomes(world: World, **options: object) -> dict[str, str]:
    with world.app() as app:
        report = jobs.run(app, **options)  # type: ignore[arg-type]
    assert report is not None
    return {s.email: s.result for s in report.subscribers}


def test_whatever_is_run_how_often_a_date_is_sent_once(world: World) -> None:
    serve(world, 1, 2, 3)
    world.write(subscribers=ADA + BOB)
    for _ in range(3):
        assert set(outcomes(world).values()) == {"sent"}
    assert len(world.smtp.mails) == 2


def test_a_refused_recipient_does_not_stop_the_others(world: World) -> None:
    serve(world, 1, 2)
    world.write(subscribers=ADA + BOB)
    world.smtp.refuse = {"ada@example.org": "550 5.1.1 no such user"}
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert report.failed
    assert [s.result for s in report.subscribers] == ["suppressed", "sent"]
    assert "no such user" in report.subscribers[0].detail
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert not report.failed  # it was told, and nothing is due
    assert "no such user" in report.subscribers[0].detail
    assert len(world.smtp.mails) == 1


def test_a_deferred_mail_goes_out_later_as_the_same_bytes(world: World) -> None:
    serve(world, 1, 2)
    world.smtp.refuse = {"ada@example.org": "451 4.7.1 greylisted"}
    assert outcomes(world) == {"ada@example.org": "deferred"}
    with world.app() as app:
        person = app.store.subscribers.all()[0]
        planned = app.store.history.of(person.id, 1)[0]
        assert planned.next_at is not None
        world.smtp.refuse = {}
        assert outcomes(world) == {"ada@example.org": "deferred"}  # too early
        world.now += timedelta(minutes=6)
        assert outcomes(world) == {"ada@example.org": "sent"}
    assert len(world.smtp.mails) == 1


def test_a_dead_mail_server_loses_nothing(world: World) -> None:
    serve(world, 1, 2)
    world.write(subscribers=ADA + BOB)
    config = world.config.read_text()
    world.config.write_text(config.replace(f"port = {world.smtp.port}", "port = 1"))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert report.failed
    assert {s.result for s in report.subscribers} == {DeliveryState.READY}
    assert "cannot be reached" in report.route_fault
    world.config.write_text(config)
    assert set(outcomes(world).values()) == {"sent"}
    assert len(world.smtp.mails) == 2


def test_a_source_that_fails_costs_only_itself_and_the_mail_says_so(world: World) -> None:
    serve(world, 1, 2)
    world.web.says("/api/daily_papers", Answer(b"<html>sorry</html>"))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert report.failed
    assert report.subscribers[0].result == "sent"
    daily = next(s for s in report.sources if s.source == "Daily Papers")
    assert "not JSON" in daily.fault
    assert "not JSON" in text_of(world.smtp.mails[0])


def test_a_torn_listing_is_used_and_asked_for_again(world: World) -> None:
    whole = rss([record(n) for n in range(4)], STAMP)
    etag = {"ETag": '"x"'}
    world.web.says("/rss/cs.CL+cs.LG", Answer(whole[: len(whole) // 2], headers=etag))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    arxiv = report.sources[0]
    assert (arxiv.complete, arxiv.n_fetched > 0) == (False, True)
    world.web.says("/rss/cs.CL+cs.LG", Answer(whole, headers=etag))
    outcomes(world)
    assert "if-none-match" not in world.web.asked("/rss/cs.CL+cs.LG")[1].headers
    outcomes(world)
    assert world.web.asked("/rss/cs.CL+cs.LG")[2].headers["if-none-match"] == '"x"'
    # What was torn off is in tomorrow's edition, and only that.
    world.now += timedelta(days=1)
    serve(world, stamp="Thu, 21 May 2026 00:00:00 -0400")
    outcomes(world)
    first, second = (text_of(m) for m in world.smtp.mails)
    ids = {f"2605.{n:05d}" for n in range(4)}
    assert {i for i in ids if i in first} & {i for i in ids if i in second} == set()
    assert {i for i in ids if i in first + second} == ids


def test_a_paper_of_two_sources_is_one_with_both_signals(world: World) -> None:
    serve(world, 1)
    voted = {"paper": {"id": "2605.00001", "title": "T", "upvotes": 41}, "numComments": 5}
    world.web.says("/api/daily_papers", as_json([voted]))
    outcomes(world)
    text = text_of(world.smtp.mails[0])
    assert text.count("https://arxiv.org/abs/2605.00001") == 1
    assert "41 upvotes" in text
    assert "cs.CL" in text


def test_any_feed_is_a_source_and_its_old_entries_only_teach_words(world: World) -> None:
    items = "".join(
        f"<item><title>Laser note {n}</title><link>https://journal.example.org/{n}</link>"
        f"<description>&lt;p&gt;A laser beam, again.&lt;/p&gt;</description>{dated}</item>"
        for n, dated in enumerate(
            (
                "",
                "<pubDate>Tue, 19 May 2026 08:00:00 GMT</pubDate>",
                "<pubDate>Sat, 01 Jan 2022 08:00:00 GMT</pubDate>",
            )
        )
    )
    feed = f'<rss version="2.0"><channel><title>J</title>{items}</channel></rss>'
    world.web.says("/journal.rss", Answer(feed.encode()))
    world.write(
        sources='[[sources]]\nkind = "feed"\nname = "Journal"\nallow_private = true\n'
        f'url = "{world.web.url}/journal.rss"\n'
    )
    with world.app() as app:
        report = jobs.run(app)
        assert (
            len(app.store.papers.background(100)) == 3
        )  # what a reader brought is the reader's own
    assert report is not None
    assert not report.failed
    text = text_of(world.smtp.mails[0])
    assert "https://journal.example.org/0" in text
    assert "https://journal.example.org/1" in text
    assert "https://journal.example.org/2" not in text
    assert "Journal (2)" in text


def test_a_torn_journal_feed_is_asked_for_again_in_full(world: World) -> None:
    items = "".join(
        f"<item><title>Note {n}</title><link>https://journal.example.org/{n}</link></item>"
        for n in range(3)
    )
    feed = f'<rss version="2.0"><channel><title>J</title>{items}</channel></rss>'.encode()
    etag = {"ETag": '"j"'}
    torn = Answer(feed[: len(feed) * 2 // 3], headers=etag)
    world.web.says("/j.rss", torn, Answer(feed, headers=etag))
    world.write(
        sources='[[sources]]\nkind = "feed"\nname = "J"\nallow_private = true\n'
        f'url = "{world.web.url}/j.rss"\n'
    )
    for _ in range(3):
        outcomes(world)
    conditional = ["if-none-match" in r.headers for r in world.web.asked("/j.rss")]
    assert conditional == [False, False, True]


def test_a_template_that_breaks_costs_the_edition_and_sends_no_half_mail(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest import app as assembly

    broken = world.folder / "templates"
    broken.mkdir()
    (broken / "digest.html.j2").write_text("<p>\n{{ nope }}")
    (broken / "digest.txt.j2").write_text("x")
    monkeypatch.setattr(assembly, "TEMPLATES", broken)
    serve(world, 1)
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert report.failed
    assert report.subscribers[0].result == EmptyReason.COMPOSE_FAILED
    assert "digest.html.j2, line 2" in report.subscribers[0].detail
    assert world.smtp.mails == []


def test_replacements_come_only_on_request(world: World) -> None:
    serve(world, 1, announce_type="replace")
    assert outcomes(world) == {"ada@example.org": EmptyReason.NO_LISTING}
    world.config.write_text(
        world.config.read_text().replace(
            'categories = ["cs.CL", "cs.LG"]',
            'categories = ["cs.CL", "cs.LG"]\nannounce_types = ["new", "replace"]',
        )
    )
    assert outcomes(world) == {"ada@example.org": "sent"}
    assert "new version" in text_of(world.smtp.mails[0])


def test_a_paper_seen_as_a_cross_list_is_not_mailed_again(world: World) -> None:
    serve(world, 1, announce_type="cross")
    outcomes(world)
    world.now += timedelta(days=1)
    serve(world, 1, 2, stamp="Thu, 21 May 2026 00:00:00 -0400")
    outcomes(world)
    assert "2605.00001" not in text_of(world.smtp.mails[1])
    assert "2605.00002" in text_of(world.smtp.mails[1])


def test_liked_papers_are_never_picked(world: World) -> None:
    serve(world, 1, 2)
    world.write(subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = ["2605.00001"]\n')
    assert outcomes(world)["ada@example.org"] in ("sent", "no_listing")
    world.now += timedelta(days=1)
    serve(world, 1, 2, 3, stamp="Thu, 21 May 2026 00:00:00 -0400")
    outcomes(world)
    assert all("abs/2605.00001" not in text_of(m) for m in world.smtp.mails[1:])


@pytest.mark.parametrize(
    ("extra", "reason", "words"),
    [
        ('muted = ["laser"]', EmptyReason.ALL_FILTERED, "2 by muted words"),
        ('categories = ["math"]', EmptyReason.ALL_FILTERED, "2 by categories"),
        ("min_score = 0.99", EmptyReason.BELOW_BAR, "the bar (min_score) is 0.99"),
    ],
)
def test_an_empty_day_is_answered_and_a_note_is_sent_if_wanted(
    world: World, extra: str, reason: EmptyReason, words: str
) -> None:
    serve(world, 1, 2)
    world.write(subscribers=f"{ADA}{extra}\n")
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert not report.failed
    assert report.subscribers[0].result == reason
    assert words in report.subscribers[0].detail
    assert world.smtp.mails == []
    world.write(subscribers=f'{ADA}{extra}\non_empty = "note"\n')
    outcomes(world)
    outcomes(world)
    (note,) = world.smtp.mails
    assert words in " ".join(text_of(note).split())


def test_a_newcomer_to_whom_nothing_is_near_is_told_so_once(world: World) -> None:
    far = 'likes = [{ title = "Zonohedra", abstract = "zonohedron polytope facet vertex" }]\n'
    world.write(subscribers=f'[[subscribers]]\nemail = "ada@example.org"\ntrending = 0\n{far}')
    for day in range(3):
        stamp = (world.now).strftime("%a, %d %b %Y 00:00:00 -0400")
        serve(world, *range(1 + 10 * day, 9 + 10 * day), stamp=stamp)
        outcomes(world)
        world.now += timedelta(days=1)
    (note,) = world.smtp.mails
    assert "None of 8 papers is close to what you like; the nearest was" in " ".join(
        text_of(note).split()
    )


def test_a_late_feed_makes_todays_edition_after_all(world: World) -> None:
    assert outcomes(world) == {"ada@example.org": EmptyReason.NO_LISTING}
    world.now += timedelta(hours=2)
    serve(world, 1, 2)
    assert outcomes(world) == {"ada@example.org": "sent"}


def test_weekdays_are_kept_and_the_weekend_is_not_lost(world: World) -> None:
    world.write(schedule='weekdays = ["mon", "tue", "wed", "thu", "fri"]')
    world.now += timedelta(days=3)  # Saturday
    serve(world, 1, stamp="Sat, 23 May 2026 00:00:00 -0400")
    assert outcomes(world) == {"ada@example.org": EmptyReason.NOT_A_SENDING_DAY}
    world.now += timedelta(days=2)
    serve(world, 2, stamp="Mon, 25 May 2026 00:00:00 -0400")
    assert outcomes(world) == {"ada@example.org": "sent"}
    assert "2605.00001" in text_of(world.smtp.mails[0])
    assert "2605.00002" in text_of(world.smtp.mails[0])


def test_a_missed_day_is_caught_up_through_the_api_and_a_failure_tried_again(
    world: World,
) -> None:
    serve(world, 1)
    outcomes(world)
    world.now += timedelta(days=2)
    serve(world, 3, stamp="Fri, 22 May 2026 00:00:00 -0400")
    world.web.says("/api/query", Answer(status=500))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert "2026-05-21 could not be caught up" in report.sources[0].fault
    world.now += timedelta(days=3)
    serve(world, 4, stamp="Mon, 25 May 2026 00:00:00 -0400")
    missed = record(2, submitted="2026-05-19T20:00:00Z")
    world.web.says("/api/query", Answer(api([missed])))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert report.sources[0].complete
    assert "2605.00002" in text_of(world.smtp.mails[-1])
    query = world.web.asked("/api/query")[-1].query["search_query"]
    assert query == ("(cat:cs.CL OR cat:cs.LG) AND submittedDate:[202605191800 TO 202605201800]")


def test_a_past_date_can_be_asked_for(world: World) -> None:
    serve(world, 9)
    old = record(5, submitted="2026-05-14T20:00:00Z")
    world.web.says("/api/query", Answer(api([old])))
    assert outcomes(world, day=date(2026, 5, 18)) == {"ada@example.org": "sent"}
    assert "2605.00005" in text_of(world.smtp.mails[0])
    assert "2605.00009" not in text_of(world.smtp.mails[0])
    assert outcomes(world) == {"ada@example.org": "sent"}
    assert "2605.00009" in text_of(world.smtp.mails[1])


def test_ids_are_resolved_once_and_what_cannot_be_is_named(world: World) -> None:
    serve(world, 1, 2)
    (world.folder / "mine.bib").write_text(
        "@article{x, title={Laser beams}}\n@article{broken", "utf-8"
    )
    world.write(
        subscribers="""
[[subscribers]]
email = "ada@example.org"
likes = ["2405.01234", "2405.09999", "gone.bib", "mine.bib", "nonsense",
  "https://arxiv.org/abs/2405.01234v2", "10.1000/unknown"]
"""
    )
    world.web.says("/api/query", Answer(api([record(7, id="2405.01234")])))
    for _ in range(2):
        with world.app() as app:
            report = jobs.run(app)
        assert report is not None
        told = "\n".join(w.text for w in report.warnings)
        assert "2405.09999 is not used: arXiv knows no such paper" in told
        assert "gone.bib cannot be read" in told
        assert "mine.bib, line 2" in told
        assert "nonsense is not used: this is no arXiv id" in told
        assert "10.1000/unknown is not used" in told
    (asked,) = world.web.asked("/api/query")
    assert asked.query["id_list"] == "2405.01234,2405.09999"
    with world.app() as app:
        liked = app.store.ratings.reader_state(
            app.store.subscribers.all()[0].id, world.now.date()
        ).liked
    assert {p.title for p in liked} == {"Laser beam study 7", "Laser beams"}


def test_an_api_that_is_down_is_no_verdict_on_the_ids(world: World) -> None:
    serve(world, 1)
    world.write(subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = ["2405.01234"]\n')
    world.web.says("/api/query", Answer(status=503))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert "arXiv could not be asked" in report.warnings[0].text
    world.web.says("/api/query", Answer(api([record(7, id="2405.01234")])))
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert report.warnings == ()


def test_one_bad_id_does_not_spoil_the_others(world: World) -> None:
    from tests.servers import Request

    def answer(request: Request) -> Answer:
        ids = request.query["id_list"].split(",")
        if "0612.99999" in ids:
            return (
                Answer(b"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title></feed>", 400)
                if (len(ids) == 1)
                else Answer(b"bad", 400)
            )
        return Answer(api([record(1, id=i) for i in ids]))

    serve(world, 1)
    world.web.routes["/api/query"] = answer
    ids = [f"2405.{n:05d}" for n in range(5)] + ["0612.99999"]
    world.write(
        subscribers=f'[[subscribers]]\nemail = "ada@example.org"\nlikes = {json.dumps(ids)}\n'
    )
    with world.app() as app:
        report = jobs.run(app)
        assert report is not None
        assert [w for w in report.warnings if "0612.99999" in w.text]
        state = app.store.ratings.reader_state(app.store.subscribers.all()[0].id, world.now.date())
    assert len(state.liked) == 5


def test_dry_run_plans_and_sends_nothing(world: World) -> None:
    serve(world, 1)
    assert outcomes(world, dry_run=True) == {"ada@example.org": "ready"}
    assert world.smtp.mails == []
    assert outcomes(world) == {"ada@example.org": "sent"}


def test_one_subscriber_alone_and_an_unknown_one(world: World) -> None:
    serve(world, 1)
    world.write(subscribers=ADA + BOB)
    assert outcomes(world, only=["BOB@example.org"]) == {"bob@example.org": "sent"}
    with pytest.raises(UnknownSubscriber, match=r"Known: .*ada@example\.org"):
        outcomes(world, only=["eve@example.org"])


def test_without_a_way_out_nothing_is_fetched(world: World) -> None:
    text = world.config.read_text()
    start, end = text.index("[smtp]"), text.index("[store]")
    world.config.write_text(text[:start] + text[end:])
    with world.app() as app, pytest.raises(ConfigError, match="neither"):
        jobs.run(app)
    assert world.web.requests == []


def test_a_second_run_at_the_same_time_leaves_the_work_to_the_first(world: World) -> None:
    serve(world, 1)
    with world.app() as busy, busy.store.exclusive(), world.app() as app:
        assert jobs.run(app) is None
    assert outcomes(world) == {"ada@example.org": "sent"}


def test_a_message_being_handed_over_when_a_run_died_goes_again_with_the_same_id(
    world: World,
) -> None:
    serve(world, 1)
    outcomes(world, dry_run=True)
    with world.app() as app:
        # a run that dies between the 354 and the answer
        jobs.sync_subscribers(app)
        from digest.usecases.plan import plan

        editor = app.context().composer(world.now, world.now.date(), ())
        plan(editor, app.store, app.store.subscribers.all(), now=world.now)
        (claimed,) = app.store.deliveries.claim("run dead:1", world.now, timedelta(minutes=5), 1)
        mark_handing(app.store, claimed.key, "run dead:1", world.now)
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert "handed over when an earlier run died" in report.warnings[0].text
    assert claimed.message.message_id.encode() in world.smtp.mails[0].body
    assert len(world.smtp.mails) == 1


@pytest.mark.sqlite
def test_a_full_disk_stops_before_anything_is_sent(world: World) -> None:
    serve(world, 1)
    outcomes(world, dry_run=True)
    with world.app() as app:
        from digest.errors import StoreFull

        with app.store.database.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

        import sqlalchemy as sa

        @sa.event.listens_for(app.store.database.engine, "begin")
        def _small(connection: sa.Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        serve(world, *range(500))
        with pytest.raises(StoreFull, match="full; make room"):
            jobs.run(app)
    assert world.smtp.mails == []


# --- the worker ----------------------------------------------------------------------------------


def test_the_worker_sends_when_the_hour_comes_and_once(world: World) -> None:
    serve(world, 1)
    world.write(subscribers=ADA + BOB + 'schedule = { time = "09:00" }\n')
    world.now -= timedelta(minutes=1)
    with world.app() as app:
        worker = Worker(app)
        assert worker.tick() is None
        world.now += timedelta(minutes=2)
        worker.tick()
        assert [m.recipient for m in world.smtp.mails] == ["ada@example.org"]
        assert worker.tick() is None
        world.now += timedelta(hours=2)
        worker.tick()
        assert [m.recipient for m in world.smtp.mails] == ["ada@example.org", "bob@example.org"]
        world.now -= timedelta(hours=5)  # the clock is set back
        assert worker.tick() is None
        world.now += timedelta(hours=6)
        assert worker.tick() is None
    assert len(world.smtp.mails) == 2


def test_a_worker_that_starts_late_sends_if_the_day_is_not_over(world: World) -> None:
    serve(world, 1)
    world.now += timedelta(hours=15)
    with world.app() as app:
        Worker(app).tick()
    assert len(world.smtp.mails) == 1
    assert b"20 May" in world.smtp.mails[0].body


def test_the_worker_looks_again_for_a_late_feed_but_not_all_the_time(world: World) -> None:
    with world.app() as app:
        worker = Worker(app)
        worker.tick()
        n_asked = len(world.web.requests)
        world.now += timedelta(minutes=10)
        assert worker.tick() is None
        assert len(world.web.requests) == n_asked
        serve(world, 1)
        world.now += timedelta(minutes=55)
        worker.tick()
    assert len(world.smtp.mails) == 1


def test_a_day_that_crashes_is_logged_and_the_worker_goes_on(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(world, 1)
    with world.app() as app:
        worker = Worker(app)
        with monkeypatch.context() as patched:
            patched.setattr(jobs, "run", lambda *_, **__: 1 / 0)
            assert worker.tick() is None
        assert "worker.day_crashed" in caplog.text
        assert worker.tick() is None  # it rests a little
        world.now += timedelta(minutes=6)
        assert worker.tick() is not None
    assert len(world.smtp.mails) == 1


def test_a_broken_template_does_not_make_the_worker_ask_the_sources_all_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest import app as assembly

    broken = world.folder / "templates"
    broken.mkdir()
    (broken / "digest.html.j2").write_text("{{ nope }}")
    (broken / "digest.txt.j2").write_text("x")
    sound = assembly.TEMPLATES
    monkeypatch.setattr(assembly, "TEMPLATES", broken)
    serve(world, 1, 2)
    with world.app() as app:
        worker = Worker(app)
        worker.tick()
        n_asked = len(world.web.requests)
        for _ in range(10):
            world.now += timedelta(minutes=5)
            assert worker.tick() is None
        assert len(world.web.requests) == n_asked
        history = app.store.history.of(app.store.subscribers.all()[0].id, 1)
        assert history[0].outcome == EmptyReason.COMPOSE_FAILED
        assert "nope" in history[0].detail
    # Once mended, today's edition is made, and none of its papers is lost.
    monkeypatch.setattr(assembly, "TEMPLATES", sound)
    world.now += timedelta(hours=1)
    with world.app() as app:
        Worker(app).tick()
    text = text_of(world.smtp.mails[0])
    assert "2605.00001" in text
    assert "2605.00002" in text


def test_a_day_without_papers_does_not_fit_a_ranker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest.ranking import reader

    fitted: list[int] = []
    real = reader.fit
    monkeypatch.setattr(reader, "fit", lambda *a: fitted.append(1) or real(*a))
    assert outcomes(world) == {"ada@example.org": EmptyReason.NO_LISTING}
    assert fitted == []
    serve(world, 1)
    outcomes(world)
    assert fitted == [1]


def test_the_ranker_works_on_the_latest_days_and_widens_for_who_was_away(world: World) -> None:
    world.write(subscribers=ADA + BOB)
    serve(world, 1, 2)
    outcomes(world)
    for n in range(1, 8):  # bob is away for a week
        world.now += timedelta(days=1)
        stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        serve(world, 10 + n, stamp=stamp)
        world.web.says("/api/query", Answer(api([])))
        outcomes(world, only=["ada@example.org"])
    world.now += timedelta(days=1)
    with world.app() as app:
        people = {s.email: s for s in jobs.sync_subscribers(app)}
        editor = app.context().composer(world.now, world.now.date())
        day = world.now.date()
        bob = editor.draft(people["bob@example.org"], day)
        assert bob.edition is not None
        assert {p.paper.arxiv_id[-2:] for p in bob.edition.picks} == {
            str(10 + n) for n in range(1, 8)
        }
        assert len(editor.ranking.ranker._current.candidates) < 7  # type: ignore[union-attr]


def test_a_mail_server_in_trouble_is_left_alone_for_growing_whiles(world: World) -> None:
    serve(world, 1)
    config = world.config.read_text()
    world.config.write_text(config.replace(f"port = {world.smtp.port}", "port = 1"))
    ticks = []
    with world.app() as app:
        worker = Worker(app)
        for minute in range(30):
            if worker.tick() is not None:
                ticks.append(minute)
            world.now += timedelta(minutes=1)
    assert ticks == [0, 1, 3, 7, 15]  # the whiles of `run --wait`


def test_stopping_finishes_the_mail_in_hand_and_leaves_the_rest_for_later(world: World) -> None:
    serve(world, 1)
    people = "".join(
        f'[[subscribers]]\nemail = "p{n}@example.org"\nkeywords = ["laser"]\n' for n in range(8)
    )
    world.write(subscribers=people)
    with world.app() as app:
        worker = Worker(app)

        def stop_at_third(mail: Mail) -> None:
            if len(world.smtp.mails) == 3:
                worker.stop()

        world.smtp.on_mail = stop_at_third
        worker.tick()
        assert len(world.smtp.mails) == 3
    world.smtp.on_mail = lambda mail: None
    assert set(outcomes(world).values()) == {"sent"}
    assert len({m.recipient for m in world.smtp.mails}) == len(world.smtp.mails) == 8


def test_the_scheduler_ticks_and_ends_when_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    serve(world, 1)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # not in the test's main thread
    with world.app() as app:
        worker = Worker(app)
        thread = threading.Thread(target=worker.run)
        # APScheduler compares with the real clock; a first tick in its past is due at once
        thread.start()
        deadline = time.monotonic() + 20
        while not world.smtp.mails and time.monotonic() < deadline:
            time.sleep(0.05)
        worker.stop()
        thread.join(timeout=20)
    assert not thread.is_alive()
    assert len(world.smtp.mails) == 1


def test_no_address_stands_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="digest")
    serve(world, 1)
    world.smtp.refuse = {"ada@example.org": "550 5.1.1 no ada@example.org here"}
    world.write(subscribers=ADA + BOB)
    outcomes(world)
    assert "delivery.settled" in caplog.text
    assert "@example.org" not in caplog.text


JOURNAL = """<?xml version="1.0"?><rss version="2.0"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">
<channel><title>J</title><link>https://example.org/</link><description>d</description>{items}
</channel></rss>"""
ARTICLE = """<item><title>{title}</title><link>https://example.org/{n}</link><guid>g{n}</guid>
<description>A laser beam meets a mirror and a lens, polarisation follows. In full.</description>
<dc:creator>Ada Lovelace</dc:creator><dc:creator>Grace Hopper</dc:creator>
<prism:doi>10.1000/j{n}</prism:doi></item>"""


@pytest.mark.parametrize("asked", [True, False])
def test_a_journal_version_of_a_preprint_that_was_sent_is_not_new_and_told_once_if_asked(
    world: World, asked: bool
) -> None:
    title = "Laser beams meet mirrors in a quiet laboratory"
    world.web.says(
        "/rss/cs.CL+cs.LG",
        Answer(rss([record(1, title=title)], "Wed, 20 May 2026 00:00:00 -0400")),
    )
    feed = f'[[sources]]\nkind = "feed"\nname = "Journal"\nurl = "{world.web.url}/journal"\n'
    feed += "allow_private = true\n"
    world.web.says("/journal", Answer(JOURNAL.format(items="").encode()))
    world.write(sources=feed, subscribers=f"{ADA}journal_versions = {str(asked).lower()}\n")
    assert outcomes(world)["ada@example.org"] == "sent"
    items = ARTICLE.format(title=title, n=1) + ARTICLE.format(title="Another laser study", n=2)
    world.web.says("/journal", Answer(JOURNAL.format(items=items).encode()))
    for _ in range(2):
        world.now += timedelta(days=1)
        outcomes(world)
    second = text_of(world.smtp.mails[1])
    assert "Another laser study" in second
    assert ("NOW IN A JOURNAL" in second) is asked
    assert (title in second) is asked
    assert ("https://doi.org/10.1000/j1" in second) is asked
    assert len(world.smtp.mails) == 2  # nothing on the third day: it was told
    shown = digest(world.folder, "paper", "2605.00001")
    assert "also known as:" not in shown.stdout or "feed:" in shown.stdout
    assert "published" in shown.stdout
    assert digest(world.folder, "paper", "10.1000/j1").stdout == shown.stdout


def test_a_keyword_that_found_no_place_is_told(world: World) -> None:
    serve(world, 1, 2, 3)
    world.write(subscribers=f"{BOB}length = 1\n")
    with world.app() as app:
        jobs.run(app)
        (reader,) = app.store.subscribers.all()
        (edition,) = app.store.archive.editions_of(reader.id, 1)
        sent = {p.paper.id for p in edition.picks}
        asked = [app.store.papers.find(f"2605.0000{n}") for n in (1, 2, 3)]
        left = next(p for p in asked if p is not None and p.id not in sent)
        told = jobs.why_not(app, reader, left)[0]
    assert "their keyword “mirror” stands in it, but there was only room for 1" in told
