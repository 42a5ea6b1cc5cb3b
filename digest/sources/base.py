"""What all kinds of sources share: how they stand in the configuration, and how they are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import StrictBool, StrictStr

from digest.fetcher import Fetcher
from digest.fields import Table
from digest.model import Listing
from digest.ports import FetchRequest

#: the key of a service, by its name; empty if there is none
KeyOf = Callable[[str], str]


def ask_json(fetcher: Fetcher, url: str, *, allow_private: bool, interval_s: float) -> bytes:
    """The answer of a service that speaks JSON, at its pace.

    Raises:
        SourceError: it did not answer.
    """
    got = fetcher.get(
        url, accept="application/json", allow_private=allow_private, min_interval_s=interval_s
    )
    return got.body


class BaseSource(ABC):
    """A place where new papers are listed; see `ports.Source`."""

    #: how mails and reports call it; the assembly may change it, so that no two share one
    name: str
    #: it is told what readers liked lately
    uses_likes = False

    @abstractmethod
    def fetch(self, request: FetchRequest) -> Listing: ...


class SourceSettings(Table):
    """The [[sources]] table of one kind; the kind is a field `kind` of one literal."""

    #: it may stand on a private or loopback address
    allow_private: StrictBool = False

    def options(self) -> dict[str, Any]:
        """All of it but the kind: what the source's constructor takes."""
        return self.model_dump(exclude={"kind"})

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> Sequence[BaseSource]:
        """The sources that the table stands for."""
        raise NotImplementedError


class NamedSourceSettings(SourceSettings):
    """The table of a kind whose tables are one source each."""

    name: StrictStr = ""
