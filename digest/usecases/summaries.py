"""A model's sentence about each picked paper, in its reader's language: opt-in, bounded, cached.

Only title and abstract of picked papers are sent, each once a language; nothing of a reader is.
What does not come in time, or cannot be used, is missing from the mail, which has the abstract.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from digest.errors import SummaryError
from digest.latex import readable
from digest.model import Paper, Pick, PlannedEdition, Summary
from digest.ports import Clock, SummaryWriter

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: requests at a time
AT_ONCE = 4
#: failures in a row after which a run asks no more
MOST_FAILURES = 3
#: an abstract that is shorter needs no summary
LEAST_ABSTRACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryOptions:
    #: of all summaries; nothing: each reader's
    language: str = ""
    #: requests a day
    budget_per_day: int = 200
    #: seconds that a run may spend on them
    deadline_s: float = 120.0


class Summaries:
    """The summaries of one run.

    Args:
        asks: whether what is not there is asked for; else only what was written before is shown.
    """

    def __init__(
        self,
        store: Store,
        writer: SummaryWriter,
        options: SummaryOptions,
        clock: Clock,
        *,
        asks: bool,
    ) -> None:
        self._store, self._writer, self._options = store, writer, options
        self._clock, self._asks = clock, asks
        self._until = monotonic() + options.deadline_s
        self._known: dict[tuple[str, str], Summary] = {}
        self._failures = 0
        #: why the last request failed
        self.fault = ""

    def attach(
        self, planned: Sequence[PlannedEdition | Exception]
    ) -> list[PlannedEdition | Exception]:
        """The same with the picks of each edition summarised, as far as possible."""
        editions = [p for p in planned if isinstance(p, PlannedEdition) and p.edition]
        wanted: dict[str, dict[str, Paper]] = {}
        for one in editions:
            assert one.edition is not None
            language = self._language(one)
            for pick in one.edition.picks:
                paper = pick.paper
                # an English sentence that the source sends is as good
                has_one = language == "en" and paper.signals.summary
                if len(paper.abstract) >= LEAST_ABSTRACT and not has_one:
                    wanted.setdefault(language, {})[key_of(paper)] = paper
        try:
            for language, papers in wanted.items():
                self._bring(language, papers)
        except Exception:
            log.exception("summaries.crashed")  # no mail is worth less for want of a summary
        return [self._attached(p) if isinstance(p, PlannedEdition) else p for p in planned]

    def _language(self, planned: PlannedEdition) -> str:
        return self._options.language or planned.subscriber.preferences.language

    def _attached(self, planned: PlannedEdition) -> PlannedEdition:
        if planned.edition is None:
            return planned
        language = self._language(planned)

        def told(pick: Pick) -> Pick:
            summary = self._known.get((language, key_of(pick.paper)))
            return replace(pick, summary=summary) if summary else pick

        picks = tuple(told(p) for p in planned.edition.picks)
        return replace(planned, edition=replace(planned.edition, picks=picks))

    def _bring(self, language: str, papers: dict[str, Paper]) -> None:
        """Have the summaries of these papers at hand: from the store, else from the model."""
        model = self._writer.model
        missing = [k for k in papers if (language, k) not in self._known]
        for key, summary in self._store.summaries.get(model, language, missing).items():
            self._known[language, key] = summary
        missing = [k for k in missing if (language, k) not in self._known]
        if not self._asks or not missing:
            return
        now = self._clock()
        place = f"summaries.{now:%Y-%m-%d}"
        spent = int(self._store.facts.get(place) or 0)
        allowed = missing[: max(0, self._options.budget_per_day - spent)]
        asked, found = self._written(language, [(k, papers[k]) for k in allowed])
        self._store.facts.set(place, str(spent + asked))
        self._store.summaries.add(language, found, now)
        for key, summary in found.items():
            self._known[language, key] = summary

    def _written(
        self, language: str, papers: Iterable[tuple[str, Paper]]
    ) -> tuple[int, dict[str, Summary]]:
        """How many were asked for, and what came in time."""
        asked, found = 0, dict[str, Summary]()
        waiting = list(papers)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while waiting and self._failures < MOST_FAILURES and monotonic() < self._until:
                part, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
                jobs = {
                    pool.submit(
                        self._writer.write, readable(p.title), readable(p.abstract), language
                    ): key
                    for key, p in part
                }
                asked += len(jobs)
                wait(jobs)
                for job, key in jobs.items():
                    try:
                        found[key] = job.result()
                        self._failures = 0
                    except SummaryError as error:
                        self._failures += 1
                        self.fault = f"Summaries: {error}"
                        log.info("summaries.failed why=%s", error)
        return asked, found


def with_stored(picks: Sequence[Pick], store: Store, model: str, language: str) -> tuple[Pick, ...]:
    """The picks with the summaries that were written before."""
    keys = {p.paper.id: key_of(p.paper) for p in picks}
    found = store.summaries.get(model, language, list(keys.values()))
    return tuple(replace(p, summary=found.get(keys[p.paper.id])) for p in picks)


def key_of(paper: Paper) -> str:
    """The same as long as the text is; a new version with another abstract is summarised anew."""
    return hashlib.sha256(f"{paper.title}\n{paper.abstract}".encode("utf-8", "replace")).hexdigest()
