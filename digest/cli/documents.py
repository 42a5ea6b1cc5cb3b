"""What commands print with --json. The models are the schemas, too: `digest schema COMMAND`.

A document only grows within a major version: keys are added, none is renamed or dropped.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, Field, RootModel

from digest.model import ClusterStatus, DomainTraffic, HistoryEntry, RunRecord, StrikeEntry


class SubscriberStatus(BaseModel):
    """A subscriber and what happened on the latest dates."""

    email: str
    name: str
    state: str
    timezone: str
    next_due: datetime | None
    n_likes: int
    n_dislikes: int
    strikes: tuple[StrikeEntry, ...]
    history: tuple[HistoryEntry, ...]


class StatusDocument(BaseModel):
    """`digest status`."""

    now: datetime
    #: the path or address without a password, and how many of each kind of record
    store: dict[str, str | int]
    #: mails by state
    mails: dict[str, int]
    #: of the last seven days, by domain
    week: tuple[DomainTraffic, ...]
    #: why nothing is sent; empty if it is
    paused: str
    subscribers: tuple[SubscriberStatus, ...]
    #: of PostgreSQL alone
    cluster: ClusterStatus | None
    runs: tuple[RunRecord, ...]


class DeliveryRow(BaseModel):
    """A mail, its state and the server's answer."""

    email: str
    date: date
    kind: str
    state: str
    attempts: int
    doubts: int
    planned_at: datetime | None
    settled_at: datetime | None
    next_at: datetime | None
    reply: str
    message_id: str


class DeliveriesDocument(BaseModel):
    """`digest deliveries`."""

    #: mails by state, all of them
    counts: dict[str, int]
    deliveries: tuple[DeliveryRow, ...]


class SubscriberRow(BaseModel):
    """A reader and what came of the latest date."""

    email: str
    state: str
    #: "config" or "web"
    origin: str = Field(serialization_alias="from")
    time: str
    date: date | None
    outcome: str | None
    detail: str
    trouble: bool


class SubscribersDocument(RootModel[tuple[SubscriberRow, ...]]):
    """`digest subscribers list`."""


class Verdict(StrEnum):
    """How it is with what was looked at."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


class Finding(BaseModel):
    """One thing that was looked at, and what was found."""

    part: str
    verdict: Verdict
    text: str


class CheckDocument(BaseModel):
    """`digest check` and `digest doctor`."""

    n_faults: int
    findings: tuple[Finding, ...]


def written(document: BaseModel) -> str:
    """A document as it is printed."""
    return document.model_dump_json(indent=2, by_alias=True)


def schema(document: type[BaseModel]) -> str:
    """The JSON Schema (2020-12) of a document."""
    return json.dumps(document.model_json_schema(mode="serialization"), indent=2)


#: by the words of the command
DOCUMENTS: dict[str, type[BaseModel]] = {
    "check": CheckDocument,
    "deliveries": DeliveriesDocument,
    "doctor": CheckDocument,
    "status": StatusDocument,
    "subscribers list": SubscribersDocument,
}
