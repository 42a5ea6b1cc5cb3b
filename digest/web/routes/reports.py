"""Reports of mail providers: POST /reports/PROVIDER, which its secret switches on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digest.channels.email.reports import (
    BrevoReports,
    GenericReports,
    MailgunReports,
    PostmarkReports,
    ReportReader,
    ReportRefused,
)
from digest.channels.email.reports_signed import SendgridReports, SesReports
from digest.config.mail import ReportSettings
from digest.distribution import missing
from digest.errors import ConfigError, DigestError, SourceError
from digest.usecases.inbound import apply_reports
from digest.web.context import WebContext
from digest.web.routes.common import POST

log = logging.getLogger(__name__)

PATH = "/reports/"


class ReportRoutes:
    """Where providers tell of bounces, complaints and unsubscriptions."""

    def __init__(self, web: WebContext) -> None:
        self._web = web
        self._readers = readers_of(web.settings.reports, self._get)

    def routes(self) -> list[Route]:
        return [Route(f"{PATH}{{provider}}", self.take, methods=POST)] if self._readers else []

    def _get(self, url: str) -> bytes:
        """Ask Amazon.

        Raises:
            ReportRefused: it does not answer.
        """
        try:
            return self._web.app.fetcher.get(url, max_bytes=100_000).body
        except SourceError as error:
            raise ReportRefused(str(error)) from error

    async def take(self, request: Request) -> Response:
        """204 if it was read; a fault of ours is a 5xx, so that the provider says it again."""
        provider = request.path_params["provider"]
        reader = self._readers.get(provider)
        if reader is None:
            return JSONResponse({"fault": "This provider is not configured."}, status_code=404)
        body = await request.body()
        headers = {k.lower(): v for k, v in request.headers.items()}
        try:
            told = await run_in_threadpool(self._apply, reader, headers, body)
        except ReportRefused as error:
            log.warning("reports.refused provider=%s error=%s", provider, error)
            return JSONResponse({"fault": str(error)}, status_code=403)
        except DigestError as error:
            log.error("reports.failed provider=%s error=%s", provider, error)
            return JSONResponse({"fault": "Try again later."}, status_code=503)
        log.info("reports.read provider=%s n=%d", provider, len(told))
        return Response(status_code=204)

    def _apply(self, reader: ReportReader, headers: dict[str, str], body: bytes) -> list[str]:
        web, now = self._web, self._web.now()
        reports = reader.read(headers, body, now)
        after = web.settings.delivery.suppress_after
        return apply_reports(reports, web.store, now, suppress_after=after)


def readers_of(settings: ReportSettings, get: Callable[[str], bytes]) -> dict[str, ReportReader]:
    """Those whose secret is there, by the name in their address.

    Raises:
        ConfigError: cryptography is missing.
    """
    if (settings.sns_topics or settings.sendgrid.get_secret_value()) and not find_spec(
        "cryptography"
    ):
        raise ConfigError([missing("[reports] of SES or SendGrid", "cryptography", "reports")])
    secrets = {name: getattr(settings, name).get_secret_value() for name in _BY_SECRET}
    found: dict[str, ReportReader] = {
        name: _BY_SECRET[name](secret) for name, secret in secrets.items() if secret
    }
    if settings.sns_topics:
        found["ses"] = SesReports(settings.sns_topics, get)
    return found


_BY_SECRET: dict[str, Callable[[str], ReportReader]] = {
    "brevo": BrevoReports,
    "generic": GenericReports,
    "mailgun": MailgunReports,
    "postmark": PostmarkReports,
    "sendgrid": SendgridReports,
}
