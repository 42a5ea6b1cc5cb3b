"""Preferences under one set of names, the operator's [ranking] no longer among them; reports of
runs that name nobody; the word of the field for a ranking that was kept.

Reports become counts of what came of readers. A warning that may hold an address is dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_RENAMED = {
    "send_at": "time",
    "edition_size": "length",
    "trending_size": "trending",
    "followed_authors": "authors",
    "muted_terms": "muted",
    "required_terms": "required",
    "followed_affiliations": "affiliations",
}
_GLOBAL = ("half_life_days", "variety", "n_explore")
_ELSEWHERE = ("id", "email", "state", "origin", "link_generation")
#: as they were when this was written, for records of versions that did not have them
_DEFAULTS: dict[str, Any] = {
    "time": "07:30:00",
    "timezone": "UTC",
    "weekdays": [0, 1, 2, 3, 4, 5, 6],
    "wait_until": None,
    "name": "",
    "length": 12,
    "trending": 3,
    "min_score": 0.0,
    "on_empty": "nothing",
    "language": "en",
    "keywords": [],
    "categories": [],
    "authors": [],
    "affiliations": [],
    "reserved": {},
    "muted": [],
    "required": [],
    "muted_authors": [],
    "muted_affiliations": [],
    "languages": [],
    "announce_types": [],
    "min_upvotes": 0,
    "journal_versions": False,
}


def upgrade() -> None:
    connection = op.get_bind()
    _change(connection, "subscribers", "preferences", _new_preferences)
    _change(connection, "runs", "report", _new_report)
    op.execute("DELETE FROM signups WHERE state IN ('asked', 'mailed', 'quiet', 'failed')")
    _rename_snapshots("issues", "ranking_snapshots", "last_mention", "last_entry")


def downgrade() -> None:
    connection = op.get_bind()
    _change(connection, "subscribers", "preferences", _old_preferences)
    op.execute("DELETE FROM runs")
    _rename_snapshots("ranking_snapshots", "issues", "last_entry", "last_mention")


def _rename_snapshots(table: str, name: str, column: str, column_name: str) -> None:
    op.execute(f"DELETE FROM {table}")
    op.alter_column(table, column, new_column_name=column_name)
    op.rename_table(table, name)


def _change(connection: sa.Connection, table: str, column: str, change: Any) -> None:
    rows = connection.execute(sa.text(f"SELECT id, {column} FROM {table}")).all()
    for row_id, stored in rows:
        connection.execute(
            sa.text(f"UPDATE {table} SET {column} = :value WHERE id = :id"),
            {
                "id": row_id,
                "value": json.dumps(change(json.loads(stored)), ensure_ascii=False, sort_keys=True),
            },
        )


def _new_preferences(old: dict[str, Any]) -> dict[str, Any]:
    kept = {
        _RENAMED.get(name, name): value
        for name, value in old.items()
        if name not in (*_GLOBAL, *_ELSEWHERE)
    }
    if isinstance(kept.get("reserved"), list):
        kept["reserved"] = dict(kept["reserved"])
    return {name: kept.get(name, default) for name, default in _DEFAULTS.items()}


def _old_preferences(new: dict[str, Any]) -> dict[str, Any]:
    names = {new_name: old_name for old_name, new_name in _RENAMED.items()}
    old = {names.get(name, name): value for name, value in new.items()}
    return old | {"id": "", "email": "", "reserved": list(new["reserved"].items())}


def _new_report(old: dict[str, Any]) -> dict[str, Any]:
    served = old.get("subscribers", [])
    return {
        "started_at": old["started_at"],
        "finished_at": old["finished_at"],
        "sources": old.get("sources", []),
        "route_fault": old.get("route_fault", ""),
        "warnings": [{"text": w} for w in old.get("warnings", []) if "@" not in w],
        "results": dict(Counter(s["outcome"] for s in served)),
        "troubled": {},
    }
