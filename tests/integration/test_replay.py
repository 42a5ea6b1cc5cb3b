"""The recorded fifteen weekdays, served day by day under a moving clock."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from digest import jobs
from digest.model import DeliveryState
from digest.sources.arxiv_calendar import submission_window
from tests.servers import Answer, Request, api, as_json, rss
from tests.worlds import World, make_world

START, END = date(2026, 5, 18), date(2026, 6, 5)
MISSED = date(2026, 5, 27)
PEOPLE = """
[[subscribers]]
email = "vision@example.org"
categories = ["cs.CV"]
likes = [{ title = "Diffusion models for image generation", abstract = "image diffusion" }]

[[subscribers]]
email = "codes@example.org"
likes = [{ title = "Polar codes and channel capacity", abstract = "error correcting codes" }]
keywords = ["information theory"]

[[subscribers]]
email = "new@example.org"
"""


def days() -> list[date]:
    return [START + timedelta(days=n) for n in range((END - START).days + 1)]


def stamp(day: date) -> str:
    return day.strftime("%a, %d %b %Y 00:00:00 -0400")


class Archive:
    """Serves the recorded days as the sources do on `today`."""

    def __init__(self, folder: Path, world: World) -> None:
        self.by_day: dict[date, list[dict[str, Any]]] = defaultdict(list)
        path = folder / "listings" / "arxiv_2026-05-18_2026-06-05.jsonl.gz"
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                self.by_day[date.fromisoformat(record["announced_date"])].append(record)
        self.folder, self.today = folder, START
        self.api_days: list[date] = []
        world.web.routes["/rss/cs.CL+cs.LG"] = self.listing
        world.web.routes["/api/daily_papers"] = self.daily
        world.web.routes["/api/query"] = self.query

    def listing(self, request: Request) -> Answer:
        return Answer(rss(self.by_day[self.today], stamp(self.today)))

    def daily(self, request: Request) -> Answer:
        path = self.folder / "huggingface" / f"daily_papers_{request.query['date']}.json"
        if date.fromisoformat(request.query["date"]) > self.today or not path.exists():
            return as_json([])
        return Answer(path.read_bytes(), content_type="application/json")

    def query(self, request: Request) -> Answer:
        """The API: papers of the listing whose submission window was asked for."""
        for day in days():
            start, end = submission_window(day)
            if f"[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]" in request.query["search_query"]:
                self.api_days.append(day)
                moment = (start + (end - start) / 2).strftime("%Y-%m-%dT%H:%M:%SZ")
                found = [p | {"submitted": moment} for p in self.by_day[day]]
                first, size = int(request.query["start"]), int(request.query["max_results"])
                return Answer(api(found[first : first + size], total=len(found)))
        raise AssertionError(f"an unexpected query: {request.query}")


def links(body: bytes) -> list[str]:
    """The ids of the papers in a mail, by its plain text."""
    message = message_from_bytes(body, policy=policy.default)
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return [
        line.rsplit("/", 1)[1] for line in text.splitlines() if line.strip().startswith("Open: ")
    ]


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, 30, tzinfo=UTC)


def test_one_recorded_day_goes_from_listing_to_inbox_and_only_once(
    fixtures: Path, tmp_path: Path
) -> None:
    with make_world(tmp_path) as world:
        archive = Archive(fixtures, world)
        world.write(subscribers=PEOPLE)
        archive.today = date(2026, 5, 20)
        world.now = at(archive.today)
        with world.app() as app:
            first = jobs.run(app)
        with world.app() as app:
            second = jobs.run(app)

    assert first is not None
    assert second is not None
    assert not first.failed
    assert [s.result for s in first.subscribers] == [DeliveryState.SENT] * 3
    assert [s.detail[:12] for s in second.subscribers] == ["Already sent"] * 3
    assert Counter(m.recipient for m in world.smtp.mails) == {
        "vision@example.org": 1,
        "codes@example.org": 1,
        "new@example.org": 1,
    }
    assert {s.source: s.n_fetched for s in first.sources} == {"arXiv": 291, "Daily Papers": 36 + 33}
    codes = world.smtp.to("codes@example.org")[0].body
    assert b"error correcting" in codes or b"odes" in codes
    newcomer = message_from_bytes(world.smtp.to("new@example.org")[0].body, policy=policy.default)
    text = newcomer.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "no likes and no keywords yet" in text
    assert "TRENDING" in text


def test_three_weeks_day_by_day_never_repeat_a_paper_and_catch_up_a_missed_day(
    fixtures: Path, tmp_path: Path
) -> None:
    with make_world(tmp_path) as world:
        archive = Archive(fixtures, world)
        world.write(subscribers=PEOPLE, top="length = 8")
        outcomes: dict[date, list[str]] = {}
        for day in days():
            archive.today, world.now = day, at(day)
            if day == MISSED:
                continue  # the machine is off
            with world.app() as app:  # as cron would
                report = jobs.run(app)
            assert report is not None
            assert report.warnings == ()
            assert all(s.complete for s in report.sources), report.sources
            outcomes[day] = [s.result for s in report.subscribers]

    for day, found in outcomes.items():
        expected = "no_listing" if day.weekday() > 4 else "sent"
        assert found == [expected] * 3, day
    assert archive.api_days == [MISSED]

    for person in ("vision@example.org", "codes@example.org", "new@example.org"):
        mails = world.smtp.to(person)
        assert len(mails) == 14
        seen = [i for m in mails for i in links(m.body)]
        assert len(seen) == len(set(seen)), f"{person} got a paper twice"
        assert len(seen) > 14 * 6

    # The missed day's papers were considered the day after, and its best are in that mail.
    missed_ids = {p["id"] for p in archive.by_day[MISSED]}
    after = [i for m in world.smtp.mails if b"28 May" in m.body[:1500] for i in links(m.body)]
    assert missed_ids & set(after)
