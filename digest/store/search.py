"""Finding papers by the words that stand in them: FTS5 on SQLite, a tsvector on PostgreSQL.

The index holds folded words (`terms.search_words`), so both servers find the same. It is derived
from the papers, and can be made anew at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from digest.authors import name_parts, same_person
from digest.model import Paper
from digest.query import Field, Phrase, Query
from digest.store import schema
from digest.store.database import Database, chunks, insert
from digest.terms import LONGEST_WORD, compounds, search_words

#: words of a paper that are indexed
MOST_WORDS = 4_000
#: papers that are looked at for the authors of a question
MOST_BY_AUTHOR = 5_000
#: so many words may be written as one
MOST_JOINED = 3
#: between authors and between fields, so that no phrase reaches over it
_BORDER = "0"
#: labels of words in a tsvector
_LABELS = {Field.TITLE: "A", Field.AUTHORS: "B", Field.ABSTRACT: "C", Field.CATEGORIES: "D"}
#: a tsvector knows no later positions, no more of one word, and is no longer than 1,048,575 bytes
_LAST_POSITION, _MOST_PLACES, _MOST_BYTES = 16_000, 250, 1_000_000

#: derived, and so no part of the schema that is carried from one database to another
_metadata = sa.MetaData()
#: gives each paper its number in the index
rows = sa.Table(
    "search_rows",
    _metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("paper_id", sa.String(200).with_variant(sa.Text(), "postgresql"), unique=True),
)
MAKE = {
    "sqlite": (
        "CREATE TABLE search_rows (id INTEGER PRIMARY KEY, paper_id VARCHAR(200) UNIQUE)",
        "CREATE VIRTUAL TABLE search_index USING fts5(title, authors, abstract, categories, "
        "columnsize=0, tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M* Co'\")",
    ),
    "postgresql": (
        "CREATE TABLE search_rows (id BIGSERIAL PRIMARY KEY, paper_id TEXT UNIQUE)",
        "CREATE TABLE search_index (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_search_words ON search_index USING gin (words)",
    ),
}
#: the rows in which words stand, given the name of the parameter that says which
_MATCHES = {
    "sqlite": "SELECT rowid FROM search_index WHERE search_index MATCH :{}",
    "postgresql": "SELECT rowid FROM search_index WHERE words @@ CAST(:{} AS tsquery)",
}


# --- writing -------------------------------------------------------------------------------------


def put(connection: sa.Connection, papers: Iterable[Paper]) -> None:
    """Index these papers, or index them anew."""
    by_id = {p.id: p for p in papers}
    if not by_id:
        return
    make = insert(connection, rows).on_conflict_do_nothing()
    connection.execute(make, [{"paper_id": i} for i in by_id])
    on_sqlite = connection.dialect.name == "sqlite"
    for part in chunks(by_id):
        query = sa.select(rows.c.id, rows.c.paper_id).where(rows.c.paper_id.in_(part))
        numbers = connection.execute(query).all()
        _drop(connection, [number for number, _ in numbers])
        connection.execute(
            _INSERT_WORDS if on_sqlite else _INSERT_VECTOR,
            [
                {"number": n} | (_as_texts(by_id[i]) if on_sqlite else {"words": _vector(by_id[i])})
                for n, i in numbers
            ],
        )


def remove(connection: sa.Connection, paper_ids: Collection[str]) -> None:
    for part in chunks(paper_ids):
        mine = rows.c.paper_id.in_(part)
        _drop(connection, connection.scalars(sa.select(rows.c.id).where(mine)).all())
        connection.execute(rows.delete().where(mine))


def remove_forgotten(connection: sa.Connection) -> None:
    """Take out what is stored no more."""
    left = sa.exists().where(schema.papers.c.id == rows.c.paper_id)
    remove(connection, connection.scalars(sa.select(rows.c.paper_id).where(~left)).all())


def _drop(connection: sa.Connection, numbers: Sequence[int]) -> None:
    if numbers:
        connection.execute(_DELETE, [{"number": n} for n in numbers])


_DELETE = sa.text("DELETE FROM search_index WHERE rowid = :number")
_INSERT_WORDS = sa.text(
    "INSERT INTO search_index (rowid, title, authors, abstract, categories) "
    "VALUES (:number, :title, :authors, :abstract, :categories)"
)
_INSERT_VECTOR = sa.text(
    "INSERT INTO search_index (rowid, words) VALUES (:number, CAST(:words AS tsvector))"
)


def _words_of(paper: Paper) -> dict[Field, list[str]]:
    title, abstract = paper.text.split("\n", 1)
    parts = {
        Field.TITLE: (title,),
        Field.AUTHORS: tuple(" ".join(name_parts(a)) for a in paper.authors),
        Field.ABSTRACT: (abstract,),
        Field.CATEGORIES: paper.categories,
    }
    return {
        field: [
            w for text in texts for w in (*search_words(text), _BORDER, *compounds(text), _BORDER)
        ][:MOST_WORDS]
        for field, texts in parts.items()
    }


def _as_texts(paper: Paper) -> dict[str, str]:
    return {field.value: " ".join(words) for field, words in _words_of(paper).items()}


def _vector(paper: Paper) -> str:
    """A tsvector as PostgreSQL writes it: each word with its places, labelled by their field."""
    places: dict[str, list[str]] = {}
    at = size = 0
    for field, words in _words_of(paper).items():
        for word in words:
            at = min(at + 1, _LAST_POSITION)
            size += len(word.encode()) + 4
            if size < _MOST_BYTES:
                places.setdefault(word, []).append(f"{at}{_LABELS[field]}")
    return " ".join(f"{_lexeme(w)}:{','.join(p[:_MOST_PLACES])}" for w, p in places.items())


def _lexeme(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


# --- finding -------------------------------------------------------------------------------------


class Search:
    """Papers by what stands in them. Only those that a source listed are found."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, query: Query, limit: int, also: Sequence[Phrase] = ()) -> list[str]:
        """Ids of the papers that meet all conditions of a question, the latest first.

        Args:
            also: further phrases that must stand in them.
        """
        return self.find_each(query, limit, [also])[0]

    def find_each(
        self, query: Query, limit: int, further: Sequence[Sequence[Phrase]]
    ) -> list[list[str]]:
        """The same for a question with some further phrases, with some others, and so on."""
        names = [name_parts(name) for name in query.authors]
        asked = [_Wanted(p.words, p.fields) for p in query.phrases]
        asked += [
            _Wanted((word,), (Field.AUTHORS,), starts=len(word) == 1)
            for parts in names
            for part in parts
            for word in search_words(part)
        ]
        most = MOST_BY_AUTHOR if names else limit
        values: dict[str, Any] = {"since": query.since, "until": query.until, "most": most}
        told: list[list[tuple[int, str]]] = [[] for _ in further]
        with self._db.read() as connection:
            dialect = connection.dialect.name
            for number, also in enumerate(further):
                wanted = [*asked, *(_Wanted(p.words, p.fields) for p in also)]
                values[f"asked_{number}"] = _expression(dialect, wanted)
            statement = _statement(
                dialect,
                tuple(bool(values[f"asked_{n}"]) for n in range(len(further))),
                since=query.since is not None,
                until=query.until is not None,
                with_authors=bool(names),
            )
            for row in connection.execute(statement, values):
                if not names or all(
                    any(_is_called(name, a) for a in row.authors) for name in query.authors
                ):
                    told[row.part].append((row.id, row.paper_id))
        return [[i for _, i in sorted(part, reverse=True)[:limit]] for part in told]


