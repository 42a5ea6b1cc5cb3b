"""Whether two names are one person's."""

from __future__ import annotations

from digest.text import fold


def same_person(first: str, second: str) -> bool:
    a, b = _name_parts(first), _name_parts(second)
    if not a or not b:
        return False
    if a == b:
        return True
    if a[-1] != b[-1] or len(a) < 2 or len(b) < 2:
        return False
    return all(
        x == y or (min(len(x), len(y)) == 1 and x[0] == y[0])
        for x, y in zip(a[:-1], b[:-1], strict=False)
    )


def _name_parts(name: str) -> list[str]:
    if name.count(",") == 1:  # "Hopper, Grace"
        family, given = name.split(",")
        name = f"{given} {family}"
    return [p for p in fold(name).replace(".", " ").replace("-", " ").split() if p]
