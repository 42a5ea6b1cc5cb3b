"""Pictures of first pages, carried inside of the mail."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest

from digest import jobs
from digest.errors import DigestError
from digest.preview.mails import opened
from digest.proof import proofread
from digest.proof.findings import Severity
from digest.thumbnails import MOST_SENT, SIZE, small
from tests.servers import Answer, as_json, rss
from tests.worlds import World, make_world, record

pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def png(width: int = 1200, height: int = 648, colour: str = "navy") -> bytes:
    made = BytesIO()
    pil.new("RGB", (width, height), colour).save(made, "PNG")
    return made.getvalue()


def voted(url: str, *numbers: int) -> Answer:
    return as_json(
        [
            {
                "paper": {
                    "id": f"2605.{n:05d}",
                    "title": f"On the laser mirror, part {n}",
                    "summary": "Laser light.",
                    "upvotes": 100 - n,
                    "publishedAt": "2026-05-19T10:00:00Z",
                    "submittedOnDailyAt": "2026-05-20T00:00:00Z",
                },
                "thumbnail": f"{url}/{n}.png",
            }
            for n in numbers
        ]
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        papers = [record(n, title=f"On the laser mirror, part {n}") for n in range(1, 9)]
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, "Wed, 20 May 2026 00:00:00 -0400")))
        made.web.says("/api/daily_papers", voted(made.web.url, *range(1, 9)))
        for n in range(1, 9):
            made.web.says(f"/{n}.png", Answer(png(), headers={"content-type": "image/png"}))
        yield made


def run(world: World, *, switched_on: bool = True) -> EmailMessage:
    people = '[[subscribers]]\nemail = "ada@example.org"\n'
    world.write(subscribers=f"{people}[mail]\nthumbnails = {str(switched_on).lower()}\n")
    with world.app() as app:
        jobs.run(app)
    body = world.smtp.to("ada@example.org")[-1].body
    return cast(EmailMessage, message_from_bytes(body, policy=default))


def images(mail: EmailMessage) -> dict[str, bytes]:
    return {
        str(p["Content-ID"]).strip("<>"): cast(bytes, p.get_payload(decode=True))
        for p in mail.walk()
        if p.get_content_maintype() == "image"
    }


def html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def n_fetched(world: World) -> int:
    return sum(r.path.endswith(".png") for r in world.web.requests)


def test_the_papers_in_full_carry_theirs_and_nobody_is_told_of_an_opened_mail(
    world: World,
) -> None:
    mail = run(world)
    found = images(mail)
    assert len(found) == 3
    for name, jpeg in found.items():
        assert f'src="cid:{name}"' in html(mail)
        assert len(jpeg) <= MOST_SENT
        with pil.open(BytesIO(jpeg)) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= max(SIZE)
    assert "<img" in html(mail)
    assert ".png" not in html(mail)  # nothing is fetched by who reads
    kinds = [p.get_content_type() for p in mail.walk()]
    assert kinds[:4] == [
        *("multipart/alternative", "text/plain"),
        *("multipart/related", "text/html"),
    ]
    raw = world.smtp.to("ada@example.org")[-1].body
    assert not [f for f in proofread(raw, with_spam=False) if f.severity is Severity.ERROR]
    assert opened(raw).html.count("data:image/jpeg;base64,") == 3


def test_each_is_fetched_once_and_only_if_switched_on(world: World) -> None:
    assert images(run(world, switched_on=False)) == {}
    assert n_fetched(world) == 0
    world.smtp.mails.clear()
    with world.app() as app:
        app.store.personal.forget(app.store.subscribers.all()[0].id)
    assert len(images(run(world))) == 3
    assert n_fetched(world) == 3
    with world.app() as app:
        app.store.personal.forget(app.store.subscribers.all()[0].id)
    assert len(images(run(world))) == 3
    assert n_fetched(world) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"no picture"),
        Answer(b"", status=404),
        Answer(png()[:200]),
        Answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        Answer(png(9000, 9000)),
    ],
)
def test_a_picture_that_is_none_costs_itself_alone(world: World, answer: Answer) -> None:
    for n in range(1, 9):
        world.web.says(f"/{n}.png", answer if n == 1 else Answer(png()))
    mail = run(world)
    assert len(images(mail)) == 2
    assert "On the laser mirror, part 1" in html(mail)


def test_what_cannot_be_made_small_enough_is_left_out() -> None:
    import numpy as np

    noise = np.random.default_rng(1).integers(0, 255, (1000, 1000, 3), dtype=np.uint8)
    made = BytesIO()
    pil.fromarray(noise).save(made, "PNG")
    with pytest.raises(ValueError, match="small enough"):
        small(made.getvalue())


def test_without_pillow_the_mail_goes_out_and_the_run_says_what_is_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(picture: bytes) -> bytes:
        raise DigestError("Thumbnails need Pillow.")

    monkeypatch.setattr("digest.thumbnails.small", none)
    assert images(run(world)) == {}
    with world.app() as app:
        (record_,) = app.store.runs.latest(1)
        assert "Thumbnails need Pillow." in [w.text for w in record_.warnings]
