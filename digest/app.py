"""The assembly: from settings to objects. The only place that knows adapters and settings both,
reads the clock, and draws anything at random."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from digest.config import (
    AuthorLikes,
    FileLikes,
    InlinePaper,
    OpmlSettings,
    RecommendedLikes,
    Settings,
    SubscriberSettings,
    ZoteroLikes,
    is_library,
)
from digest.errors import ConfigError, LibraryError
from digest.fetcher import Fetcher
from digest.model import DayReport, Paper, Profile, Subscriber, SubscriberState
from digest.ports import Clock, Inbox, Likes, Lookup, Shelf, Signer, Source, Transport
from digest.sources.arxiv import ArxivApi, ArxivQuerySource, ArxivSource
from digest.sources.biorxiv import BiorxivSource
from digest.sources.crossref import CrossrefApi, CrossrefSource
from digest.sources.europepmc import EuropePmcSource
from digest.sources.feed import FeedSource
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.openalex import AuthorShelf, OpenAlexApi, OpenAlexSource
from digest.sources.openreview import OpenReviewSource
from digest.sources.pubmed import PubMedSource
from digest.sources.semantic_scholar import (
    RecommendedShelf,
    SemanticScholarApi,
    SemanticScholarSource,
)
from digest.subscriptions import Wanted, find_subscriber, inline_paper, sync_likes

if TYPE_CHECKING:
    from digest.edition import Letterhead, Renderer
    from digest.edition.speech import Speech
    from digest.pipeline import Desk, Draft, Progress
    from digest.ranking import Meanings
    from digest.ranking.metrics import Evaluation
    from digest.returns import InboxReport
    from digest.sending import Rules, SendReport, Ways
    from digest.store import SqlStore
    from digest.subscriptions import ImportReport

_HERE = Path(__file__).resolve().parent
#: beside the package in a wheel, at the top of a checkout
TEMPLATES = next(
    (p for p in (_HERE / "templates", _HERE.parent / "templates") if p.is_dir()), _HERE
)


#: by the kind in the configuration, whose other keys are the source's arguments
SOURCES: Mapping[str, Callable[..., NamedSource]] = {
    "arxiv": ArxivSource,
    "arxiv-query": ArxivQuerySource,
    "huggingface": HuggingFaceSource,
    "feed": FeedSource,
    "biorxiv": BiorxivSource,
    "openalex": OpenAlexSource,
    "crossref": CrossrefSource,
    "openreview": OpenReviewSource,
    "pubmed": PubMedSource,
    "europepmc": EuropePmcSource,
    "semantic-scholar": SemanticScholarSource,
}
#: sources whose service has keys, by the name of the key
KEYS = {"openalex": "openalex", "pubmed": "ncbi", "semantic-scholar": "semantic_scholar"}

#: a like in the configuration
Like = str | InlinePaper | ZoteroLikes | AuthorLikes | RecommendedLikes | FileLikes

#: gettext catalogues
LOCALE = _HERE / "locale"

#: stored papers that `evaluate` ranks hidden likes among
MAX_LISTED = 2_000


#: how workers are called that run a whole day, of which there is one at a time
RUNS = "run "
#: a mail server's pace is kept however many wait for it; a longer wait is a clock that went back
LONGEST_TURN = timedelta(hours=1)
#: a mail server in trouble is left alone at least so long
ROUTE_REST = timedelta(minutes=1)


def system_clock() -> datetime:
    return datetime.now(UTC)


def speeches() -> Mapping[str, Speech]:
    """The languages that the mail can be written in."""
    from digest.edition.speech import Speech

    found = {"en": Speech("en")}
    for po in sorted(LOCALE.glob("*/LC_MESSAGES/digest.po")):
        language = po.parent.parent.name
        found[language] = Speech(language, po.read_bytes())
    return found


def _quiet(_: str) -> None:
    pass


class NamedSource(Source, Protocol):
    """A source whose name the assembly may change, so that no two share one."""

    name: str


class App:
    """Everything a command needs, built when it is first asked for; close it with `with`."""

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self.settings, self.clock = settings, clock

    def __enter__(self) -> App:
        return self

    def __exit__(self, *exc: object) -> None:
        for name in ("store", "fetcher"):
            if name in self.__dict__:
                getattr(self, name).close()

    # --- adapters ------------------------------------------------------------------------------

    @cached_property
    def store(self) -> SqlStore:
        from digest.store import open_store

        return open_store(self.settings.store.where)

    @cached_property
    def fetcher(self) -> Fetcher:
        fetch = self.settings.fetch
        return Fetcher(
            contact=fetch.contact or parseaddr(self.settings.sender)[1],
            timeout_s=fetch.timeout_s,
            retries=fetch.retries,
            reserve=lambda host, s: self.store.reserve(host, self.clock(), s),
        )

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        built: list[NamedSource] = []
        for s in self.settings.sources:
            if isinstance(s, OpmlSettings):
                built += self._feeds(s)
                continue
            key = getattr(self.settings.keys, KEYS[s.kind]) if s.kind in KEYS else None
            secret = {"key": key.get_secret_value()} if key is not None else {}
            built.append(SOURCES[s.kind](self.fetcher, **s.model_dump(exclude={"kind"}), **secret))
        names: dict[str, int] = {}
        for source in built:  # two of a kind must not share their memory of listing days
            names[source.name] = names.get(source.name, 0) + 1
            if names[source.name] > 1:
                source.name = f"{source.name} {names[source.name]}"
        return tuple(built)

    def _feeds(self, settings: OpmlSettings) -> list[NamedSource]:
        from digest.library.opml import feeds

        try:
            found = feeds(settings.path)
        except LibraryError as error:
            raise ConfigError([str(error)]) from error
        return [
            FeedSource(
                self.fetcher,
                url=feed.url,
                name=feed.title,
                max_age_days=settings.max_age_days,
                allow_private=settings.allow_private,
            )
            for feed in found
        ]

    @cached_property
    def lookups(self) -> tuple[Lookup, ...]:
        """Who is asked for papers by their ids, in this order.

        arXiv's API is that of the first arXiv source, so that a mirror is asked for its own ids.
        """
        lookup, keys = self.settings.lookup, self.settings.keys
        found: dict[str, Callable[[], Lookup]] = {
            "arxiv": self._arxiv,
            "openalex": lambda: OpenAlexApi(
                self.fetcher,
                key=keys.openalex.get_secret_value(),
                base_url=lookup.openalex_url,
                allow_private=lookup.allow_private,
            ),
            "crossref": lambda: CrossrefApi(
                self.fetcher, base_url=lookup.crossref_url, allow_private=lookup.allow_private
            ),
            "semantic-scholar": self._semantic_scholar,
        }
        return tuple(found[service]() for service in lookup.services)

    def _arxiv(self) -> ArxivApi:
        for source in self.sources:
            if isinstance(source, ArxivSource | ArxivQuerySource):
                return source.api
        return ArxivApi(self.fetcher)

    def _semantic_scholar(self) -> SemanticScholarApi:
        lookup = self.settings.lookup
        return SemanticScholarApi(
            self.fetcher,
            key=self.settings.keys.semantic_scholar.get_secret_value(),
            base_url=lookup.semantic_scholar_url,
            allow_private=lookup.allow_private,
        )

    def transport(self) -> Transport:
        """The configured way out.

        Raises:
            ConfigError: there is none, or its password is missing.
        """
        if self.settings.maildir:
            from digest.delivery.maildir import MaildirTransport

            return MaildirTransport(self.settings.maildir.path)
        smtp = self.settings.smtp
        if smtp is None:
            raise ConfigError(
                [
                    "There is no way to send: the configuration has neither [smtp] nor [maildir]. "
                    "`digest preview` works without."
                ]
            )
        if smtp.fault:
            raise ConfigError([smtp.fault])
        from digest.delivery.smtp import SmtpTransport

        return SmtpTransport(
            host=smtp.host,
            port=smtp.effective_port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            timeout_s=smtp.timeout_s,
            messages_per_connection=smtp.messages_per_connection,
            pipelining=smtp.pipelining,
        )

    @property
    def rules(self) -> Rules:
        from digest.sending import Rules

        delivery = self.settings.delivery
        return Rules(
            resend_unknown=delivery.on_unknown == "resend",
            suppress_after=delivery.suppress_after,
            give_up_after=timedelta(hours=delivery.give_up_after_h),
        )

    def ways(self, most: int = 0, connections: int | None = None) -> Ways:
        """How mails leave, as configured.

        Args:
            most: mails to send at most; 0: all.
            connections: fewer than configured, if the others are somebody else's.
        """
        from digest.sending import Ways

        smtp, store = self.settings.smtp, self.store

        def take_turns(n: int, apart: float) -> float:
            return store.reserve(f"mail:{route}", self.clock(), apart, n, LONGEST_TURN)

        if smtp is None:  # a Maildir
            return Ways(alone=store.alone, lease=self.lease, most=most)
        route = f"{smtp.host}:{smtp.effective_port}"
        return Ways(
            connections=connections or smtp.connections,
            alone=store.alone,
            lease=self.lease,
            most=most,
            per_second=smtp.per_second,
            take_turns=take_turns,
        )

    @property
    def lease(self) -> timedelta:
        """How long a claimed mail stays a worker's own without a sign of life."""
        from digest.sending import LEASE

        return LEASE if self.store.alone else timedelta(seconds=self.settings.cluster.dead_after_s)

    @cached_property
    def letterhead(self) -> Letterhead:
        from digest.colour import Accent
        from digest.edition import Letterhead

        smtp = self.settings.smtp
        reply_to = (smtp.reply_to if smtp and smtp.reply_to else None) or self.settings.sender
        return Letterhead(
            title=self.settings.title,
            sender=self.settings.sender,
            reply_to=parseaddr(reply_to)[1],
            keys=self.store.keys,
            bounces_to=(smtp.bounces_to if smtp and smtp.bounces_to else ""),
            web_url=self.settings.web.url,
            accent=Accent.of(self.settings.mail.accent),
            thumbnails=self.settings.mail.thumbnails,
        )

    @cached_property
    def renderer(self) -> Renderer:
        """With the reader's own templates before ours; theirs find ours as "default/NAME"."""
        import jinja2

        from digest.edition import Renderer

        loaders: list[jinja2.BaseLoader] = [
            jinja2.FileSystemLoader(folder) for folder in self.template_folders()
        ]
        loaders.append(jinja2.PrefixLoader({"default": jinja2.FileSystemLoader(TEMPLATES)}))
        return Renderer(jinja2.ChoiceLoader(loaders), self.letterhead, speeches())

    def template_folders(self) -> tuple[Path, ...]:
        """In the order in which they are searched."""
        own = self.settings.mail.templates
        return (own, TEMPLATES) if own else (TEMPLATES,)

    def signer(self) -> Signer | None:
        """Signs with the configured DKIM key.

        Raises:
            ConfigError: the key cannot be used, or dkimpy is missing.
        """
        dkim = self.settings.mail.dkim
        if dkim is None:
            return None
        from digest.delivery.dkim import DkimSigner

        return DkimSigner(domain=dkim.domain, selector=dkim.selector, key_file=dkim.key_file)

    @cached_property
    def meanings(self) -> Meanings | None:
        """A local language model over the store, if one is configured."""
        ranking = self.settings.ranking
        if not ranking.semantic:
            return None
        from digest.embeddings import Embeddings
        from digest.encoder import SentenceEncoder

        return Embeddings(SentenceEncoder(ranking.semantic), self.store, self.clock)

    def desk(self) -> Desk:
        from digest.pipeline import Desk

        return Desk(
            store=self.store,
            sources=self.sources,
            renderer=self.renderer,
            clock=self.clock,
            transport=self.transport,
            worker=f"{RUNS}{socket.gethostname()}:{os.getpid()}",
            retention=timedelta(days=self.settings.store.retention_days),
            meanings=self.meanings,
            semantic_weight=self.settings.ranking.semantic_weight,
            rules=self.rules,
            # whoever runs the day holds the lock of all who do
            ways=replace(self.ways(), alone_among=RUNS),
            sign=self.signer(),
        )

    # --- people --------------------------------------------------------------------------------

    def sync_subscribers(self) -> tuple[Subscriber, ...]:
        """Bring the store in step with the file; returns the config's subscribers."""
        wanted = [subscriber_of(s, self.settings) for s in self.settings.subscribers]
        return self.store.sync_config_subscribers(wanted, self.clock())

    def sync_likes(
        self, subscribers: Sequence[Subscriber], progress: Progress = _quiet
    ) -> tuple[str, ...]:
        """Read and resolve the likes of the file; returns what could not be used, as sentences."""
        settings_by_email = {s.email.lower(): s for s in self.settings.subscribers}
        faults: list[str] = []
        wanted: dict[str, Wanted] = {}
        for s in subscribers:
            if settings := settings_by_email.get(s.email.lower()):
                wanted[s.id], wrong = self.wanted(settings)
                faults += wrong
        told = sync_likes(wanted, self.store, self.lookups, self.clock(), progress)
        return (*faults, *told)

    def subscriber(self, email: str) -> Subscriber:
        self.sync_subscribers()
        return find_subscriber(self.store, email)

    def profile(self, subscriber: Subscriber) -> tuple[Profile, tuple[tuple[str, float], ...]]:
        """What the ranking works with, and its top terms with their weight."""
        from digest.pipeline import BACKGROUND_PAPERS
        from digest.ranking import fit
        from digest.ranking.selection import build_profile

        now = self.clock()
        state = self.store.reader_state(subscriber.id, now.date())
        ages = [(now - at) / timedelta(days=1) for at in state.liked_at]
        profile = build_profile(subscriber, state.liked, state.disliked, ages)
        ranker = fit(self.store.background(BACKGROUND_PAPERS))
        ranker.prepare(())
        return profile, ranker.profile_terms(profile)

    def evaluate(
        self, only: Sequence[str] = (), progress: Progress = _quiet
    ) -> tuple[Evaluation, ...]:
        """For each subscriber, where hidden likes land among the stored listings."""
        from digest.pipeline import BACKGROUND_PAPERS
        from digest.ranking import fit
        from digest.ranking.metrics import evaluate
        from digest.ranking.selection import chance

        chosen = self._chosen(only)
        for warning in self.sync_likes(chosen):
            progress(warning)
        now = self.clock()
        background = self.store.background(BACKGROUND_PAPERS)
        listed = self.store.listed(MAX_LISTED)
        verdicts = []
        for subscriber in chosen:
            state = self.store.reader_state(subscriber.id, now.date())
            rated = {p.id for p in (*state.liked, *state.disliked)}
            papers = tuple(p for p in listed if p.id not in rated)
            others = tuple(p for p in background if p.id not in rated)
            verdicts.append(
                evaluate(
                    subscriber.email,
                    state.liked,
                    papers,
                    fit(others, self.meanings, self.settings.ranking.semantic_weight),
                    chance(subscriber, now.date()),
                )
            )
            progress(f"{subscriber.email}: done")
        return tuple(verdicts)

    def inbox(self) -> Inbox:
        """The configured mailbox.

        Raises:
            ConfigError: there is none.
            InboxError: it cannot be opened.
        """
        from digest.inbox.boxes import ImapBox, MaildirBox

        settings = self.settings.inbox
        if settings is None:
            raise ConfigError(
                ["There is no inbox: the configuration has no [inbox] (config.example.toml)."]
            )
        if settings.maildir:
            return MaildirBox(settings.maildir)
        if settings.fault:
            raise ConfigError([settings.fault])
        return ImapBox(
            host=settings.host,
            port=settings.effective_port,
            security=settings.security,
            username=settings.username,
            password=settings.password.get_secret_value(),
            folder=settings.folder,
        )

    def read_inbox(self, *, dry_run: bool = False) -> InboxReport:
        """Bounces, complaints and readers' actions that came by mail."""
        from digest.returns import read_inbox

        self.sync_subscribers()
        inbox = self.inbox()
        try:
            return read_inbox(
                inbox,
                self.store,
                self.store.keys,
                self.clock(),
                suppress_after=self.settings.delivery.suppress_after,
                dry_run=dry_run,
            )
        finally:
            inbox.close()

    def shelf(self, like: Like) -> Shelf:
        """What a like that names a place elsewhere is read from.

        Raises:
            LibraryError: it names none.
        """
        from digest.library import FileShelf
        from digest.library.zotero import Wanted as Items
        from digest.library.zotero import ZoteroShelf
        from digest.library.zotero_file import ZoteroFile

        lookup, keys = self.settings.lookup, self.settings.keys
        if isinstance(like, str):
            kind, _, rest = like.partition(":")
            if kind.lower() == "zotero":
                like = ZoteroLikes.model_construct(zotero=rest.strip("/"))
            elif kind.lower() in ("orcid", "author"):
                like = AuthorLikes.model_construct(author=rest)
            elif like.endswith(".sqlite"):
                like = ZoteroLikes.model_construct(zotero=like)
            else:
                return FileShelf(Path(like))
        if isinstance(like, FileLikes):
            return FileShelf(like.file, like.kind)
        if isinstance(like, AuthorLikes):
            api = OpenAlexApi(
                self.fetcher,
                key=keys.openalex.get_secret_value(),
                base_url=lookup.openalex_url,
                allow_private=lookup.allow_private,
            )
            return AuthorShelf(api, like.author, references=like.references, clock=self.clock)
        if isinstance(like, RecommendedLikes):
            return RecommendedShelf(
                self._semantic_scholar(), like.recommendations, clock=self.clock
            )
        assert isinstance(like, ZoteroLikes)
        if like.zotero.endswith(".sqlite"):
            items = Items(library="user", collections=like.collections, exclude=like.exclude)
            return ZoteroFile(Path(like.zotero), items)
        return ZoteroShelf(
            self.fetcher,
            Items.of(like.zotero, like.collections, like.exclude),
            key=keys.zotero.get_secret_value(),
            base_url=lookup.zotero_url,
            allow_private=lookup.allow_private,
        )

    def wanted(self, settings: SubscriberSettings) -> tuple[Wanted, tuple[str, ...]]:
        """What a subscriber likes as configured, and what of it names no place, as sentences."""
        own, elsewhere = _split(settings.likes)
        shelves: list[Shelf] = []
        faults: list[str] = []
        for like in elsewhere:
            try:
                shelves.append(self.shelf(like))
            except LibraryError as error:
                faults.append(f"A like of {settings.email} is not used: {error}")
        return Wanted(likes=own, shelves=tuple(shelves)), tuple(faults)

    def import_from(
        self,
        subscriber: Subscriber,
        shelf: Shelf,
        name: str = "",
        *,
        dry_run: bool = False,
        progress: Progress = _quiet,
    ) -> ImportReport | None:
        """Make what stands on a shelf likes of a reader, in place of what was imported under that
        name before; None if nothing has changed since then.

        Raises:
            LibraryError: the shelf cannot be read.
        """
        from digest.subscriptions import import_likes

        return import_likes(
            self.store,
            self.lookups,
            subscriber,
            shelf,
            name or shelf.name,
            self.clock(),
            dry_run=dry_run,
            progress=progress,
        )

    # --- the main jobs -------------------------------------------------------------------------

    def run(
        self,
        *,
        day: date | None = None,
        only: Sequence[str] = (),
        readers: Sequence[Subscriber] | None = None,
        dry_run: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        progress: Progress = _quiet,
    ) -> DayReport | None:
        """Fetch to delivered. None if another process is at it, which will do the work.

        Args:
            only: addresses; nobody named: everybody.
            readers: who it is for, if that is known already; nobody: only send what is due.

        Raises:
            ConfigError: there is no way to send.
            UnknownSubscriber: `only` names nobody.
        """
        if not dry_run:
            self.transport()  # a missing way out is told before the work, not after
        with self.store.exclusive() as alone:
            if not alone:
                return None
            with self._watched(dry_run) as tell_report:
                return tell_report(self._run(day, only, readers, dry_run, should_stop, progress))

    def wait_for_mails(
        self,
        report: DayReport,
        patience: timedelta,
        *,
        sleep: Callable[[float], None] = time.sleep,
        progress: Progress = _quiet,
    ) -> DayReport:
        """After a run: try what was deferred, at its time, until it is settled or patience ends."""
        from digest.pipeline import with_latest_states

        store, deadline, rest = self.store, self.clock() + patience, ROUTE_REST
        while (due := store.next_delivery()) is not None:
            now = self.clock()
            # What is ready was left by a route that failed: it rests for growing whiles, since a
            # wrong password tried every minute locks an account.
            due, rest = max(due, now + rest), rest * 2
            if due > deadline:
                break
            progress(f"waiting until {due:%H:%M} UTC for mails that were put off")
            sleep((due - now).total_seconds())
            self.run(readers=(), progress=progress)
        return with_latest_states(report, store, store.subscribers(), self.clock())

    def _run(
        self,
        day: date | None,
        only: Sequence[str],
        readers: Sequence[Subscriber] | None,
        dry_run: bool,
        should_stop: Callable[[], bool],
        progress: Progress,
    ) -> DayReport:
        from digest.pipeline import run_day

        chosen = self._chosen(only) if readers is None else readers
        warnings = (*self.sync_likes(chosen), *_unused(chosen))
        return run_day(
            self.desk(),
            chosen,
            day=day,
            dry_run=dry_run,
            warnings=warnings,
            should_stop=should_stop,
            progress=progress,
        )

    @contextmanager
    def _watched(self, dry_run: bool) -> Iterator[Callable[[DayReport], DayReport]]:
        """The dead man's ping around a run; a crash is told too."""
        from digest.monitor.ping import Ping

        ping = Ping(self.fetcher, "" if dry_run else self.settings.monitor.ping_url)
        ping.start()

        def tell(report: DayReport) -> DayReport:
            ping.done(failed=report.failed)
            return report

        try:
            yield tell
        except Exception:
            ping.done(failed=True)
            raise

    def _chosen(self, only: Sequence[str]) -> tuple[Subscriber, ...]:
        """Those named, or everybody: in the file's order, then who joined elsewhere."""
        listed = self.sync_subscribers()
        if only:
            return tuple(find_subscriber(self.store, email) for email in only)
        known = {s.id for s in listed}
        return (*listed, *(s for s in self.store.subscribers() if s.id not in known))

    def gather(self, subscribers: Sequence[Subscriber]) -> DayReport:
        """Fetch for these readers and bring their likes up to date; the report is stored."""
        from digest.pipeline import fetch

        with self._watched(dry_run=False) as tell_report:
            started = self.clock()
            warnings = (*self.sync_likes(subscribers), *_unused(subscribers))
            sources = fetch(self.sources, self.store, now=started)
            report = DayReport(
                started_at=started,
                finished_at=self.clock(),
                sources=sources,
                warnings=warnings,
            )
            self.store.record_run(report)
            return tell_report(report)

    def send(
        self, *, worker: str, ways: Ways, should_stop: Callable[[], bool] = lambda: False
    ) -> SendReport:
        """Send what is due; see `sending.send_due`."""
        from digest.sending import send_due

        return send_due(
            self.store,
            self.transport,
            worker=worker,
            clock=self.clock,
            rules=self.rules,
            ways=ways,
            should_stop=should_stop,
        )

    def purge(self) -> None:
        """Forget what nobody needs any more."""
        from digest.pipeline import BODIES_KEPT

        now = self.clock()
        self.store.purge(
            now - timedelta(days=self.settings.store.retention_days), now - BODIES_KEPT
        )

    def fetch(self, progress: Progress = _quiet) -> tuple[str, ...]:
        """Bring the store up to date; returns what went wrong on the way."""
        from digest.pipeline import fetch

        reports = fetch(self.sources, self.store, now=self.clock(), progress=progress)
        return tuple(f"{r.source}: {r.fault}" for r in reports if r.fault)

    def drafts(
        self,
        *,
        day: date | None = None,
        only: Sequence[str] = (),
        stored: bool = False,
        progress: Progress = _quiet,
    ) -> tuple[Mapping[str, Draft], tuple[str, ...]]:
        """What each subscriber would get, whatever their weekday, and what went wrong on the way.

        Fetches, and stores what it fetched, unless only what is `stored` is wanted; plans and
        sends nothing.
        """
        from digest import schedule
        from digest.pipeline import fetch

        chosen = self._chosen(only)
        warnings = list(self.sync_likes(chosen))
        now = self.clock()
        asked = () if stored else self.sources
        reports = fetch(asked, self.store, now=now, until=day, progress=progress)
        warnings += [f"{r.source}: {r.fault}" for r in reports if r.fault]
        editor = self.desk().editor(now, day or (now + timedelta(hours=14)).date(), reports)
        return {
            s.email: editor.draft(s, day or schedule.edition_date(s, now)) for s in chosen
        }, tuple(warnings)


