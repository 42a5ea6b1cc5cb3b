"""Saving likes: what readers like goes to where they keep their papers, each paper once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from digest.errors import LibraryError
from digest.model import IMPORT, RunWarning, Subscriber
from digest.ports import LikesSink
from digest.usecases.feedback import FILE_ORIGIN

if TYPE_CHECKING:
    from digest.store import Store

#: papers that go out in one run; the others follow in the next
MAX_A_RUN = 200


def save_likes(store: Store, reader: Subscriber, sink: LikesSink) -> tuple[RunWarning, ...]:
    """Save what a reader said they like, and what was not saved yet; returns what went wrong.

    What came from a library or stands in the configuration is kept somewhere already. What was
    saved is noted when it is through; what was broken off before is sent again, which the sink
    makes harmless.
    """
    place = f"saved:{reader.id}:{hashlib.sha256(sink.name.encode()).hexdigest()[:16]}"
    saved: dict[str, str] = json.loads(store.facts.get(place) or "{}")
    kept = {
        i
        for origin, ids in store.ratings.by_origin(reader.id).items()
        if origin.startswith((f"{FILE_ORIGIN}:", IMPORT))
        for i in ids
    }
    wanted = [
        r.paper_id
        for r in store.ratings.of(reader.id)
        if r.value > 0 and r.origin != FILE_ORIGIN and r.paper_id not in kept
    ]
    open_ids = [i for i in wanted if i not in saved][:MAX_A_RUN]
    if not open_ids:
        return ()
    papers = store.ratings.papers_of(reader.id)
    try:
        report = sink.save([papers[i] for i in open_ids if i in papers])
    except LibraryError as error:
        return (RunWarning(f"Likes are not saved: {error} They follow later.", reader.id),)
    store.facts.set(place, json.dumps({**saved, **report.saved}, separators=(",", ":")))
    return tuple(
        RunWarning(f"{papers[i].plain_title[:80]} is not saved to {sink.name}: {why}.", reader.id)
        for i, why in report.faults.items()
    )
