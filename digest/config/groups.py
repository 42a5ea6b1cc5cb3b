"""Readers who see what the others like: a lab, a journal club."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictStr

from digest.fields import Address, Table, Weekday
from digest.model import Group


class GroupSettings(Table):
    """A group; each of its members decides whether they take part (`share_likes`)."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    #: addresses of subscribers, wherever they subscribed
    members: Annotated[tuple[Address, ...], Field(min_length=2)]
    #: on which mails bring what the others liked in the week
    weekday: Weekday = 4

    def group(self) -> Group:
        members = frozenset(m.lower() for m in self.members)
        return Group(name=self.name, members=members, weekday=self.weekday)
