"""What mail programs understand, by the data of caniemail.com.

The data file is a condensed copy of `caniemail.json` of the npm package caniemail (MIT, its licence
stands beside it); `make clients` renews it. Its name carries the date of the data.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

#: their readers are most of all readers
MAJOR = ("gmail", "outlook", "apple-mail", "yahoo")


@dataclass(frozen=True, slots=True)
class Support:
    """How known clients treat one feature of HTML or CSS."""

    title: str
    url: str
    #: clients that drop it, as "Gmail (iOS)"
    dropped_by: tuple[str, ...]
    #: the major ones among them
    dropped_by_major: tuple[str, ...]
    #: share of the clients tested that drop it
    share: float


@dataclass(frozen=True, slots=True)
class ClientData:
    """All features, by slug such as "css-border-radius" or "html-bdi"."""

    #: ISO date of the data
    dated: str
    features: Mapping[str, Support]

    def property(self, name: str, value: str) -> Support | None:
        """A declaration: "display:flex" is a feature of its own, most others go by their name."""
        first = re.split(r"[\s,(]", value.strip().lower(), maxsplit=1)[0]
        return self.features.get(f"css-{name}-{first}") or self.features.get(f"css-{name}")

    def at_rule(self, name: str, prelude: str) -> Support | None:
        for feature in re.findall(r"\(\s*([a-z-]+)\s*:", prelude):
            found = self.features.get(f"css-at-{name}-{feature}")
            if found:
                return found
        return self.features.get(f"css-at-{name}")

    def element(self, name: str) -> Support | None:
        return self.features.get(f"html-{name}")

    def attribute(self, name: str) -> Support | None:
        return self.features.get(f"html-{name}") if name not in _ELEMENTS_TOO else None


#: features of this name are the element's, not the attribute's
_ELEMENTS_TOO = frozenset({"style", "form", "span", "code", "label", "title"})


@lru_cache(maxsize=1)
def load() -> ClientData:
    """The packaged data."""
    folder = files("digest.proof") / "data"
    name = max(p.name for p in folder.iterdir() if re.match(r"caniemail-.*\.json$", p.name))
    raw = json.loads((folder / name).read_text("utf-8"))
    return ClientData(
        dated=name.removeprefix("caniemail-").removesuffix(".json"),
        features={slug: _support(row, raw["clients"]) for slug, row in raw["features"].items()},
    )


def _support(row: Sequence[str], clients: Sequence[Sequence[str]]) -> Support:
    title, url, marks = row
    tested = [(c, m) for c, m in zip(clients, marks, strict=True) if m in "yan"]
    dropped = [c for c, m in tested if m == "n"]
    return Support(
        title=title,
        url=url,
        dropped_by=tuple(c[1] for c in dropped),
        dropped_by_major=tuple(c[1] for c in dropped if c[0].split("/")[0] in MAJOR),
        share=len(dropped) / len(tested) if tested else 0.0,
    )


def condensed(full: Mapping[str, Any]) -> dict[str, Any]:
    """`caniemail.json` without what is not used here: one letter a client, for its last version.

    y: yes, a: partly, n: no, u: unknown, "-": not tested.
    """
    names = full["nicenames"]
    wanted = [f for f in full["data"] if f["category"] in ("css", "html")]
    keys = sorted({f"{c}/{p}" for f in wanted for c, ps in f["stats"].items() for p in ps})
    clients = [
        (k, f"{names['family'].get(c, c)} ({names['platform'].get(p, p)})")
        for k in keys
        for c, p in (k.split("/"),)
    ]
    features = {
        f["slug"]: (f["title"], f["url"], "".join(_last_mark(f["stats"], k) for k in keys))
        for f in wanted
    }
    return {"clients": clients, "features": features}


def _last_mark(stats: Mapping[str, Any], key: str) -> str:
    client, platform = key.split("/")
    versions = list(stats.get(client, {}).get(platform, {}).values())
    return versions[-1][0] if versions else "-"


def main(arguments: Sequence[str]) -> None:
    """Write the data file: caniemail.json, target folder."""
    from pathlib import Path

    source, folder = arguments
    full = json.loads(Path(source).read_text("utf-8"))
    stamp = datetime.fromisoformat(full["last_update_date"].rsplit(" ", 1)[0]).date()
    target = Path(folder) / f"caniemail-{stamp}.json"
    for old in Path(folder).glob("caniemail-*.json"):
        old.unlink()
    text = json.dumps(condensed(full), ensure_ascii=False, indent=0, separators=(",", ":"))
    target.write_text(text + "\n", "utf-8")
    print(f"Wrote {target}.")


if __name__ == "__main__":
    main(sys.argv[1:])
