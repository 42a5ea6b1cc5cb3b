from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.model import EditionStatus
from digest.schedule import describe_weekdays, edition_date, is_due, next_due
from digest.usecases.due import is_due as due_now
from digest.usecases.due import next_look as look_again
from tests.factories import subscriber

BERLIN = ZoneInfo("Europe/Berlin")


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BERLIN, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


def test_an_edition_is_due_from_its_hour_to_the_end_of_the_day_on_its_weekdays() -> None:
    reader = subscriber(time=time(7, 30), weekdays=(0, 1, 2, 3, 4))
    assert not is_due(reader, local(2026, 5, 20, 7, 29))
    assert is_due(reader, local(2026, 5, 20, 7, 30))
    assert is_due(reader, local(2026, 5, 20, 23, 59))
    assert not is_due(reader, local(2026, 5, 21, 0, 0))
    assert not is_due(reader, local(2026, 5, 23, 9, 0))


def test_the_date_of_an_edition_is_the_readers_own() -> None:
    moment = datetime(2026, 5, 20, 22, 0, tzinfo=UTC)
    assert edition_date(subscriber(timezone="Asia/Tokyo"), moment) == date(2026, 5, 21)
    assert edition_date(subscriber(timezone="America/New_York"), moment) == date(2026, 5, 20)


def test_an_hour_that_spring_leaves_out_is_due_when_it_has_passed() -> None:
    reader = subscriber(time=time(2, 30))
    assert not is_due(reader, local(2026, 3, 29, 1, 59))
    assert is_due(reader, local(2026, 3, 29, 3, 0))


def test_an_hour_that_autumn_repeats_belongs_to_one_date() -> None:
    reader = subscriber(time=time(2, 30))
    first, second = local(2026, 10, 25, 2, 30), local(2026, 10, 25, 2, 30, fold=1)
    assert second - first == timedelta(hours=1)
    assert edition_date(reader, first) == edition_date(reader, second)


def test_the_next_mail_is_announced_across_a_weekend() -> None:
    reader = subscriber(time=time(7, 30), weekdays=(0, 1, 2, 3, 4))
    due = next_due(reader, local(2026, 5, 22, 8, 0))
    assert due is not None
    assert (due.date(), due.time()) == (date(2026, 5, 25), time(7, 30))


def test_weekdays_read_as_people_say_them() -> None:
    assert describe_weekdays((0, 1, 2, 3, 4)) == "Mon to Fri"
    assert describe_weekdays((0, 1, 2, 3, 4, 5, 6)) == "every day"
    assert describe_weekdays((0, 3)) == "Mon, Thu"


def test_readers_of_one_hour_are_spread_each_at_a_minute_of_their_own_of_the_same_day() -> None:
    spread, nothing = timedelta(minutes=30), EditionStatus()
    minutes: dict[str, list[int]] = {}
    for day in (20, 21):
        for n in range(40):
            reader = replace(subscriber(time=time(7, 30)), id=f"reader {n}")
            came = [
                m for m in range(24 * 60)
                if due_now(reader, nothing, local(2026, 5, day, m // 60, m % 60), spread)
            ]  # fmt: skip
            assert came == list(range(came[0], 24 * 60))  # and not just after midnight
            minutes.setdefault(reader.id, []).append(came[0] - 450)
    assert all(one == other for one, other in minutes.values())
    firsts = {one for one, _ in minutes.values()}
    assert min(firsts) < 5
    assert 25 < max(firsts) <= 30
    assert len(firsts) > 15


def test_a_spread_ends_before_midnight_and_is_looked_at_in_time() -> None:
    spread, nothing = timedelta(hours=2), EditionStatus()
    for n in range(20):
        reader = replace(subscriber(time=time(23, 40)), id=f"reader {n}")
        assert due_now(reader, nothing, local(2026, 5, 20, 23, 59), spread)
        for now in (local(2026, 5, 20, 12), local(2026, 5, 20, 0, 5)):
            look = look_again(reader, nothing, now, spread)
            assert local(2026, 5, 20, 23, 40) <= look <= local(2026, 5, 20, 23, 59)
            assert due_now(reader, nothing, look, spread)
