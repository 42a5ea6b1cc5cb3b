"""Help answers at once: what is heavy is imported where it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("given", "n"), [(None, 1), ("2", 2)])
def test_linear_algebra_has_one_thread_unless_somebody_wants_more(
    given: str | None, n: int
) -> None:
    code = (
        "import sys; sys.argv = ['digest', '--version']\n"
        "from digest.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "import numpy, threadpoolctl\n"
        "print('THREADS', *(p['num_threads'] for p in threadpoolctl.threadpool_info()\n"
        "                   if p['internal_api'] == 'openblas'))"
    )
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    if given:
        env["OPENBLAS_NUM_THREADS"] = given
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    found = done.stdout.split("THREADS")[1].split()
    if not found:
        pytest.skip("NumPy is not built with OpenBLAS here")
    assert {min(n, os.cpu_count() or 1)} == {int(f) for f in found}
