"""The picture of each paper that a mail shows in full."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from digest.edition.layout import leads_of
from digest.errors import DigestError
from digest.model import Paper, PlannedEdition
from digest.ports import Clock

log = logging.getLogger(__name__)


class Maker(Protocol):
    """See `thumbnails.ThumbnailMaker`."""

    def of(self, papers: Iterable[Paper], now: datetime, *, asks: bool) -> Mapping[str, bytes]: ...


class Pictures:
    """Adds pictures to the papers that lead an edition.

    Args:
        asks: whether what is not stored is fetched.
    """

    def __init__(self, maker: Maker, clock: Clock, *, asks: bool) -> None:
        self._maker, self._clock, self._asks = maker, clock, asks
        self.fault = ""

    def attach(
        self, planned: Sequence[PlannedEdition | Exception]
    ) -> list[PlannedEdition | Exception]:
        """The same with pictures; without them if that fails, since a mail is worth more."""
        editions = [p.edition for p in planned if isinstance(p, PlannedEdition) and p.edition]
        wanted = {
            pick.paper.id: pick.paper
            for edition in editions
            for pick in edition.picks
            if pick.paper.id in leads_of(edition.picks)
        }
        try:
            found = self._maker.of(list(wanted.values()), self._clock(), asks=self._asks)
        except DigestError as error:
            self.fault = str(error)
            return list(planned)
        except Exception:
            log.exception("pictures.crashed")
            return list(planned)
        return [_with(p, found) if isinstance(p, PlannedEdition) else p for p in planned]


def _with(planned: PlannedEdition, found: Mapping[str, bytes]) -> PlannedEdition:
    if planned.edition is None:
        return planned
    leads = leads_of(planned.edition.picks)
    picks = tuple(
        replace(p, thumbnail=found[p.paper.id])
        if p.paper.id in leads and p.paper.id in found
        else p
        for p in planned.edition.picks
    )
    return replace(planned, edition=replace(planned.edition, picks=picks))
