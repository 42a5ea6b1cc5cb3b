"""Abstracts that a source did not bring: of every paper that may be picked, asked of services."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.identity import has_known_id, names
from digest.ports import Lookup, Progress, silent
from digest.usecases.lookup import find_by_title, look_up

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: what was listed before is in nobody's next edition
LISTED_SINCE = timedelta(days=3)
#: papers asked for in one run: by their ids many at once, by title each with a request of its own
MAX_PAPERS, MAX_TITLES = 500, 30


def fill_abstracts(
    store: Store, lookups: Sequence[Lookup], now: datetime, progress: Progress = silent
) -> int:
    """Look up the abstracts of papers that were listed lately without one; returns how many came.

    A paper without an id that registers know is looked for by its title, first author and year.
    What no service has is not asked for again for a while; one that does not answer costs nothing
    but the abstracts.
    """
    if not lookups:
        return 0
    bare = store.papers.without_abstract(now - LISTED_SINCE, MAX_PAPERS)
    if not bare:
        return 0
    by_title = [p for p in bare if not has_known_id(p) and p.authors][:MAX_TITLES]
    found = find_by_title(by_title, store, lookups, now, progress)
    store.papers.add([replace(f, aliases=(*names(f)[1:], key)) for key, f in found.items()], now)
    look_up({p.id for p in bare}, store, lookups, now, progress)
    left = {p.id for p in store.papers.without_abstract(now - LISTED_SINCE, MAX_PAPERS)}
    n_found = sum(1 for p in bare if p.id not in left)
    log.info("abstracts.looked_up n_asked=%d n_found=%d", len(bare), n_found)
    return n_found
