"""What a reader may choose: the one list that configuration, web form, store and docs are made of.

A preference is a field of `Preferences`. Its name is the key in config.toml and in the form; its
`Choice` says what it is called, what it does, and how a form asks for it. To add one, add it here,
and the rule that it stands for where that is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr

from digest.fields import (
    STORED,
    WEEKDAYS,
    AnnounceType,
    LanguageCode,
    Length,
    Papers,
    Share,
    Table,
    Terms,
    TimeOfDay,
    Timezone,
    Weekdays,
    Words,
)
from digest.languages import N_, check_language, names

#: of the mail and of the pages that it leads to
Language = Annotated[StrictStr, AfterValidator(check_language)]


@dataclass(frozen=True, slots=True)
class Choice:
    """How a preference is presented."""

    label: str
    #: what it does, in a few words
    help: str = ""
    #: the part of the form that it belongs to; empty: it is set in the configuration alone
    group: str = field(default="", kw_only=True)
    #: text, time, timezone, weekdays, number, decimal, select, checkbox, words, lines (one a line),
    #: interests
    widget: str = "text"
    #: of a select: each value and what it is called
    options: Mapping[str, str] = field(default_factory=dict)
    #: of lines: rows that are shown
    rows: int = 3
    #: of lines: commas part things, too
    commas: bool = False


WHEN, AMOUNT, WANTED, UNWANTED = (
    N_("When"),
    N_("How much"),
    N_("What you are interested in"),
    N_("What you do not want"),
)


class Schedule(Table):
    """When the mail goes out, in the reader's own time."""

    time: Annotated[
        TimeOfDay,
        Choice(N_("Time of day"), N_("When the mail goes out"), group=WHEN, widget="time"),
    ] = time(7, 30)
    timezone: Annotated[
        Timezone, Choice(N_("Time zone"), N_("An IANA name"), group=WHEN, widget="timezone")
    ] = "UTC"
    weekdays: Annotated[
        Weekdays, Choice(N_("Days"), N_("When mail goes out at all"), group=WHEN, widget="weekdays")
    ] = (0, 1, 2, 3, 4, 5, 6)
    wait_until: Annotated[
        TimeOfDay | None,
        Choice(
            N_("Wait until"), N_("When a late listing is no longer waited for; none: at midnight")
        ),
    ] = None


#: interests of one reader
MOST_INTERESTS = 12


