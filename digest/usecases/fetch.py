"""Fetching: ask every source what is new, and store what it brings."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from digest.errors import DigestError, SourceError
from digest.model import Listing, SourceReport
from digest.ports import FetchRequest, Lookup, Progress, Source, silent
from digest.text import counted
from digest.usecases.abstracts import fill_abstracts

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: latest likes that a source which recommends by them is told
LIKES_FOR_SOURCES = 100


def fetch(
    sources: Sequence[Source],
    store: Store,
    *,
    now: datetime,
    until: date | None = None,
    lookups: Sequence[Lookup] = (),
    progress: Progress = silent,
) -> tuple[SourceReport, ...]:
    """Ask all sources at once and store what they bring; one that fails costs only itself.

    Args:
        lookups: who is asked for abstracts that the sources did not bring.
    """
    if not sources:
        return ()
    requests = [_request(s, store, now, until) for s in sources]
    with ThreadPoolExecutor(max_workers=min(8, len(sources))) as pool:
        jobs = [pool.submit(_ask, s, r) for s, r in zip(sources, requests, strict=True)]
        reports = []
        for source, job in zip(sources, jobs, strict=True):
            answer, seconds = job.result()
            report = _stored(source.name, answer, seconds, store)
            progress(describe_source(report))
            reports.append(report)
    if n_found := fill_abstracts(store, lookups, now):
        progress(f"{counted(n_found, 'abstract')} looked up that no source had brought")
    return tuple(reports)


def _request(source: Source, store: Store, now: datetime, until: date | None) -> FetchRequest:
    request = store.papers.fetch_request(source.name, now, until)
    if not source.uses_likes:
        return request
    liked, disliked = store.papers.lately_rated(LIKES_FOR_SOURCES)
    return replace(request, liked=liked, disliked=disliked)


def _ask(source: Source, request: FetchRequest) -> tuple[Listing | Exception, float]:
    started = time.monotonic()
    answer: Listing | Exception
    try:
        answer = source.fetch(request)
    except SourceError as error:
        answer = error
    except Exception as error:
        log.exception("source.crashed source=%s", source.name)
        answer = error
    return answer, time.monotonic() - started


def _stored(name: str, answer: Listing | Exception, seconds: float, store: Store) -> SourceReport:
    if isinstance(answer, Exception):
        fault = str(answer) if isinstance(answer, DigestError) else f"internal error: {answer!r}"
        log.warning("source.failed source=%s fault=%s", name, fault)
        return SourceReport(
            source=name, n_fetched=0, n_new=0, complete=False, fault=fault, duration_s=seconds
        )
    n_new = store.papers.add_listing(answer)
    log.info(
        "listing.stored source=%s n_papers=%d n_new=%d complete=%s",
        name,
        len(answer.papers),
        n_new,
        answer.complete,
    )
    return SourceReport(
        source=name,
        n_fetched=len(answer.papers),
        n_new=n_new,
        complete=answer.complete,
        unchanged=answer.unchanged,
        fault=answer.fault,
        remark=answer.remark,
        duration_s=seconds,
    )


def describe_source(report: SourceReport) -> str:
    """One line for a person."""
    if not report.complete and not report.n_fetched:
        return f"{report.source}: failed. {report.fault}"
    if report.unchanged:
        return f"{report.source}: nothing has changed since the last fetch"
    fault = "" if report.complete else f". Incomplete: {report.fault}"
    papers = counted(report.n_fetched, "paper")
    remark = f". {report.remark}" if report.remark else ""
    return f"{report.source}: {papers}, {report.n_new} not known before{fault}{remark}"
