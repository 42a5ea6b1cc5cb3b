"""Abstracts that a source did not bring: of every paper that may be picked, asked of services."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.errors import SourceError
from digest.identity import has_known_id, names, same_work
from digest.model import Paper
from digest.ports import Lookup, Progress, TitleLookup, silent
from digest.usecases.lookup import ASK_FOR_ABSTRACT_AFTER, look_up

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
    for service in lookups:
        if isinstance(service, TitleLookup):
            _find_by_title(service, by_title, store, now)
            break
    look_up({p.id for p in bare}, store, lookups, now, progress)
    left = {p.id for p in store.papers.without_abstract(now - LISTED_SINCE, MAX_PAPERS)}
    n_found = sum(1 for p in bare if p.id not in left)
    log.info("abstracts.looked_up n_asked=%d n_found=%d", len(bare), n_found)
    return n_found


def _find_by_title(
    service: TitleLookup, papers: Sequence[Paper], store: Store, now: datetime
) -> None:
    keys = {f"{service.name} by title:{p.id}": p for p in papers}
    known = store.ratings.unresolved(keys, now - ASK_FOR_ABSTRACT_AFTER)
    missed: dict[str, str] = {}
    for key, paper in keys.items():
        if key in known:
            continue
        try:
            found = next((f for f in service.by_title(paper, now) if same_work(f, paper)), None)
        except SourceError as error:
            log.warning("lookup.failed service=%s fault=%s", service.name, error)
            break
        if found is None:
            missed[key] = "unknown"
        else:
            store.papers.add([replace(found, aliases=(*names(found)[1:], paper.id))], now)
    store.ratings.remember_unresolved(missed, now)
