"""Dates as feeds spell them; the spellings were met in public feeds and test files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.dates import parse_date


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("Sun, 17 Dec 2017 1:55 PM EST", "2017-12-17T18:55"),
        ("Friday, December 22, 2017 - 3:09pm", "2017-12-22T15:09"),
        ("Thu, 25 Feb 2016 00:00:00 Europe/Brussels", "2016-02-24T23:00"),
        ("Mon, 09 Apr 2018, 16:04", "2018-04-09T16:04"),
        ("Di, 23 Jan 2018 00:00:00 +0100", "2018-01-22T23:00"),
        ("Do, 29 Mär 2018 00:00:00 +0200", "2018-03-28T22:00"),
        ("mar., 01 déc. 2020 16:11:02 +0000", "2020-12-01T16:11"),
        ("sex, 03 fev 2023 10:00:00 -0300", "2023-02-03T13:00"),
        ("26 de junho de 2020", "2020-06-26T00:00"),
        ("12 марта 2023 г.", "2023-03-12T00:00"),
        ("2026年11月23日", "2026-11-23T00:00"),
        ("1520932969", "2018-03-13T09:22"),
        ("March 30 2020 07:02:38 PM", "2020-03-30T19:02"),
        ("Mon, 03/30/2020 - 19:19", "2020-03-30T19:19"),
        ("Fri, 26/06/2020", "2020-06-26T00:00"),
        ("Sat, 11 04 2020 08:51:49 +0100", "2020-04-11T07:51"),
        ("30.10.23", "2023-10-30T00:00"),
        ("10/30/23 21:55:58", "2023-10-30T21:55"),
        ("2020-11-08T16:20:00-05:00Z", "2020-11-08T21:20"),
        ("Thu, 29 Oct 2020 07:36:03 GMT-07:00", "2020-10-29T14:36"),
        ("Nov. 16, 2020, 10:57 a.m.", "2020-11-16T10:57"),
        ("Nov. 2020", "2020-11-01T00:00"),
        ("Mon, 16th Nov 2020 13:16:28 GMT", "2020-11-16T13:16"),
        ("TUE, 24 NOV 2026 09:17:32 -0400", "2026-11-24T13:17"),
        ("Mon, 23 Nov 2026 04:40:42 PDT", "2026-11-23T11:40"),
        ("2023-05-29 00:00:00-13:00", "2023-05-29T00:00"),
        ("2026-11-23T10:00:00.123456Z", "2026-11-23T10:00"),
    ],
)
def test_a_date_is_read_as_it_is_meant(spelled: str, expected: str) -> None:
    found = parse_date(spelled)
    assert found is not None
    assert found.strftime("%Y-%m-%dT%H:%M") == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "soon", "invalid", "Volume 12", "31/31/2020", "9" * 200])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2060, 1, 1)))
def test_the_two_standards_are_read_to_the_second(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert parse_date(moment.isoformat()) == moment
    assert parse_date(moment.strftime("%a, %d %b %Y %H:%M:%S GMT")) == moment


@given(st.text(max_size=100))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert parse_date(text) is None or parse_date(text) is not None
