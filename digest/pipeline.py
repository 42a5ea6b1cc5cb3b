"""The day: fetch, choose, compose, plan, send, report.

    listings are fetched and stored       (fetch)
    each reader's papers are chosen       (Editor.drafts: filter, score, select, compose, render)
    the edition and its mail are planned  (one transaction a block; before it nothing is lost)
    what is due goes out                  (sending.send_due; reads only the plan)

Everything before the plan can be done again, everything after it reads only the plan, so a mail
can be sent again with the same bytes without ranking again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from digest import schedule
from digest.edition import Renderer, build_message, compose
from digest.edition.compose import compose_note
from digest.edition.render import Rendered
from digest.errors import DigestError, SourceError
from digest.model import (
    DayReport,
    Delivery,
    DeliveryKey,
    DeliveryState,
    Edition,
    EditionKind,
    EmptyReason,
    Listing,
    Message,
    NoEdition,
    Paper,
    Pick,
    Profile,
    SourceCount,
    SourceReport,
    Subscriber,
    SubscriberReport,
    SubscriberState,
)
from digest.ports import (
    Clock,
    FetchRequest,
    Mention,
    ReaderState,
    Settled,
    Signer,
    Source,
    Standing,
    Store,
    Transport,
)
from digest.ranking import (
    SEMANTIC_WEIGHT,
    Candidates,
    Meanings,
    Ranker,
    Reading,
    filter_candidates,
    fit,
    select,
)
from digest.ranking.selection import (
    basis_of,
    best_score,
    build_profile,
    chance,
    journal_versions,
)
from digest.sending import Rules, SendReport, Ways, send_due
from digest.text import counted

log = logging.getLogger(__name__)

#: how far back a reader's first edition looks
FIRST_EDITION = timedelta(days=3)
#: how far back an edition looks after a pause, however long it was
LONGEST_ABSENCE = timedelta(days=14)
#: stored papers that word statistics are learned from
BACKGROUND_PAPERS = 20_000
#: how long the bytes of a mail are kept after they were of use
BODIES_KEPT = timedelta(days=14)
#: readers who are chosen for, scored and stored together
BLOCK = 200
#: liked papers kept from one block to the next
MOST_LIKED = 100_000
#: latest likes that a source which recommends by them is told
LIKES_FOR_SOURCES = 100
#: when to look again after a day without a listing: the feed may only be late
LOOK_AGAIN_AFTER = timedelta(hours=1)
#: time zones differ by a day and two hours at most, and clocks are seldom set back by more
WENT_BACK = timedelta(days=2)

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    pass


# --- fetch ---------------------------------------------------------------------------------------


def fetch(
    sources: Sequence[Source],
    store: Store,
    *,
    now: datetime,
    until: date | None = None,
    progress: Progress = _silent,
) -> tuple[SourceReport, ...]:
    """Ask all sources at once and store what they bring; one that fails costs only itself."""
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
    return tuple(reports)


def _request(source: Source, store: Store, now: datetime, until: date | None) -> FetchRequest:
    request = store.fetch_request(source.name, now, until)
    if not getattr(source, "uses_likes", False):
        return request
    liked, disliked = store.lately_rated(LIKES_FOR_SOURCES)
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
    n_new = store.add_listing(answer)
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
    return f"{report.source}: {papers}, {report.n_new} not known before{fault}"


# --- draft ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one reader would get on a date."""

    outcome: Edition | NoEdition
    #: what goes out: an edition, a note, or nothing
    letter: Edition | None = None
    message: Message | None = None
    rendered: Rendered | None = None
    #: the last mention that was looked at
    cursor: int = 0


