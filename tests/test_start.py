"""Help answers at once: what is heavy is imported where it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.worlds import make_world

HEAVY = ("sklearn", "scipy", "numpy", "sqlalchemy", "alembic", "httpx", "jinja2", "feedparser")


def loaded_by(arguments: list[str]) -> set[str]:
    code = (
        "import sys\n"
        f"sys.argv = ['digest', *{arguments!r}]\n"
        "from digest.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("LOADED")[1].split())


def test_help_loads_nothing_heavy() -> None:
    for arguments in (["--help"], ["run", "--help"], ["--version"]):
        assert loaded_by(arguments) & set(HEAVY) == set()


def test_a_wrong_config_is_told_without_loading_the_ranking() -> None:
    assert "sklearn" not in loaded_by(["status", "--config", "/nowhere.toml"])


def test_one_process_on_sqlite_loads_nothing_of_a_cluster(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        world.store = ""
        config = str(world.write())
        for command in ("run", "status"):
            loaded = loaded_by([command, "--config", config])
            assert "sqlalchemy" in loaded
            assert loaded & {"psycopg", "procrastinate", "digest.cluster"} == set()
