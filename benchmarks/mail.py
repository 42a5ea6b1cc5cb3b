"""Rendering and building one mail, against inlining its CSS, which it cannot be below."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import css_inline
import jinja2

from benchmarks.one_reader import made_up
from digest.app import TEMPLATES
from digest.edition import Letterhead, Renderer, build_message
from digest.model import (
    Basis,
    Edition,
    EditionKind,
    Paper,
    Pick,
    Reason,
    ReasonKind,
    Section,
    Subscriber,
)

N_ROUNDS = 30
HEAD = Letterhead(
    title="Bench", sender="Bench <b@example.org>", reply_to="b@example.org", keys=(b"bench",)
)


def edition(n: int) -> Edition:
    reason = Reason(kind=ReasonKind.SIMILAR_PAPER, evidence=("Something liked",), contribution=0.3)
    picks = tuple(
        Pick(
            paper=Paper(
                id=f"arxiv:2601.{i:05d}",
                title=title,
                abstract=abstract,
                authors=("Ada Lovelace", "Grace Hopper", "Mary Somerville"),
                url=f"https://arxiv.org/abs/2601.{i:05d}",
                pdf_url=f"https://arxiv.org/pdf/2601.{i:05d}",
                categories=("cs.CL", "cs.LG"),
                announced=date(2026, 1, 1),
            ),
            score=0.5,
            percentile=0.9,
            rank=i,
            section=Section.FOR_YOU,
            reasons=(reason,),
        )
        for i, (title, abstract) in enumerate(made_up(n, seed=7), 1)
    )
    return Edition(
        subscriber=Subscriber(id="s", email="ada@example.org"),
        edition_date=date(2026, 1, 1),
        kind=EditionKind.EDITION,
        subject="Bench",
        picks=picks,
        n_new=1000,
        n_considered=1000,
        basis=Basis.LIKES,
        sources=(),
    )


def least(work: Callable[[], object]) -> float:
    """The shortest of some rounds, in seconds of CPU: the others were disturbed."""
    times = []
    for _ in range(N_ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    renderer = Renderer(jinja2.FileSystemLoader(TEMPLATES), HEAD)
    inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    print("One mail: render, and build the message, in milliseconds of CPU")
    print(f"{'papers':>8}{'render':>10}{'message':>10}{'inlining':>10}{'x inlining':>12}{'kB':>8}")
    for n in (12, 100):
        made = edition(n)
        shown = renderer.render(made)
        render = least(lambda made=made: renderer.render(made))  # type: ignore[misc]
        build = least(
            lambda made=made, shown=shown: build_message(made, shown, HEAD, now=now)  # type: ignore[misc]
        )
        limit = least(lambda shown=shown: inliner.inline(shown.html))  # type: ignore[misc]
        print(
            f"{n:>8}{1e3 * render:>10.1f}{1e3 * build:>10.1f}{1e3 * limit:>10.1f}"
            f"{(render + build) / limit:>12.1f}{len(shown.html.encode()) / 1e3:>8.0f}"
        )
    print(
        "  aim: a mail of 12 papers under 20 x; one that is made to fit, in 12 tries, under 200 x"
    )


if __name__ == "__main__":
    main()
