"""Figures for Prometheus, read from the database when they are asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from digest.distribution import missing
from digest.errors import ConfigError, DigestError
from digest.usecases import rates

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from digest.app import App

log = logging.getLogger(__name__)

#: domains that have figures of their own
LARGEST_DOMAINS = 20


class Figures:
    """A collector: `collect` is called for every scrape."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        store = self._app.store
        up = GaugeMetricFamily("digest_up", "Whether the database can be read.")
        try:
            counts = store.history.counts()
            people = store.subscribers.counts()
            runs = store.runs.latest(1)
            papers = store.counts()["papers"]
        except DigestError as error:
            log.error("metrics.failed error=%s", error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        mails = GaugeMetricFamily("digest_mails", "Mails in the journal.", labels=["state"])
        for state, n in counts.items():
            mails.add_metric([state], n)
        yield mails
        yield from self._traffic()
        readers = GaugeMetricFamily("digest_subscribers", "Subscribers.", labels=["state"])
        for state, n in sorted(people.items()):
            readers.add_metric([state], n)
        yield readers
        yield GaugeMetricFamily("digest_papers", "Papers in the database.", value=papers)
        if not runs:
            return
        last = runs[0]
        yield GaugeMetricFamily(
            "digest_last_run_timestamp_seconds",
            "When the last run ended.",
            value=last.finished_at.timestamp(),
        )
        yield GaugeMetricFamily(
            "digest_last_run_failed", "Whether somebody should look.", value=float(last.failed)
        )
        seconds = (last.finished_at - last.started_at).total_seconds()
        yield GaugeMetricFamily("digest_last_run_seconds", "How long it took.", value=seconds)
        found = GaugeMetricFamily(
            "digest_source_papers", "Papers of a source in the last run.", labels=["source"]
        )
        complete = GaugeMetricFamily(
            "digest_source_complete", "Whether a source was read whole.", labels=["source"]
        )
        for source in last.sources:
            found.add_metric([source.source], source.n_fetched)
            complete.add_metric([source.source], float(source.complete))
        yield found
        yield complete

    def _traffic(self) -> Iterator[Metric]:
        """What went to the largest domains and came back, within a week."""
        from prometheus_client.core import GaugeMetricFamily

        now = self._app.clock()
        found = rates.traffic(self._app.store, now)
        shown = (*found[:LARGEST_DOMAINS], rates.total_of(found))
        texts = {
            "sent": "Mails sent within a week.",
            "bounced": "Mails refused for good within a week.",
            "complaints": "Complaints within a week.",
        }
        for name, text in texts.items():
            family = GaugeMetricFamily(f"digest_week_{name}", text, labels=["domain"])
            for domain in shown:
                family.add_metric([domain.domain], getattr(domain, f"n_{name}"))
            yield family
        why = rates.paused_because(self._app.store, now, self._app.mail.retry_policy)
        yield GaugeMetricFamily(
            "digest_sending_paused", "Whether bounces or complaints paused it.", value=bool(why)
        )


def serve_metrics(app: App, port: int) -> int:
    """Answer /metrics at [monitor] metrics_host, in a thread of its own; returns the port.

    Raises:
        ConfigError: prometheus-client is missing, or the port is taken.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise ConfigError(
            [missing("[monitor] metrics_port", "prometheus-client", "metrics")]
        ) from error
    registry = CollectorRegistry()
    registry.register(Figures(app))
    try:
        server, _ = start_http_server(
            port, addr=app.settings.monitor.metrics_host, registry=registry
        )
    except OSError as error:
        raise ConfigError(
            [
                f"[monitor] metrics_port: {port} cannot be used: {error.strerror}. A second worker "
                "on this machine takes another: digest worker --metrics-port"
            ]
        ) from error
    return int(server.server_port)
