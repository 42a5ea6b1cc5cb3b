"""Named interests from the configuration and the form to the mail, and back by a like."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digest import jobs
from digest.config import load_settings
from digest.edition.links import Action
from digest.errors import ConfigError
from digest.preferences import Interest
from digest.ranking.interests import likes_by_interest
from digest.usecases.feedback import rate
from tests.acceptance.test_command import digest
from tests.integration.test_day import text_of
from tests.servers import Answer, rss
from tests.sites import Site, form_of, link_in, served
from tests.worlds import World, make_world, record

CORAL = "coral bleaching reef algae warming water temperature survey"
COURT = "court judge appeal tort statute verdict contract plaintiff"
ADA = f"""
[[subscribers]]
email = "ada@example.org"
likes = [{{ title = "Laser beam mirror", abstract = "laser beam lens mirror polarisation" }}]
[[subscribers.interests]]
name = "Reefs"
likes = {{ title = "Coral bleaching", abstract = "{CORAL}" }}
keywords = ["zonohedra"]
places = 2
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.write(subscribers=ADA)
        yield made


def serve(world: World, first: int = 0) -> None:
    papers = [
        *(record(first + n) for n in range(1, 4)),
        *(
            record(first + n, title=f"Reef survey {n}", abstract=f"We dive. {CORAL}. Case {n}.")
            for n in range(4, 8)
        ),
        *(
            record(first + n, title=f"Law {n}", abstract=f"A {COURT}. Number {n}.")
            for n in range(8, 30)
        ),
    ]
    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"\n([^\n]+)\n=+\n", text.replace("\r", ""))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_an_interest_of_the_configuration_has_its_section(world: World) -> None:
    serve(world)
    with world.app() as app:
        report = jobs.run(app)
        assert report is not None
        assert not report.warnings
        (mail,) = world.smtp.mails
        found = sections(text_of(mail))
        assert list(found)[:2] == ["REEFS", "FOR YOU"]
        assert found["REEFS"].count("Reef survey") == 2
        assert "Close to “Coral bleaching”, which you liked." in " ".join(found["REEFS"].split())
        assert "Reef survey" not in found["FOR YOU"]
        assert "Laser beam study" in found["FOR YOU"]


def test_a_like_goes_to_the_interest_that_the_paper_stood_in(world: World) -> None:
    serve(world)
    with world.app() as app:
        jobs.run(app)
        (reader,) = app.store.subscribers.all()
        (edition,) = app.store.archive.editions_of(reader.id, 1)
        reef = next(p for p in edition.picks if p.interest == "Reefs")
        laser = next(p for p in edition.picks if not p.interest)
        ids = (reef.paper.id, laser.paper.id)
        rate(app.store, reader, ids, Action.LIKE, origin="mail", now=world.now)
        state = app.store.ratings.reader_state(reader.id, world.now.date() + timedelta(days=1))
        belonging = likes_by_interest(reader.preferences, state)["Reefs"]
        assert reef.paper.id in belonging
        assert laser.paper.id not in belonging
        assert len(belonging & {p.id for p in state.liked}) == 2  # and that of the configuration


def test_an_interest_that_is_taken_out_leaves_no_likes_but_those_of_its_mails(
    world: World,
) -> None:
    serve(world)
    with world.app() as app:
        jobs.run(app)
        world.write(subscribers=ADA.split("[[subscribers.interests]]")[0])
    with world.app() as app:
        jobs.run(app)
        (reader,) = app.store.subscribers.all()
        assert reader.preferences.interests == ()
        assert list(app.store.ratings.by_origin(reader.id)) == ["config"]


def test_what_became_of_a_paper_is_told_by_interest(world: World) -> None:
    serve(world)
    with world.app() as app:
        jobs.run(app)
        (reader,) = app.store.subscribers.all()
        sent = {p.paper.id for p in app.store.archive.editions_of(reader.id, 1)[0].picks}
        left = next(i for i in ("4", "5", "6", "7") if f"arxiv:2605.0000{i}" not in sent)
        told = jobs.why_not(app, reader, app.store.papers.find(f"2605.0000{left}"))  # type: ignore[arg-type]
        assert "not close enough to what they like" in told[0]
        assert told[1].startswith("For “Reefs” it is close enough")
        report = jobs.profile(app, reader)
        assert report.belonging == {"Reefs": 1}
    shown = digest(world.folder, "profile").stdout
    assert re.search(r"Reefs +2 +every day +1 +zonohedra", shown), shown


def test_an_interest_that_no_mail_comes_on_is_told(world: World) -> None:
    world.write(subscribers=ADA + 'weekdays = ["sat"]\n', schedule='weekdays = ["mon", "tue"]')
    with world.app() as app:
        report = jobs.run(app)
        assert report is not None
        assert any("“Reefs” never comes" in w.text for w in report.warnings)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('name = ""', "name"),
        ("", "name: is missing"),
        ('name = "A"\nplaces = 0', "places"),
        ('name = "A"\nweekdays = ["monkey"]', "weekdays"),
        ('name = "A"\nlikes = [7]', "must be an id, an address or a path in quotes"),
        ('name = "A"\nkeyword = ["x"]', 'did you mean "keywords"?'),
        ('name = "A"\n[[subscribers.interests]]\nname = "a"', "two interests are called"),
        ('name = "A\\nB"', "name"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, wrong: str, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[[sources]]\nkind = "huggingface"\n[[subscribers]]\nemail = "a@example.org"\n'
        f"[[subscribers.interests]]\n{wrong}\n"
    )
    with pytest.raises(ConfigError) as told:
        load_settings(path, {})
    assert said in str(told.value)
    assert "interests" in str(told.value)


