"""A lab whose members see what the others like."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from digest import jobs
from digest.edition.links import Action
from digest.errors import ConfigError
from digest.model import ReasonKind, Section, StoredEdition
from digest.usecases.feedback import rate
from tests.servers import Answer, rss
from tests.worlds import World, make_world, record

NAMES = ("ada", "bob", "eve", "kim")


def people(sharing: tuple[str, ...] = NAMES) -> str:
    told = "\n".join(
        f'[[subscribers]]\nemail = "{n}@example.org"\nkeywords = ["{n}word"]\nlength = 3\n'
        f"share_likes = {str(n in sharing).lower()}"
        for n in NAMES
    )
    members = ", ".join(f'"{n.title()}@example.org"' for n in NAMES)
    return f'{told}\n[[groups]]\nname = "the reef lab"\nmembers = [{members}]\nweekday = "fri"\n'


def listing(day: str, first: int) -> Answer:
    """Each reader's keyword stands in papers of its own."""
    papers = [
        record(first + n, title=f"On {name}word, {first}", abstract=f"All about {name}word.")
        for n, name in enumerate(NAMES)
    ]
    return Answer(rss(papers, f"{day} 00:00:00 -0400"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.web.says("/rss/cs.CL+cs.LG", listing("Wed, 20 May 2026", 10))
        yield made


def like(world: World, who: str, number: int) -> None:
    with world.app() as app:
        reader = app.store.subscribers.get(by_email=f"{who}@example.org")
        assert reader
        ids = [f"arxiv:2605.{number:05d}"]
        rate(app.store, reader, ids, Action.LIKE, origin="web", now=world.now)


def edition(world: World, who: str, day: int) -> StoredEdition:
    world.now = datetime(2026, 5, day, 8, tzinfo=UTC)
    world.web.says("/rss/cs.CL+cs.LG", listing(f"{world.now:%a, %d %b %Y}", 10 * day))
    with world.app() as app:
        jobs.run(app)
        reader = app.store.subscribers.get(by_email=f"{who}@example.org")
        assert reader
        found = app.store.archive.edition_of(reader.id, world.now.date())
    assert found
    return found


def liked_in_group(found: StoredEdition) -> list[tuple[str, ...]]:
    return [(p.paper.id, *p.reasons[0].evidence) for p in found.picks if p.section is Section.GROUP]


def run_first(world: World, sharing: tuple[str, ...] = NAMES) -> None:
    world.write(subscribers=people(sharing))
    with world.app() as app:
        jobs.run(app)
    for who, number in (("bob", 11), ("eve", 11), ("eve", 12), ("ada", 10)):
        like(world, who, number)


def test_once_a_week_the_mail_has_what_others_liked_with_numbers_and_no_names(
    world: World,
) -> None:
    run_first(world)
    friday = edition(world, "ada", 22)
    assert liked_in_group(friday) == [
        ("arxiv:2605.00011", "2", "the reef lab"),
        ("arxiv:2605.00012", "1", "the reef lab"),
    ]
    mail = message_from_bytes(world.smtp.to("ada@example.org")[-1].body, policy=default)
    part = mail.get_body(("plain",))
    assert part is not None
    text = part.get_content()
    assert "LIKED IN THE REEF LAB" in text
    assert "2 of the reef lab liked it." in text
    assert not any(other in text for other in ("bob@", "eve@", "Bob@", "Eve@"))
    assert liked_in_group(edition(world, "ada", 25)) == []  # Monday
    assert liked_in_group(edition(world, "ada", 29)) == []  # sent already, and of last week


def test_what_is_picked_anyway_says_that_others_liked_it(world: World) -> None:
    world.write(subscribers=people())
    with world.app() as app:
        jobs.run(app)
    # the paper of the next listing is known from a page before it is mailed
    world.web.says("/rss/cs.CL+cs.LG", listing("Thu, 21 May 2026", 210))
    world.now = datetime(2026, 5, 21, 1, tzinfo=UTC)
    with world.app() as app:
        jobs.fetch_all(app)
    for who in ("bob", "eve"):
        like(world, who, 210)
    found = edition(world, "ada", 21)
    kinds = {r.kind: r.evidence for r in found.picks[0].reasons}
    assert found.picks[0].paper.id == "arxiv:2605.00210"
    assert kinds[ReasonKind.GROUP] == ("2", "the reef lab")


@pytest.mark.parametrize(
    ("sharing", "told"), [(("bob", "eve", "kim"), False), (("ada", "bob"), False), (NAMES, True)]
)
def test_only_who_shares_is_told_and_never_so_few_that_a_number_names_somebody(
    world: World, sharing: tuple[str, ...], told: bool
) -> None:
    run_first(world, sharing)
    assert bool(liked_in_group(edition(world, "ada", 22))) is told


def test_who_gets_mail_on_mondays_has_the_week_then(world: World) -> None:
    text = people().replace("length = 3", 'length = 3\nschedule = { weekdays = ["mon"] }', 1)
    world.now = datetime(2026, 5, 18, 8, tzinfo=UTC)
    world.web.says("/rss/cs.CL+cs.LG", listing("Mon, 18 May 2026", 10))
    world.write(subscribers=text)
    with world.app() as app:
        jobs.run(app)
    world.now = datetime(2026, 5, 20, 8, tzinfo=UTC)
    for who in ("bob", "eve"):
        like(world, who, 12)
    assert [x[0] for x in liked_in_group(edition(world, "ada", 25))] == ["arxiv:2605.00012"]


def test_a_group_of_one_is_a_mistake(world: World) -> None:
    world.write(subscribers='[[groups]]\nname = "x"\nmembers = ["ada@example.org"]\n')
    with pytest.raises(ConfigError, match="groups"):
        world.app()