def _unused(readers: Sequence[Subscriber]) -> tuple[str, ...]:
    """What of the readers' filters is not used, as sentences."""
    from digest.ranking.filters import unused_terms

    return tuple(f"A filter of {s.email}: {told}" for s in readers for told in unused_terms(s))


def subscriber_of(s: SubscriberSettings, settings: Settings, origin: str = "config") -> Subscriber:
    """A subscriber's own settings over the common ones."""
    own, common = s.schedule, settings.schedule
    return Subscriber(
        id="",
        email=s.email,
        name=s.name,
        timezone=own.timezone or common.timezone,
        send_at=own.time or common.time,
        wait_until=own.wait_until or common.wait_until,
        weekdays=tuple(sorted(set(own.weekdays or common.weekdays))),
        edition_size=s.length or settings.length,
        trending_size=settings.trending if s.trending is None else s.trending,
        categories=s.categories,
        keywords=s.keywords,
        followed_authors=s.authors,
        muted_terms=s.muted,
        required_terms=s.required,
        muted_authors=s.muted_authors,
        followed_affiliations=s.affiliations,
        muted_affiliations=s.muted_affiliations,
        languages=s.languages,
        journal_versions=s.journal_versions,
        min_upvotes=s.min_upvotes,
        announce_types=s.announce_types,
        min_score=settings.min_score if s.min_score is None else s.min_score,
        on_empty=s.on_empty or settings.on_empty,
        variety=settings.ranking.variety,
        n_explore=settings.ranking.explore,
        half_life_days=settings.ranking.half_life_days,
        language=s.language or settings.mail.language,
        reserved=tuple(s.reserved.items()),
        state=SubscriberState.PAUSED if s.paused else SubscriberState.ACTIVE,
        origin=origin,
    )


def _split(likes: Sequence[Like]) -> tuple[Likes, list[Like]]:
    """What stands in the file itself, and what names a place elsewhere."""
    refs: list[str] = []
    papers: list[Paper] = []
    elsewhere: list[Like] = []
    for like in likes:
        if isinstance(like, InlinePaper):
            papers.append(inline_paper(like.title, like.abstract))
        elif isinstance(like, str) and not is_library(like) and not _is_shelf(like):
            refs.append(like)
        else:
            elsewhere.append(like)
    return Likes(refs=tuple(refs), papers=tuple(papers)), elsewhere


def _is_shelf(like: str) -> bool:
    return like.lower().startswith(("zotero:", "orcid:", "author:"))