def test_two_rankers_in_ones_own_mail_and_whose_papers_were_liked(world: World) -> None:
    serve(world)
    likes = ADA.split("[[subscribers.interests]]")[0]
    world.write(subscribers=likes, top="[ranking.rival]\nvariety = 1.0\n")
    assert (
        "No edition has been interleaved yet" in digest(world.folder, "evaluate", "--live").stdout
    )
    with world.app() as app:
        jobs.run(app)
        (reader,) = app.store.subscribers.all()
        (edition,) = app.store.archive.editions_of(reader.id, 1)
        teams = [p.team.value for p in edition.picks]
        assert abs(teams.count("first") - teams.count("rival")) <= 1
        assert teams.count("rival")
        liked = next(p.paper.id for p in edition.picks if p.team.value == "rival")
        rate(app.store, reader, [liked], Action.LIKE, origin="mail", now=world.now)
        found = jobs.duels(app)["ada@example.org"]
        assert (found.n_editions, found.liked_first, found.liked_rival) == (1, 0, 1)
        assert (found.won_first, found.won_rival, found.p_value) == (0, 1, 1.0)
    told = digest(world.folder, "evaluate", "--live")
    assert told.returncode == 0, told.stderr
    assert re.search(r"ada@example.org +1 +0 of \d +1 of \d +0 : 1 +1.00", told.stdout), told.stdout
    world.write(subscribers=likes)
    assert "Only one ranker is at work" in digest(world.folder, "evaluate", "--live").stdout


# --- on the web ----------------------------------------------------------------------------------


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    world.write(subscribers="")
    serve(world)
    with world.app() as app:
        jobs.run(app)
    with served(world) as made:
        made.post("/subscribe", {"email": "eve@example.org", "interests": "laser", "time": "07:30"})
        made.post(link_in(made.mail("eve@example.org"), "confirm"))
        yield made


def test_interests_are_named_changed_and_removed_on_the_web(site: Site) -> None:
    place = f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}"
    empty = form_of(site.get(place))
    assert empty["interest_0_name"] == ""
    assert len(empty["interest_0_weekdays"]) == 7  # type: ignore[arg-type]
    first = {
        "interest_0_name": "Reefs <3",
        "interest_0_keywords": "coral bleaching\nreef survey",
        "interest_0_places": "2",
        "interest_0_weekdays": ["mon", "wed"],
        "interest_0_all": "yes",
    }
    saved = site.post(place, empty | first)
    assert "Saved." in saved.text
    assert "Reefs &lt;3" in saved.text
    wanted = Interest(
        name="Reefs <3",
        keywords=("coral bleaching", "reef survey"),
        places=2,
        weekdays=(0, 2),
        all=True,
    )
    assert site.reader("eve@example.org").preferences.interests == (wanted,)
    shown = form_of(site.get(place))
    assert shown["interest_0_name"] == "Reefs <3"
    site.post(place, shown)  # as it is
    assert site.reader("eve@example.org").preferences.interests == (wanted,)
    second = {"interest_1_name": "", "interest_1_keywords": "tort, appeal"}
    site.post(place, shown | second)
    names = [i.name for i in site.reader("eve@example.org").preferences.interests]
    assert names == ["Reefs <3", "tort"]
    site.world.now += timedelta(hours=20)
    gone = form_of(site.get(place)) | {"interest_0_name": "", "interest_0_keywords": ""}
    site.post(place, gone)
    assert [i.name for i in site.reader("eve@example.org").preferences.interests] == ["tort"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"interest_0_name": "A", "interest_0_places": "99"}, "50"),
        ({"interest_0_name": "A", "interest_0_places": "many"}, "must be a whole number"),
        ({"interest_0_name": "A", "interest_0_weekdays": []}, "must not be empty"),
        (
            {
                "interest_0_name": "A",
                "interest_1_name": "a",
                "interest_1_keywords": "",
                "interest_1_weekdays": ["mon"],
            },
            "two interests are called",
        ),
    ],
)
def test_a_wrong_interest_is_told_and_shown_again(
    site: Site, wrong: dict[str, object], said: str
) -> None:
    place = f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}"
    answer = site.post(place, form_of(site.get(place)) | wrong)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text), re.findall('class="fault".*', answer.text)
    assert 'name="interest_0_name" type="text" value="A"' in answer.text
    assert site.reader("eve@example.org").preferences.interests == ()


def test_an_edition_on_the_web_has_the_sections_of_its_mail(site: Site) -> None:
    place = f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}"
    named = {"interest_0_name": "Reefs", "interest_0_keywords": "coral bleaching"}
    site.post(place, form_of(site.get(place)) | named)
    jobs.run(site.app)
    mail = site.mail("eve@example.org", 2)
    page = site.get(link_in(mail, "editions"))
    assert re.findall(r'<h2 class="section">(.*?)</h2>', page.text)[:2] == ["Reefs", "For you"]
