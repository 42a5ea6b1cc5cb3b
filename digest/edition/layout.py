"""In which order an edition is read: the best papers in full, the others in brief, those that one
and the same reason speaks for together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from digest.model import Closeness, Pick, Reason, ReasonKind, Section, by_section

#: papers shown with their abstract
N_LEADS = 3
#: an edition of no more than these shows all of them so
ALL_LEAD = 5
#: papers that a common reason becomes a heading of
LEAST_TOGETHER = 3
#: reasons that may be common to several papers, and say the same of each
_COMMON = frozenset(
    (
        ReasonKind.SIMILAR_PAPER,
        ReasonKind.KEYWORD,
        ReasonKind.NEAR_KEYWORD,
        ReasonKind.FOLLOWED_AUTHOR,
        ReasonKind.FOLLOWED_AFFILIATION,
    )
)
#: closest first; within a level the ranking has seen to variety
_LEVELS = (Closeness.STRONG, Closeness.CLOSE, Closeness.STRETCH, None)
#: what is there for another cause than that it is close to its reader
_ASIDE = frozenset((Section.TRENDING, Section.PUBLISHED, Section.LATER, Section.GROUP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Papers of a section that are read one after the other."""

    #: the main reason of each, told once; None: each tells its own
    common: Reason | None
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A section, or an interest in one."""

    section: Section
    #: of an interest
    name: str
    groups: tuple[Group, ...]


def leads_of(picks: Sequence[Pick]) -> frozenset[str]:
    """Ids of the papers shown in full: those closest to the reader."""
    n = len(picks) if len(picks) <= ALL_LEAD else N_LEADS
    read = [p for _, _, members in by_section(picks) for p in members]
    best = sorted(read, key=lambda p: (p.section in _ASIDE, _LEVELS.index(p.closeness)))
    return frozenset(p.paper.id for p in best[:n])


def layout(picks: Sequence[Pick]) -> list[Division]:
    """Sections in reading order. In each the leads come first, then what has a reason of its own,
    then groups; each of them best first."""
    leads = leads_of(picks)
    return [
        Division(section=section, name=name, groups=tuple(_groups(members, leads)))
        for section, name, members in by_section(picks)
    ]


def is_told(division: Division, group: Group) -> bool:
    """Whether a heading says the main reason of a group's papers already."""
    return group.common is not None or division.section is Section.TRENDING


def in_reading_order(picks: Sequence[Pick]) -> tuple[Pick, ...]:
    """The picks as they are read, ranked so from 1."""
    ordered = [p for division in layout(picks) for group in division.groups for p in group.picks]
    return tuple(replace(p, rank=n) for n, p in enumerate(ordered, 1))


def _groups(members: Sequence[Pick], leads: frozenset[str]) -> list[Group]:
    together: dict[tuple[ReasonKind, str], list[Pick]] = {}
    for pick in members:
        if pick.paper.id not in leads and (key := _common(pick)):
            together.setdefault(key, []).append(pick)
    groups = [tuple(g) for g in together.values() if len(g) >= LEAST_TOGETHER]
    grouped = {p.paper.id for g in groups for p in g}
    first = [p for p in members if p.paper.id in leads]
    single = [p for p in members if p.paper.id not in leads | grouped]
    apart = [Group(common=None, picks=tuple(first + single))] if first or single else []
    return apart + [Group(common=g[0].reasons[0], picks=g) for g in groups]


def _common(pick: Pick) -> tuple[ReasonKind, str] | None:
    """What several papers may have in common with this one, if anything."""
    if not pick.reasons or pick.reasons[0].kind not in _COMMON:
        return None
    main = pick.reasons[0]
    return (main.kind, main.evidence[0]) if main.evidence else None