class Interest(Table):
    """An interest with a name, and a section of its own in the mail."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    keywords: Words = ()
    #: names of imports whose likes belong to it
    libraries: Words = ()
    places: Annotated[StrictInt, Field(ge=1, le=50)] = 3
    #: when it comes; what was listed in between comes with it
    weekdays: Weekdays = (0, 1, 2, 3, 4, 5, 6)
    #: every match is listed, however many places that takes
    all: StrictBool = False


_Named = TypeVar("_Named", bound=Interest)


def check_names(interests: tuple[_Named, ...]) -> tuple[_Named, ...]:
    """The same; two of one name could not be told apart."""
    names = [i.name.casefold() for i in interests]
    if twice := next((i.name for i in interests if names.count(i.name.casefold()) > 1), ""):
        raise ValueError(f"two interests are called {twice}; give each a name of its own")
    return interests


class Wishes(Table):
    """What the mail holds."""

    name: Annotated[StrictStr, Choice(N_("Your name"), group=WHEN)] = ""
    length: Annotated[
        Length, Choice(N_("Most papers in a mail"), group=AMOUNT, widget="number")
    ] = 12
    trending: Annotated[
        Papers, Choice(N_("Most of those in “Trending”"), group=AMOUNT, widget="number")
    ] = 3
    min_score: Annotated[
        Share,
        Choice(
            N_("Bar for “For you”"),
            N_(
                "From 0 to 1: what scores lower is not sent, even if it is close to what you "
                "liked; 0: what is close decides"
            ),
            group=AMOUNT,
            widget="decimal",
        ),
    ] = 0.0
    fill: Annotated[
        StrictBool,
        Choice(
            N_("Fill every mail"),
            N_("Also with papers that are not close to what you liked"),
            group=AMOUNT,
            widget="checkbox",
        ),
    ] = False
    on_empty: Annotated[
        Literal["nothing", "note"],
        Choice(
            N_("On a day without papers"),
            group=AMOUNT,
            widget="select",
            options={"nothing": N_("nothing comes"), "note": N_("a short note says why")},
        ),
    ] = "nothing"
    reading_day: Annotated[
        Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        Choice(
            N_("What you keep for later comes back on"),
            group=AMOUNT,
            widget="select",
            options={
                "mon": N_("Monday"),
                "tue": N_("Tuesday"),
                "wed": N_("Wednesday"),
                "thu": N_("Thursday"),
                "fri": N_("Friday"),
                "sat": N_("Saturday"),
                "sun": N_("Sunday"),
            },
        ),
    ] = "fri"
    language: Annotated[
        Language,
        Choice(
            N_("Language"),
            group=AMOUNT,
            widget="select",
            options=names(),
        ),
    ] = "en"
    keywords: Annotated[
        Words,
        Choice(
            N_("Interests in plain words"),
            N_("A paper that holds one always comes first; each counts like a paper you liked"),
            group=WANTED,
            widget="lines",
            rows=4,
            commas=True,
        ),
    ] = ()
    interests: Annotated[
        tuple[Interest, ...],
        Field(max_length=MOST_INTERESTS),
        AfterValidator(check_names),
        Choice(
            N_("Named interests"),
            N_("Each with a section and places of its own"),
            group=WANTED,
            widget="interests",
        ),
    ] = ()
    share_likes: Annotated[
        StrictBool,
        Choice(
            N_("Share what I like with my group"),
            N_("How many liked a paper is shown, never who; and you see the same of the others"),
            group=WANTED,
            widget="checkbox",
        ),
    ] = False
    categories: Annotated[
        Words,
        Choice(
            N_("Only these categories"),
            N_("For example cs.CL stat.ML; empty for all"),
            group=WANTED,
            widget="words",
        ),
    ] = ()
    authors: Annotated[
        Words,
        Choice(
            N_("Authors you follow"),
            N_("Their papers always come; names or ORCID iDs"),
            group=WANTED,
            widget="lines",
        ),
    ] = ()
    affiliations: Annotated[
        Words,
        Choice(
            N_("Places you follow"),
            N_("As far as sources name places"),
            group=WANTED,
            widget="lines",
        ),
    ] = ()
    reserved: Annotated[
        dict[StrictStr, Annotated[StrictInt, Field(ge=1, le=50)]],
        Choice(N_("Places kept"), N_("How many places of a mail are kept for a category")),
    ] = Field(default_factory=dict)
    muted: Annotated[
        Terms,
        Choice(N_("Muted words"), N_("Or an expression as /…/"), group=UNWANTED, widget="lines"),
    ] = ()
    required: Annotated[
        Terms,
        Choice(
            N_("Required words"),
            N_("Only papers with one of these; empty for all"),
            group=UNWANTED,
            widget="lines",
        ),
    ] = ()
    muted_authors: Annotated[
        Words, Choice(N_("Muted authors"), group=UNWANTED, widget="lines")
    ] = ()
    muted_affiliations: Annotated[
        Words, Choice(N_("Muted places"), group=UNWANTED, widget="lines")
    ] = ()
    languages: Annotated[
        tuple[LanguageCode, ...],
        Choice(
            N_("Only these languages"),
            N_("For example en de, where a source says it; empty for all"),
            group=UNWANTED,
            widget="words",
        ),
    ] = ()
    announce_types: Annotated[
        tuple[AnnounceType, ...],
        Choice(
            N_("Announced as"), N_("Only papers announced so; empty for what the sources bring")
        ),
    ] = ()
    min_upvotes: Annotated[
        Annotated[StrictInt, Field(ge=0)],
        Choice(
            N_("Fewest upvotes"),
            N_("Of papers that readers vote for"),
            group=UNWANTED,
            widget="number",
        ),
    ] = 0
    journal_versions: Annotated[
        StrictBool,
        Choice(
            N_("Tell me when a preprint I know is out in a journal"),
            group=UNWANTED,
            widget="checkbox",
        ),
    ] = False


class Preferences(Wishes, Schedule):
    """All that one reader chose."""

    @property
    def reading_weekday(self) -> int:
        """0 is Monday."""
        return WEEKDAYS.index(self.reading_day)

    @classmethod
    def from_json(cls, stored: Any) -> Preferences:
        """What `model_dump(mode="json")` wrote; it was checked then.

        A preference that is newer than the row has its default, one that is gone is passed over.

        Raises:
            ValueError: it did not write this.
        """
        if not isinstance(stored, dict) or not stored.keys() & cls.model_fields.keys():
            raise ValueError("these are no preferences")
        known = {name: value for name, value in stored.items() if name in cls.model_fields}
        return cls.model_validate(known, context=STORED)


@dataclass(frozen=True, slots=True)
class Preference:
    """One of them, as forms and docs need it."""

    name: str
    choice: Choice
    default: Any
    #: least and greatest, of a number
    bounds: tuple[float | None, float | None] = (None, None)


def _bounds(metadata: list[Any]) -> tuple[float | None, float | None]:
    least = next((m.ge for m in metadata if hasattr(m, "ge")), None)
    return least, next((m.le for m in metadata if hasattr(m, "le")), None)


def catalogue() -> Iterator[Preference]:
    """Every preference, in the order in which it is presented."""
    for table in (Wishes, Schedule):
        for name, info in table.model_fields.items():
            choice = next(m for m in info.metadata if isinstance(m, Choice))
            yield Preference(
                name, choice, info.get_default(call_default_factory=True), _bounds(info.metadata)
            )
