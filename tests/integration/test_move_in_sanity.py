"""`digest init --from` a database of arxiv-sanity-lite or arxiv-sanity-x, or a library of the old
arxiv-sanity. The files are made here as those programs make theirs."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from digest.cli.main import app
from digest.config import Settings, load_text
from digest.library import read


def database(path: Path, **tables: dict[str, Any]) -> Path:
    """A file of sqlitedict; all but "email" is packed."""
    with sqlite3.connect(path) as made:
        for name, rows in tables.items():
            made.execute(f'CREATE TABLE "{name}" (key TEXT PRIMARY KEY, value BLOB)')
            for key, value in rows.items():
                packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
                packed = packed if name == "email" else zlib.compress(packed)
                made.execute(f'INSERT INTO "{name}" VALUES (?, ?)', (key, packed))
    made.close()
    return path


def moved(folder: Path, old: Path, *more: str) -> Result:
    config = folder / "config.toml"
    return CliRunner().invoke(app, ["init", "--from", str(old), "-o", str(config), *more])


def settings(folder: Path) -> Settings:
    config = folder / "config.toml"
    return load_text(config.read_text("utf-8"), path=config, environ={})


def test_tags_become_likes_and_keywords_stay(tmp_path: Path) -> None:
    old = database(
        tmp_path / "dict.db",
        tags={"ada": {"reefs": {"2105.01234", "2106.00002"}, "all": {"9901.00001"}, "note": {"?"}}},
        email={"ada": "ada@example.org"},
        keywords={"ada": {"sponge spicules": set()}},
        neg_tags={"ada": {"reefs": {"2105.09999"}}},
    )
    said = moved(tmp_path, old)
    assert said.exit_code == 0, said.output
    (reader,) = settings(tmp_path).subscribers
    assert reader.email == "ada@example.org"
    assert sorted(map(str, reader.likes)) == ["arxiv:2105.01234", "arxiv:2106.00002"]
    assert tuple(reader.keywords) == ("sponge spicules",)
    assert "Not taken over: ?, tagged note: it is no arXiv id." in said.output
    assert "Its tags (note, reefs)" in said.output
    assert "1 papers that were judged negative" not in said.output
    assert "1 paper that was judged negative" in said.output


def test_of_several_people_one_is_named(tmp_path: Path) -> None:
    old = database(
        tmp_path / "dict.db",
        tags={"ada": {"a": {"2105.01234"}}, "eve": {"b": {"2105.05678"}}},
        email={"eve": "eve@example.org"},
    )
    said = moved(tmp_path, old)
    assert said.exit_code == 2
    assert "tags of 2 people; --email says whose: ada, eve@example.org." in said.output
    assert moved(tmp_path, old, "--email", "Eve@example.org").exit_code == 0
    assert [str(p) for p in settings(tmp_path).subscribers[0].likes] == ["arxiv:2105.05678"]


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


def test_nothing_in_the_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    old = database(tmp_path / "dict.db", tags={"ada": {"a": Bomb()}})
    said = moved(tmp_path, old, "--email", "ada@example.org")
    assert said.exit_code == 2
    assert "nobody tagged anything in it" in said.output
    assert not (tmp_path / "exploded").exists()


def test_another_database_is_told(tmp_path: Path) -> None:
    said = moved(tmp_path, database(tmp_path / "x.db", other={}), "--email", "ada@example.org")
    assert said.exit_code == 2
    assert "is not of arxiv-sanity" in said.output


def test_the_old_library_is_a_file_of_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a path is relative to here, and one in the file to the file
    old = tmp_path / "my_library.json"
    paper = {
        "title": "Sponge spicules as light guides",
        "authors": ["Ada Lovelace"],
        "abstract": "We measure light.",
        "link": "http://arxiv.org/abs/2105.01234v2",
        "pid": "2105.01234v2",
        "rawpid": "2105.01234",
        "in_library": 1,
        "tags": ["cs.CV"],
    }
    old.write_text(json.dumps([paper]), "utf-8")
    (tmp_path / "deep").mkdir()
    said = moved(tmp_path / "deep", Path(old.name), "--email", "ada@example.org")
    assert said.exit_code == 0, said.output
    (like,) = settings(tmp_path / "deep").subscribers[0].likes
    found = read(tmp_path / str(like))
    assert [p.id for p in found.papers] == ["arxiv:2105.01234"]