@lru_cache(maxsize=64)  # making it takes longer than the database does to answer
def _statement(
    dialect: str, parts: tuple[bool, ...], *, since: bool, until: bool, with_authors: bool
) -> Any:
    """Listed papers, the latest first: of each part the most that are wanted, and its number.

    Args:
        parts: whether words must stand in a paper of this part; `asked_0` and so on says which.
        since: whether it must have been listed since then, or until then.
    """
    mentioned = schema.mentions
    listed = sa.exists().where(mentioned.c.paper_id == rows.c.paper_id)
    if since:
        listed = listed.where(mentioned.c.listed_on >= sa.bindparam("since"))
    if until:
        listed = listed.where(mentioned.c.listed_on <= sa.bindparam("until"))
    found: Any = sa.select(rows.c.paper_id, rows.c.id).where(listed).order_by(rows.c.id.desc())
    found = found.limit(sa.bindparam("most"))
    if with_authors:
        papers = schema.papers
        found = found.join(papers, papers.c.id == rows.c.paper_id)
        found = found.add_columns(papers.c.authors)
    every = []
    for number, holds in enumerate(parts):
        part = found.add_columns(sa.literal(number).label("part"))
        if holds:
            asked = sa.text(_MATCHES[dialect].format(f"asked_{number}"))
            part = part.where(rows.c.id.in_(asked.columns(sa.column("rowid", sa.BigInteger))))
        every.append(sa.select(part.subquery()))
    # in one question, of which each is a part: a database answers sooner than it is asked
    first, *others = every
    return first.union_all(*others) if others else first


def _is_called(name: str, author: str) -> bool:
    """Whether a name is the author's, or one word of it."""
    parts = name_parts(name)
    return same_person(name, author) or (len(parts) == 1 and parts[0] in name_parts(author))


class _Wanted:
    """Words that stand together in one of some fields; the last may be the beginning of one."""

    def __init__(
        self, words: Sequence[str], fields: Sequence[Field], *, starts: bool = False
    ) -> None:
        self.words, self.fields, self.starts = words, fields, starts

    def for_fts5(self) -> str:
        fields, ending = " ".join(self.fields), "*" if self.starts else ""
        asked = [f'{{{fields}}} : "{" ".join(words)}"{ending}' for words in self._ways()]
        return f"({' OR '.join(asked)})"

    def for_tsquery(self) -> str:
        label = ("*" if self.starts else "") + "".join(_LABELS[f] for f in self.fields)
        asked = [" <-> ".join(f"{_lexeme(w)}:{label}" for w in words) for words in self._ways()]
        return "(" + " | ".join(f"({a})" for a in asked) + ")"

    def _ways(self) -> list[Sequence[str]]:
        """The words in which it may be written: a few of them also as one."""
        joined = "".join(self.words)[:LONGEST_WORD]
        is_compound = 1 < len(self.words) <= MOST_JOINED and joined.isascii()
        return [self.words, (joined,)] if is_compound else [self.words]


def _expression(dialect: str, wanted: Sequence[_Wanted]) -> str:
    """How a server's index is asked for all of this; nothing: for anything."""
    if dialect == "sqlite":
        return " AND ".join(w.for_fts5() for w in wanted)
    return " & ".join(w.for_tsquery() for w in wanted)