def finished(draft: Draft, renderer: Renderer, now: datetime, sign: Signer | None = None) -> Draft:
    """The draft with its letter rendered and built into a message.

    Raises:
        RenderError: a template is wrong.
    """
    if draft.letter is None:
        return draft
    rendered = renderer.render(draft.letter)
    message = build_message(draft.letter, rendered, renderer.letterhead, now=now)
    if sign is not None:
        message = replace(message, body=sign(message.body))
    return replace(draft, message=message, rendered=rendered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """An issue as one process fitted it."""

    #: later ones are not looked at
    last_mention: int
    #: see `Ranker.frozen`; nothing if there were no papers
    ranking: bytes


@dataclass(frozen=True, slots=True)
class _News:
    """What is new since some edition."""

    pool: tuple[Paper, ...]
    #: ids of papers listed as published in a journal
    published: tuple[str, ...]
    counts: tuple[SourceCount, ...]
    #: goes back further than the latest days
    is_wide: bool


@dataclass(slots=True)
class _Sheet:
    """One reader on an editor's desk, before the choice."""

    subscriber: Subscriber
    day: date
    state: ReaderState
    profile: Profile
    mentions: _News
    candidates: Candidates
    reading: Reading | None = None


class Editor:
    """Makes drafts for one moment; what all readers share is read and fitted once.

    Args:
        sources: reports of this moment's fetch, for counts and faults in the mail.
        frozen: what another process learned and looked at, to be gone by.
    """

    def __init__(
        self,
        store: Store,
        renderer: Renderer,
        *,
        now: datetime,
        until: date,
        sources: Sequence[SourceReport] = (),
        meanings: Meanings | None = None,
        semantic_weight: float = SEMANTIC_WEIGHT,
        sign: Signer | None = None,
        frozen: Frozen | None = None,
    ) -> None:
        self._frozen = frozen
        self._meanings, self._semantic_weight = meanings, semantic_weight
        self._store, self._renderer, self._now = store, renderer, now
        self._sources, self._sign = sources, sign
        mentions = store.mentions(now - LONGEST_ABSENCE, until)
        if frozen is not None:  # what came in since then is for the next issue
            mentions = tuple(m for m in mentions if m.id <= frozen.last_mention)
        self._mentions = mentions
        self._papers: Mapping[str, Paper] = store.papers({m.paper_id for m in self._mentions})
        since = now - FIRST_EDITION
        self._latest = frozenset(m.paper_id for m in self._mentions if m.first_seen >= since)
        #: liked papers that were read, so that a paper that many like is one object
        self._known: dict[str, Paper] = {}
        #: by what a reader's last edition looked at: most readers share it
        self._news: dict[tuple[int | None, date | None, date], _News] = {}

    @cached_property
    def ranker(self) -> Ranker:
        """On the latest days' papers; fitted at first use, since an empty day needs none."""
        if self._frozen is not None and self._frozen.ranking:
            try:
                return Ranker.thawed(
                    self._frozen.ranking, self._papers, self._meanings, self._semantic_weight
                )
            except ValueError as error:
                log.warning("ranking.not_thawed error=%s", error)
        return self._fitted([p for i, p in self._papers.items() if i in self._latest])

    def freeze(self) -> Frozen:
        """What other processes need to make the same of the same readers."""
        last = self._mentions[-1].id if self._mentions else 0
        return Frozen(last_mention=last, ranking=self.ranker.frozen() if self._latest else b"")

    @cached_property
    def _wide_ranker(self) -> Ranker:
        """For who was away for longer. Apart, so that nobody's absence changes others' scores."""
        return self._fitted(list(self._papers.values()))

    def _fitted(self, papers: Sequence[Paper]) -> Ranker:
        background = self._store.background(BACKGROUND_PAPERS)
        ranker = fit(background, self._meanings, self._semantic_weight)
        ranker.prepare(papers)
        return ranker

    def draft(self, subscriber: Subscriber, day: date) -> Draft:
        """Choose and render one reader's edition; nothing is stored.

        Raises:
            RenderError: a template is wrong.
        """
        return finished(self.choose(subscriber, day), self._renderer, self._now, self._sign)

    def drafts(self, readers: Sequence[tuple[Subscriber, date]]) -> tuple[Draft | Exception, ...]:
        """Choose and render for a block of readers; one that fails costs only itself."""
        found: list[Draft | Exception] = []
        for chosen in self._chosen(readers):
            if isinstance(chosen, Exception):
                found.append(chosen)
                continue
            try:
                found.append(finished(chosen, self._renderer, self._now, self._sign))
            except Exception as error:
                found.append(error)
        return tuple(found)

    def choose(self, subscriber: Subscriber, day: date) -> Draft:
        """What comes of the day for one reader, and the letter to write, if any."""
        (chosen,) = self._chosen([(subscriber, day)])
        if isinstance(chosen, Exception):
            raise chosen
        return chosen

    def _chosen(self, readers: Sequence[tuple[Subscriber, date]]) -> list[Draft | Exception]:
        if len(self._known) > MOST_LIKED:
            self._known.clear()
        states: dict[tuple[str, date], ReaderState] = {}
        for day in {day for _, day in readers}:
            ids = [s.id for s, d in readers if d == day]
            listed_since = self._now - LONGEST_ABSENCE
            found = self._store.reader_states(
                ids, day, known=self._known, listed_since=listed_since
            )
            states |= {(i, day): state for i, state in found.items()}
        sheets: list[_Sheet | Exception] = []
        for subscriber, day in readers:
            try:
                sheets.append(self._sheet(subscriber, day, states[subscriber.id, day]))
            except Exception as error:
                sheets.append(error)
        self._score([s for s in sheets if isinstance(s, _Sheet)])
        chosen: list[Draft | Exception] = []
        for sheet in sheets:
            if isinstance(sheet, Exception):
                chosen.append(sheet)
                continue
            try:
                chosen.append(self._draft(sheet))
            except Exception as error:
                chosen.append(error)
        return chosen

    def _sheet(self, subscriber: Subscriber, day: date, state: ReaderState) -> _Sheet:
        mentions = self._new_mentions(state, day)
        ages = [(self._now - at) / timedelta(days=1) for at in state.liked_at]
        profile = build_profile(subscriber, state.liked, state.disliked, ages)
        seen = state.sent | profile.rated_ids | state.named
        candidates = filter_candidates(mentions.pool, subscriber, seen)
        return _Sheet(subscriber, day, state, profile, mentions, candidates)

    def _score(self, sheets: Sequence[_Sheet]) -> None:
        """Those who look at the latest days only are scored in one product."""
        block = [s for s in sheets if s.candidates.papers and not s.mentions.is_wide]
        if len(block) < 2:
            return
        try:
            for sheet, reading in zip(
                block, self.ranker.read_block([s.profile for s in block]), strict=True
            ):
                sheet.reading = reading
        except Exception:
            # One odd like must not cost the block its mail: each is scored alone, and fails alone.
            log.exception("score.block_crashed")

    def _draft(self, sheet: _Sheet) -> Draft:
        subscriber, day, state, profile = sheet.subscriber, sheet.day, sheet.state, sheet.profile
        papers = sheet.candidates.papers
        picks: tuple[Pick, ...] = ()
        best = 0.0
        if papers:
            ranker = self._wide_ranker if sheet.mentions.is_wide else self.ranker
            rng = chance(subscriber, day)
            picks = select(
                subscriber, profile, papers, ranker, day=day, rng=rng, reading=sheet.reading
            )
            best = 0.0 if picks else best_score(profile, papers, ranker)
        picks += journal_versions(
            subscriber,
            [self._papers[i] for i in sheet.mentions.published if i in self._papers],
            (state.sent | profile.liked_ids | state.named) - state.told,
            len(picks),
        )
        counts = sheet.mentions.counts
        title = self._renderer.letterhead.title
        speech = self._renderer.speech(subscriber.language)
        outcome = compose(
            subscriber,
            title=title,
            day=day,
            picks=picks,
            basis=basis_of(profile, papers),
            n_new=sheet.candidates.n_new,
            n_considered=len(papers),
            dropped=sheet.candidates.dropped,
            best_score=best,
            sources=counts,
            speech=speech,
        )
        letter = outcome if isinstance(outcome, Edition) else None
        if isinstance(outcome, NoEdition) and subscriber.on_empty == "note":
            letter = compose_note(outcome, title=title, sources=counts, speech=speech)
        cursor = self._mentions[-1].id if self._mentions else state.cursor or 0
        return Draft(outcome=outcome, letter=letter, cursor=cursor)

    def _new_mentions(self, state: ReaderState, day: date) -> _News:
        """What was listed since the reader's last edition; the order of arrival is the clock, so
        a paper that came late is in the next edition and none is in two."""
        key = (state.cursor, state.considered_to, day)
        if key not in self._news:
            if state.cursor is not None and state.considered_to is not None:
                cursor, date_ = state.cursor, state.considered_to
                mentions = [
                    m
                    for m in self._mentions
                    if m.listed_on <= day and (m.id > cursor or m.listed_on > date_)
                ]
            else:
                since = self._now - FIRST_EDITION
                mentions = [
                    m for m in self._mentions if m.first_seen >= since and m.listed_on <= day
                ]
            pool = self._pool(mentions)
            self._news[key] = _News(
                pool=pool,
                published=tuple(
                    dict.fromkeys(m.paper_id for m in mentions if m.announce_type == "published")
                ),
                counts=self._counts(mentions),
                is_wide=any(p.id not in self._latest for p in pool),
            )
        return self._news[key]

    def _pool(self, mentions: Sequence[Mention]) -> tuple[Paper, ...]:
        """The papers mentioned, once each, in order of arrival, as this listing announced them."""
        types: dict[str, str] = {}
        for mention in mentions:
            if mention.paper_id in self._papers:
                types.setdefault(mention.paper_id, mention.announce_type)
        return tuple(
            p if p.announce_type == t else replace(p, announce_type=t)
            for i, t in types.items()
            for p in (self._papers[i],)
        )

    def _counts(self, mentions: Sequence[Mention]) -> tuple[SourceCount, ...]:
        by_source = Counter(m.source for m in mentions)
        fetched = {r.source: r for r in self._sources}
        names = dict.fromkeys([*fetched, *by_source])
        return tuple(
            SourceCount(
                name=name,
                n_papers=by_source[name],
                complete=fetched[name].complete if name in fetched else True,
                fault=fetched[name].fault if name in fetched else "",
            )
            for name in names
        )


# --- plan ----------------------------------------------------------------------------------------


def plan(
    editor: Editor,
    store: Store,
    subscribers: Sequence[Subscriber],
    *,
    now: datetime,
    day: date | None = None,
    dry_run: bool = False,
    progress: Progress = _silent,
    also: Callable[[object], None] = lambda connection: None,
) -> tuple[SubscriberReport, ...]:
    """Decide each reader's edition and store its mail as ready; one that fails costs only itself.

    Args:
        day: the edition date for everybody; by default each reader's own today.
        also: see `Outbox.settle_day`; called for every block.
    """
    reports: list[SubscriberReport] = []
    for start in range(0, len(subscribers), BLOCK):
        block = subscribers[start : start + BLOCK]
        reports += _plan_block(editor, store, block, now, day, dry_run, also)
        for report in reports[start:]:
            progress(f"{report.email}: {report.outcome}")
    return tuple(reports)


def _plan_block(
    editor: Editor,
    store: Store,
    block: Sequence[Subscriber],
    now: datetime,
    day: date | None,
    dry_run: bool,
    also: Callable[[object], None],
) -> list[SubscriberReport]:
    days = {s.id: day or schedule.edition_date(s, now) for s in block}
    standings = store.standings(days)
    reports: dict[str, SubscriberReport] = {}
    for subscriber in block:
        standing = standings[subscriber.id]
        if verdict := _settled_before(store, subscriber, standing, now, day):
            outcome, detail = verdict
            reports[subscriber.id] = SubscriberReport(
                email=subscriber.email,
                edition_date=days[subscriber.id],
                outcome=outcome,
                detail=detail,
            )
    open_ = [s for s in block if s.id not in reports]
    settled: list[Settled] = []
    drafts = editor.drafts([(s, days[s.id]) for s in open_]) if open_ else ()
    for subscriber, draft in zip(open_, drafts, strict=True):
        decided, report = _decided(subscriber, days[subscriber.id], draft, now)
        if day is None:
            again = decided.again_at if decided.letter is None else None
            standing = Standing(empty=again is not None, again_at=again)
            decided = replace(decided, due_at=next_look(subscriber, standing, now))
        settled.append(decided)
        reports[subscriber.id] = report
    if not dry_run:
        store.settle_day(settled, now, also)
    return [reports[s.id] for s in block]


def _settled_before(
    store: Store, subscriber: Subscriber, standing: Standing, now: datetime, day: date | None
) -> tuple[str, str] | None:
    """Outcome and detail of a reader for whom there is nothing to decide; None if there is."""
    if day is None and _went_back(standing, subscriber, now):
        return (
            EmptyReason.NOT_A_SENDING_DAY,
            "An edition of a later date is out: the clock or the time zone went back.",
        )
    if subscriber.state is not SubscriberState.ACTIVE:
        return EmptyReason.NOT_ACTIVE, _why_inactive(store, subscriber)
    if standing.delivery is not None:
        return standing.delivery.state, _already(standing.delivery)
    today = day or schedule.edition_date(subscriber, now)
    if not schedule.is_sending_day(subscriber, today):
        days = schedule.describe_weekdays(subscriber.weekdays)
        return (
            EmptyReason.NOT_A_SENDING_DAY,
            f"{today:%A} is no sending day; mail goes out {days}.",
        )
    return None


def _went_back(standing: Standing, subscriber: Subscriber, now: datetime) -> bool:
    """Whether today lies shortly before a date that had its edition: then it has none of its own.

    One far ahead was made by a clock that was wrong, and must not silence the days until then.
    """
    today, latest = schedule.edition_date(subscriber, now), standing.latest
    return latest is not None and timedelta(0) < latest - today <= WENT_BACK


def _decided(
    subscriber: Subscriber, day: date, draft: Draft | Exception, now: datetime
) -> tuple[Settled, SubscriberReport]:
    """What is stored of a draft, and what is told of it."""
    if isinstance(draft, Exception):
        # One reader's odd paper or profile must not cost the others their mail.
        if not isinstance(draft, DigestError):
            log.error("compose.crashed subscriber=%s", subscriber.id[:8], exc_info=draft)
        detail = str(draft) if isinstance(draft, DigestError) else f"internal error: {draft!r}"
        failure = NoEdition(
            subscriber=subscriber,
            edition_date=day,
            reason=EmptyReason.COMPOSE_FAILED,
            detail=detail,
        )
        # Nothing was considered, so the cursor stays; and a worker waits before it tries again.
        again = now + LOOK_AGAIN_AFTER
        return Settled(empty=failure, again_at=again), _told_of(failure)
    outcome = draft.outcome
    if isinstance(outcome, Edition):
        settled = Settled(letter=outcome, message=draft.message, cursor=draft.cursor)
        return settled, SubscriberReport(
            email=subscriber.email,
            edition_date=day,
            outcome="planned",
            detail=outcome.subject,
            n_picks=len(outcome.picks),
            n_new=outcome.n_new,
        )
    late = outcome.reason in (EmptyReason.NO_LISTING, EmptyReason.SOURCES_FAILED)
    later = now + LOOK_AGAIN_AFTER
    settled = Settled(
        letter=draft.letter,
        message=draft.message,
        empty=outcome,
        cursor=draft.cursor,
        again_at=later if late and schedule.may_wait(subscriber, later) else None,
    )
    return settled, _told_of(outcome)


def _told_of(empty: NoEdition) -> SubscriberReport:
    return SubscriberReport(
        email=empty.subscriber.email,
        edition_date=empty.edition_date,
        outcome=empty.reason,
        detail=empty.detail,
        n_new=empty.n_new,
    )


def _why_inactive(store: Store, subscriber: Subscriber) -> str:
    strikes = store.strikes(subscriber.id)
    if subscriber.state is SubscriberState.SUPPRESSED and strikes:
        return (
            f"The address is suppressed since {strikes[0].struck_at:%d %B}: {strikes[0].reply}. "
            f"`digest unsuppress {subscriber.email}` tries it again."
        )
    return f"The subscription is {subscriber.state}."


def _already(delivery: Delivery) -> str:
    if delivery.state is DeliveryState.SENT and delivery.settled_at:
        return f"Already sent at {delivery.settled_at:%Y-%m-%d %H:%M} UTC."
    if delivery.state is DeliveryState.DEFERRED and delivery.next_at:
        return (
            f"Waiting for another attempt at {delivery.next_at:%Y-%m-%d %H:%M} UTC: "
            f"{delivery.reply}"
        )
    return delivery.reply or f"The edition is {delivery.state}."


# --- the whole day -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a day is run with; made by `app`."""

    store: Store
    sources: Sequence[Source]
    renderer: Renderer
    clock: Clock
    transport: Callable[[], Transport]
    worker: str
    retention: timedelta
    #: a language model's view of papers, if there is one
    meanings: Meanings | None = None
    semantic_weight: float = SEMANTIC_WEIGHT
    rules: Rules = field(default_factory=Rules)
    ways: Ways = field(default_factory=Ways)
    #: puts a DKIM signature before a message, if there is a key
    sign: Signer | None = None

    def editor(
        self,
        now: datetime,
        until: date,
        sources: Sequence[SourceReport] = (),
        frozen: Frozen | None = None,
    ) -> Editor:
        return Editor(
            self.store,
            self.renderer,
            now=now,
            until=until,
            sources=sources,
            meanings=self.meanings,
            semantic_weight=self.semantic_weight,
            sign=self.sign,
            frozen=frozen,
        )


def run_day(
    desk: Desk,
    subscribers: Sequence[Subscriber],
    *,
    day: date | None = None,
    dry_run: bool = False,
    warnings: Sequence[str] = (),
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = _silent,
) -> DayReport:
    """From listings to delivered mail, for these readers. The caller holds `store.exclusive`."""
    started = desk.clock()
    asked = desk.sources if subscribers else ()  # else only mails of earlier runs are due
    sources = fetch(asked, desk.store, now=started, until=day, progress=progress)
    now = desk.clock()
    # Nobody on earth has a later date than this, so it bounds the day of everybody.
    editor = desk.editor(now, day or (now + timedelta(hours=14)).date(), sources)
    planned = plan(
        editor, desk.store, subscribers, now=now, day=day, dry_run=dry_run, progress=progress
    )
    told = list(warnings)
    route_fault = ""
    if not dry_run and not should_stop():
        sent = send_due(
            desk.store,
            desk.transport,
            worker=desk.worker,
            clock=desk.clock,
            rules=desk.rules,
            ways=desk.ways,
            should_stop=should_stop,
            on_settled=lambda d, state: progress(f"{d.message.recipient}: {state}"),
        )
        planned = _with_deliveries(planned, sent, subscribers)
        told += _warnings_of(sent, desk.rules)
        route_fault = sent.route_fault
    report = DayReport(
        started_at=started,
        finished_at=desk.clock(),
        sources=sources,
        subscribers=planned,
        warnings=tuple(told),
        route_fault=route_fault,
    )
    if not dry_run:
        desk.store.record_run(report)
        desk.store.purge(now - desk.retention, now - BODIES_KEPT)
    return report


def _with_deliveries(
    planned: Sequence[SubscriberReport], sent: SendReport, subscribers: Sequence[Subscriber]
) -> tuple[SubscriberReport, ...]:
    """The plan's reports with what became of each mail."""
    ids = {s.email: s.id for s in subscribers}
    finished = []
    for report in planned:
        key = DeliveryKey(subscriber_id=ids.get(report.email, ""), edition_date=report.edition_date)
        note = replace(key, kind=EditionKind.NOTE)
        if key in sent.settled:
            state, reply = sent.settled[key]
            detail = report.detail if state is DeliveryState.SENT else reply
            report = replace(report, outcome=state, detail=detail)
        elif note in sent.settled:
            state, _ = sent.settled[note]
            report = replace(report, detail=f"{report.detail} A note saying so is {state}.")
        elif report.outcome in ("planned", DeliveryState.READY) and sent.route_fault:
            report = replace(report, outcome=DeliveryState.READY, detail=sent.route_fault)
        finished.append(report)
    return tuple(finished)


def with_latest_states(
    report: DayReport, store: Store, subscribers: Sequence[Subscriber], now: datetime
) -> DayReport:
    """The report with what has become of its mails since."""
    ids = {s.email: s.id for s in subscribers}
    latest = []
    for one in report.subscribers:
        key = DeliveryKey(subscriber_id=ids.get(one.email, ""), edition_date=one.edition_date)
        known = store.delivery(key)
        if known is not None and known.state != one.outcome:
            one = replace(one, outcome=known.state, detail=_already(known))
        latest.append(one)
    waiting = any(s.outcome == DeliveryState.READY for s in latest)
    return replace(
        report,
        finished_at=now,
        subscribers=tuple(latest),
        route_fault=report.route_fault if waiting else "",
        warnings=tuple(w for w in report.warnings if waiting or report.route_fault not in w)
        if report.route_fault
        else report.warnings,
    )


def _warnings_of(sent: SendReport, rules: Rules) -> list[str]:
    told = []
    if sent.route_fault:
        told.append(f"{sent.route_fault} Editions that are not sent stay ready for the next run.")
    if sent.n_doubts:
        what = "sent again with the same Message-ID"
        if not rules.resend_unknown:
            what = "held: `digest deliveries --state unknown` lists them, `digest retry` sends them"
        told.append(
            f"{counted(sent.n_doubts, 'mail')} handed over when an earlier run died, with no "
            f"answer seen; {what}."
        )
    return told


def is_due(subscriber: Subscriber, standing: Standing, now: datetime) -> bool:
    """Whether a worker should make this reader's edition now: the hour has come, and neither an
    edition nor a final "nothing today" stands in the store.

    Args:
        standing: of the reader's date of today.
    """
    if subscriber.state is not SubscriberState.ACTIVE or not schedule.is_due(subscriber, now):
        return False
    if standing.delivery is not None or _went_back(standing, subscriber, now):
        return False
    return not standing.empty or (standing.again_at is not None and standing.again_at <= now)


def due_subscribers(store: Store, now: datetime, limit: int) -> tuple[Subscriber, ...]:
    """Readers whose edition should be made now. The others that were looked at are put off until
    that may change."""
    while True:
        looked_at = store.due(now, limit)
        standings = store.standings({s.id: schedule.edition_date(s, now) for s in looked_at})
        due = tuple(s for s in looked_at if is_due(s, standings[s.id], now))
        others = {s.id for s in looked_at} - {s.id for s in due}
        store.put_off(
            {s.id: next_look(s, standings[s.id], now) for s in looked_at if s.id in others}, now
        )
        if len(looked_at) < limit or not others:
            return due


def next_look(subscriber: Subscriber, standing: Standing, now: datetime) -> datetime:
    """When to see again whether somebody is due who is not now."""
    following = schedule.next_look(subscriber, now) or now + LONGEST_ABSENCE
    again_at = standing.again_at
    if standing.delivery is None and again_at is not None and again_at > now:
        return min(again_at, following)
    return following
