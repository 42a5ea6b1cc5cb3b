"""The assembly: from settings to objects. The only place that knows adapters and settings both,
and the one that reads the clock. What is done with the objects stands in `jobs` and `usecases`."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest.config import Settings, secrets_of
from digest.fetcher import Fetcher
from digest.languages import LOCALE, known_languages
from digest.mail import MailParts
from digest.model import SourceReport, Subscriber
from digest.monitor.logs import handler
from digest.ports import Clock, Lookup, Source
from digest.sources.arxiv import ArxivQuerySource, ArxivSource
from digest.sources.arxiv_api import ArxivApi
from digest.sources.crossref import CrossrefApi
from digest.sources.europepmc import EuropePmcApi
from digest.sources.openalex import OpenAlexApi
from digest.sources.registry import build_sources
from digest.sources.semantic_scholar import SemanticScholarApi

if TYPE_CHECKING:
    from digest.edition import Renderer
    from digest.edition.speech import Speech
    from digest.ranking import Embed, RankingOptions
    from digest.store import Store
    from digest.usecases.compose import Addition
    from digest.usecases.day import RunContext
    from digest.usecases.parallel import Helpers
    from digest.usecases.plan import Decisions
    from digest.usecases.summaries import Summaries

_HERE = Path(__file__).resolve().parent
#: beside the package in a wheel, at the top of a checkout
TEMPLATES = next(
    (p for p in (_HERE / "templates", _HERE.parent / "templates") if p.is_dir()), _HERE
)
#: that choose and compose unless somebody says otherwise; each takes some 300 MB
MOST_PROCESSES = 8
#: how workers are called that run a whole day, of which there is one at a time
RUNS = "run "


def system_clock() -> datetime:
    return datetime.now(UTC)


def speeches() -> Mapping[str, Speech]:
    """The languages that mails and pages can be written in."""
    return _Speeches()


class _Speeches(Mapping[str, "Speech"]):
    """By language; a catalogue is read when its language is first asked for."""

    def __init__(self) -> None:
        self._read: dict[str, Speech] = {}

    def __getitem__(self, language: str) -> Speech:
        from digest.edition.speech import ENGLISH, Speech

        if language == ENGLISH.language:
            return ENGLISH
        if language not in self._read:
            if language not in known_languages():
                raise KeyError(language)
            po = LOCALE / language / "LC_MESSAGES" / "digest.po"
            self._read[language] = Speech(language, po.read_bytes())
        return self._read[language]

    def __iter__(self) -> Iterator[str]:
        return iter(known_languages())

    def __len__(self) -> int:
        return len(known_languages())


class App:
    """The parts of one installation, built when they are first asked for; close it with `with`."""

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self.settings, self.clock = settings, clock

    def __enter__(self) -> App:
        return self

    def __exit__(self, *exc: object) -> None:
        for name in ("store", "fetcher"):
            if name in self.__dict__:
                getattr(self, name).close()

    @cached_property
    def store(self) -> Store:
        from digest.store import open_store

        return open_store(self.settings.store.where)

    @cached_property
    def fetcher(self) -> Fetcher:
        fetch = self.settings.fetch
        return Fetcher(
            contact=fetch.contact or parseaddr(self.settings.sender)[1],
            timeout_s=fetch.timeout_s,
            retries=fetch.retries,
            proxy=fetch.proxy,
            reserve=lambda host, s: self.store.rate_limits.acquire(host, self.clock(), s),
        )

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        return build_sources(self.settings.sources, self.fetcher, self.settings.keys.get)

    @cached_property
    def lookups(self) -> tuple[Lookup, ...]:
        """Who is asked for papers by their ids, in this order."""
        lookup = self.settings.lookup
        known: dict[str, Callable[[], Lookup]] = {
            "arxiv": self._arxiv,
            "openalex": self.openalex,
            "crossref": lambda: CrossrefApi(
                self.fetcher, base_url=lookup.crossref_url, allow_private=lookup.allow_private
            ),
            "semantic-scholar": self.semantic_scholar,
            "europepmc": lambda: EuropePmcApi(
                self.fetcher, base_url=lookup.europepmc_url, allow_private=lookup.allow_private
            ),
        }
        return tuple(known[service]() for service in lookup.services)

    def _arxiv(self) -> ArxivApi:
        """That of the first arXiv source, so that a mirror is asked for its own ids."""
        for source in self.sources:
            if isinstance(source, ArxivSource | ArxivQuerySource):
                return source.api
        return ArxivApi(self.fetcher)

    def openalex(self) -> OpenAlexApi:
        lookup = self.settings.lookup
        return OpenAlexApi(
            self.fetcher,
            key=self.settings.keys.get("openalex"),
            base_url=lookup.openalex_url,
            allow_private=lookup.allow_private,
        )

    def semantic_scholar(self) -> SemanticScholarApi:
        lookup = self.settings.lookup
        return SemanticScholarApi(
            self.fetcher,
            key=self.settings.keys.get("semantic_scholar"),
            base_url=lookup.semantic_scholar_url,
            allow_private=lookup.allow_private,
        )

    @cached_property
    def mail(self) -> MailParts:
        return MailParts(self.settings, lambda: self.store, self.clock)

    # --- editions ------------------------------------------------------------------------------

    @cached_property
    def renderer(self) -> Renderer:
        """With the reader's own templates before ours; theirs find ours as "default/NAME"."""
        import jinja2

        from digest.edition import Renderer

        loaders: list[jinja2.BaseLoader] = [
            jinja2.FileSystemLoader(folder) for folder in self.template_folders()
        ]
        loaders.append(jinja2.PrefixLoader({"default": jinja2.FileSystemLoader(TEMPLATES)}))
        return Renderer(jinja2.ChoiceLoader(loaders), self.mail.letterhead, speeches())

    def template_folders(self) -> tuple[Path, ...]:
        """In the order in which they are searched."""
        own = self.settings.mail.templates
        return (own, TEMPLATES) if own else (TEMPLATES,)

    @property
    def ranking_options(self) -> RankingOptions:
        from digest.ranking import RankingOptions

        ranking = self.settings.ranking
        found = RankingOptions(
            half_life_days=ranking.half_life_days,
            variety=ranking.variety,
            n_explore=ranking.explore,
            semantic_weight=ranking.semantic_weight,
        )
        if ranking.rival is None:
            return found
        return replace(found, rival=replace(found, **ranking.rival.model_dump(exclude_none=True)))

    @cached_property
    def embed(self) -> Embed | None:
        """A local language model over the store, if one is configured."""
        model = self.settings.ranking.semantic
        if not model:
            return None
        from digest.embeddings import Embeddings
        from digest.encoder import encoder_of

        return Embeddings(encoder_of(model), self.store.embeddings, self.clock)

    def _additions(self, asks: bool) -> list[Addition]:
        """What is added to picks: summaries by a model, and pictures."""
        found: list[Addition] = []
        if self.settings.summary:
            found.append(self._summaries(asks))
        if self.settings.mail.thumbnails:
            from digest.thumbnails import ThumbnailMaker
            from digest.usecases.pictures import Pictures

            private = {
                urlsplit(getattr(s, "base_url", "")).netloc
                for s in self.settings.sources
                if getattr(s, "allow_private", False)
            }
            maker = ThumbnailMaker(self.fetcher, self.store.thumbnails, private)
            found.append(Pictures(maker, self.clock, asks=asks))
        return found

    def _summaries(self, asks: bool) -> Summaries:
        """What [summary] configures; there must be one."""
        from digest.summary_writer import ChatWriter
        from digest.usecases.summaries import Summaries, SummaryOptions

        chosen = self.settings.summary
        assert chosen is not None
        writer = ChatWriter(
            chosen.base_url,
            chosen.model,
            key=self.settings.keys.get("summary"),
            timeout_s=chosen.timeout_s,
        )
        options = SummaryOptions(
            language=chosen.language,
            budget_per_day=chosen.budget_per_day,
            deadline_s=chosen.deadline_s,
        )
        return Summaries(self.store, writer, options, self.clock, asks=asks)

    def context(self) -> RunContext:
        from digest.usecases.day import RunContext

        return RunContext(
            store=self.store,
            sources=self.sources,
            lookups=self.lookups,
            renderer=self.renderer,
            clock=self.clock,
            channel=self.mail.channel,
            worker=f"{RUNS}{socket.gethostname()}:{os.getpid()}",
            retention=timedelta(days=self.settings.store.retention_days),
            ranking=self.ranking_options,
            groups=tuple(g.group() for g in self.settings.groups),
            additions=self._additions,
            embed=self.embed,
            helpers=self._helpers,
            policy=self.mail.retry_policy,
            # whoever runs the day holds the lock of all who do
            sending=self.mail.send_options(alone_among=RUNS),
        )

    def _helpers(
        self, now: datetime, until: date | None, sources: Sequence[SourceReport]
    ) -> Helpers[Decisions] | None:
        """Processes that decide, too; none where something is asked for by one for all."""
        from digest.usecases.parallel import Helpers, n_cores

        wanted = self.settings.ranking.processes or min(n_cores(), MOST_PROCESSES)
        if wanted < 2 or self._additions(False):
            return None
        return Helpers(n=wanted - 1, recipe=Decider(self.settings, now, until, tuple(sources)))


@dataclass(frozen=True, slots=True)
class Decider:
    """Makes in another process what decides blocks of readers."""

    settings: Settings
    now: datetime
    until: date | None
    sources: tuple[SourceReport, ...]

    def __call__(self) -> Callable[[Sequence[Subscriber]], Decisions]:
        from digest.usecases.plan import decide

        told = handler(self.settings.monitor.log_format, secrets_of(self.settings))
        logging.basicConfig(level=logging.WARNING, handlers=[told])
        app = App(self.settings, clock=lambda: self.now)
        composer = app.context().composer(self.now, self.until, self.sources)

        def decided(block: Sequence[Subscriber]) -> Decisions:
            found = decide(composer, app.store, block, now=self.now, day=self.until)
            # what was rendered is large, and stands in the message
            light = tuple(replace(p, rendered=None) for p in found.planned)
            return replace(found, planned=light)

        return decided
