"""The database: what it keeps, what it refuses, what it says when it cannot."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from digest.errors import SchemaTooNew, StoreBusy, StoreCorrupt, StoreError
from digest.model import (
    Basis,
    DeliveryKey,
    DeliveryResult,
    DeliveryState,
    Edition,
    EditionKind,
    EmptyReason,
    Listing,
    Message,
    NoEdition,
    Paper,
    PlannedEdition,
    Rating,
    Subscriber,
    SubscriberState,
    Validators,
)
from digest.store import Store, open_store, schema
from digest.store import database as database_module
from tests.conftest import NOW
from tests.factories import paper, pick, preferences, subscriber
from tests.journal import mark_handing, plan, record_empty, settle

DAY = date(2026, 5, 20)
LEASE = timedelta(minutes=5)


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with open_store(place) as opened:
        yield opened


def listing(*papers: Paper, **changes: object) -> Listing:
    values: dict[str, object] = {"source": "arXiv", "papers": papers, "fetched_at": NOW}
    return Listing(**(values | changes))  # type: ignore[arg-type]


def joined(store: Store, **changes: object) -> Subscriber:
    (person,) = store.subscribers.sync_config([subscriber(**changes)], NOW)
    return person


def edition(person: Subscriber, *ids: int, day: date = DAY) -> Edition:
    return Edition(
        subscriber=person,
        edition_date=day,
        kind=EditionKind.EDITION,
        subject="S",
        picks=tuple(pick(n, paper=paper(n)) for n in ids),
        n_new=5,
        n_considered=5,
        basis=Basis.LIKES,
        sources=(),
    )


def message(name: str) -> Message:
    return Message(message_id=f"<{name}@x>", sender="d@x", recipient="a@x", body=b"Subject: S\r\n")


def key(person: Subscriber, day: date = DAY) -> DeliveryKey:
    return DeliveryKey(subscriber_id=person.id, edition_date=day)


# --- papers --------------------------------------------------------------------------------------


def test_a_listing_is_stored_once_however_often_it_is_fetched(store: Store) -> None:
    first = listing(paper(1), paper(2), days=(DAY,), validators=(Validators(url="u", etag="e"),))
    assert store.papers.add_listing(first) == 2
    assert store.papers.add_listing(first) == 0
    assert len(store.papers.entries(NOW - timedelta(days=1), DAY)) == 2
    request = store.papers.fetch_request("arXiv", NOW, None)
    assert request.covered == {DAY}
    assert request.validators["u"].etag == "e"
    assert store.papers.fetch_request("other", NOW, None).covered == frozenset()


def test_papers_come_back_as_they_were(store: Store) -> None:
    full = paper(
        1,
        doi="10.1/x",
        version=2,
        published=NOW,
        updated=NOW,
        comment="c",
        journal_ref="j",
        upvotes=4,
        title="Ünïcode 混合 🦙",
    )
    store.papers.add_listing(listing(full))
    assert store.papers.get([full.id]) == {full.id: full}


def test_what_a_second_source_knows_is_added_to_the_paper(store: Store) -> None:
    store.papers.add_listing(listing(paper(1)))
    voted = replace(paper(1, upvotes=9), source="huggingface", categories=(), abstract="")
    assert store.papers.add_listing(listing(voted, source="Daily Papers")) == 0
    (known,) = store.papers.get([paper(1).id]).values()
    assert known.signals.upvotes == 9
    assert known.categories == ("cs.CL",)
    assert len(store.papers.entries(NOW - timedelta(days=1), DAY)) == 2


def test_a_journal_copy_with_the_same_doi_is_the_same_paper(store: Store) -> None:
    store.papers.add_listing(listing(paper(1, doi="10.1/x")))
    copy = paper(2, id="doi:10.1/x", doi="10.1/x", source="J")
    assert store.papers.add_listing(listing(copy, source="J")) == 0
    assert {m.paper_id for m in store.papers.entries(NOW - timedelta(days=1), DAY)} == {paper(1).id}


def test_listed_papers_come_newest_first_and_likes_are_not_among_them(store: Store) -> None:
    store.papers.add_listing(listing(paper(1), paper(2)))
    store.papers.add([paper(9)], NOW)
    store.papers.add_listing(listing(paper(3), fetched_at=NOW + LEASE))
    assert [p.arxiv_id[-1] for p in store.archive.latest(10)] == ["3", "2", "1"]
    assert len(store.archive.latest(2)) == 2


def test_ten_thousand_papers_fit_in_one_listing(store: Store) -> None:
    assert store.papers.add_listing(listing(*(paper(n) for n in range(10_000)))) == 10_000
    assert len(store.papers.background(20_000)) == 10_000


def test_a_paper_without_announcement_date_teaches_words_but_is_not_new(store: Store) -> None:
    store.papers.add_listing(listing(paper(1, announced=None)))
    assert store.papers.entries(NOW - timedelta(days=1), DAY) == ()
    assert len(store.papers.background(10)) == 1


# --- people --------------------------------------------------------------------------------------


def test_people_of_the_config_keep_their_id_and_come_and_go_with_it(store: Store) -> None:
    first = joined(store)
    again = joined(store, email="ADA@example.org", name="Ada L.", length=3)
    assert again.id == first.id
    assert store.subscribers.all()[0].preferences.length == 3
    store.subscribers.sync_config([subscriber(email="b@example.org")], NOW)
    states = {s.email: s.state for s in store.subscribers.all()}
    assert states == {
        "ADA@example.org": SubscriberState.PAUSED,
        "b@example.org": SubscriberState.ACTIVE,
    }


def test_the_config_does_not_bring_back_who_left_or_bounced(store: Store) -> None:
    person = joined(store)
    for state in (SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED):
        store.subscribers.set_state(person.id, state)
        assert joined(store).state is state


def test_ratings_of_the_file_follow_the_file_and_a_readers_own_word_weighs_more(
    store: Store,
) -> None:
    person = joined(store)
    store.papers.add([paper(n) for n in range(4)], NOW)
    ids = [paper(n).id for n in range(4)]
    store.ratings.sync(person.id, "config", ids[:3], NOW)
    store.ratings.sync(person.id, "config", [ids[1], ids[3]], NOW + LEASE)
    assert {r.paper_id for r in store.ratings.of(person.id)} == {ids[1], ids[3]}
    assert next(r for r in store.ratings.of(person.id) if r.paper_id == ids[1]).rated_at == NOW
    store.ratings.add(
        [
            Rating(
                subscriber_id=person.id,
                paper_id=ids[1],
                value=-1,
                rated_at=NOW + LEASE,
                origin="cli",
            )
        ]
    )
    state = store.ratings.reader_state(person.id, DAY)
    assert [p.id for p in state.liked] == [ids[3]]
    assert [p.id for p in state.disliked] == [ids[1]]
    assert store.ratings.remove(person.id, ids[1], keep="config") == 1
    assert store.ratings.remove(person.id, ids[1], keep="config") == 0


# --- the journal ---------------------------------------------------------------------------------


def test_one_key_is_planned_once(store: Store) -> None:
    person = joined(store)
    assert plan(store, edition(person, 1, 2), message("m"), 7, NOW)
    assert not plan(store, edition(person, 3), message("n"), 9, NOW)
    (claimed,) = store.deliveries.claim("w", NOW, LEASE, 10)
    settle(store, claimed.key, "w", DeliveryState.SENT, NOW, reply="")
    tomorrow = DAY + timedelta(days=1)
    state = store.ratings.reader_state(person.id, tomorrow)
    assert state.sent == {paper(1).id, paper(2).id}
    assert state.cursor == 7
    assert store.ratings.reader_state(person.id, DAY).sent == frozenset()


def test_a_message_has_one_owner_and_every_step_needs_the_lease(store: Store) -> None:
    person = joined(store)
    plan(store, edition(person, 1), message("m"), 0, NOW)
    (claimed,) = store.deliveries.claim("w1", NOW, LEASE, 10)
    assert store.deliveries.claim("w2", NOW, LEASE, 10) == ()
    assert not mark_handing(store, claimed.key, "w2", NOW)
    assert mark_handing(store, claimed.key, "w1", NOW)
    assert not mark_handing(store, claimed.key, "w1", NOW)
    assert settle(store, claimed.key, "w1", DeliveryState.SENT, NOW, reply="250 ok")
    assert not settle(store, claimed.key, "w1", DeliveryState.FAILED, NOW, reply="")
    done = store.history.delivery(claimed.key)
    assert done is not None
    assert (done.state, done.attempts, done.reply) == (DeliveryState.SENT, 1, "250 ok")


@pytest.mark.parametrize(
    ("hold", "expected"), [(False, DeliveryState.READY), (True, DeliveryState.UNKNOWN)]
)
def test_what_the_dead_left_is_ready_again_and_what_they_were_handing_over_is_in_doubt(
    store: Store, hold: bool, expected: DeliveryState
) -> None:
    people = store.subscribers.sync_config(
        [subscriber(email=f"{n}@example.org") for n in "ab"], NOW
    )
    for person in people:
        plan(store, edition(person, 1), message(person.email), 0, NOW)
    claimed = {d.key.subscriber_id: d for d in store.deliveries.claim("dead", NOW, LEASE, 10)}
    handing = claimed[people[0].id].key
    mark_handing(store, handing, "dead", NOW)
    assert store.deliveries.sweep(NOW, hold=hold) == 0
    assert store.deliveries.sweep(NOW + LEASE, hold=hold) == 1
    found = [store.history.delivery(key(p)) for p in people]
    assert [f.state for f in found if f] == [expected, DeliveryState.READY]
    assert [f.doubts for f in found if f] == [1, 0]
    assert not settle(store, handing, "dead", DeliveryState.SENT, NOW, reply="late")


def test_a_deferred_message_waits_for_its_time(store: Store) -> None:
    person = joined(store)
    plan(store, edition(person, 1), message("m"), 0, NOW)
    (claimed,) = store.deliveries.claim("w", NOW, LEASE, 1)
    later = NOW + timedelta(minutes=5)
    settle(store, claimed.key, "w", DeliveryState.DEFERRED, NOW, reply="451", next_at=later)
    assert store.deliveries.claim("w", NOW, LEASE, 1) == ()
    assert not store.deliveries.has_due(NOW)
    assert store.deliveries.has_due(later)
    assert len(store.deliveries.claim("w", later, LEASE, 1)) == 1


def test_an_empty_day_is_remembered_until_an_edition_comes(store: Store) -> None:
    person = joined(store)
    empty = NoEdition(
        subscriber=person, edition_date=DAY, reason=EmptyReason.NO_LISTING, detail="Nothing."
    )
    record_empty(store, empty, 3, NOW, NOW + LEASE)
    standing = store.history.edition_statuses({person.id: DAY})[person.id]
    assert (standing.empty, standing.again_at) == (True, NOW + LEASE)
    assert store.ratings.reader_state(person.id, DAY + timedelta(days=1)).cursor == 3
    assert [e.outcome for e in store.history.of(person.id, 5)] == ["no_listing"]
    plan(store, edition(person, 1), message("m"), 4, NOW)
    assert [e.outcome for e in store.history.of(person.id, 5)] == ["ready"]


def test_old_papers_go_unless_somebody_needs_them(store: Store) -> None:
    person = joined(store)
    store.papers.add_listing(listing(*(paper(n) for n in range(4))))
    store.ratings.sync(person.id, "config", [paper(1).id], NOW)
    plan(store, edition(person, 2), message("m"), 0, NOW)
    (claimed,) = store.deliveries.claim("w", NOW, LEASE, 1)
    settle(store, claimed.key, "w", DeliveryState.SENT, NOW, reply="")
    assert store.purge(NOW - LEASE) == 0
    assert store.purge(NOW + LEASE) == 2
    assert set(store.papers.get([paper(n).id for n in range(4)])) == {paper(1).id, paper(2).id}
    mail = store.history.delivery(claimed.key)
    assert mail is not None
    assert mail.message.body == b""
    assert store.ratings.reader_state(person.id, DAY + timedelta(days=1)).sent == {paper(2).id}


def test_many_workers_share_the_mails_without_overlap(store: Store) -> None:
    people = store.subscribers.sync_config(
        [subscriber(email=f"{n}@example.org") for n in range(120)], NOW
    )
    for person in people:
        plan(store, edition(person, 1), message(person.email), 0, NOW)
    taken: list[str] = []

    def work(name: str) -> None:
        while batch := store.deliveries.claim(name, NOW, LEASE, 7):
            for d in batch:
                settle(store, d.key, name, DeliveryState.SENT, NOW, reply="")
                taken.append(d.key.subscriber_id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(taken) == sorted(p.id for p in people)


def test_vectors_are_kept_by_model_and_text(store: Store) -> None:
    vector = np.array([0.6, 0.8], dtype=np.float32)
    store.embeddings.add("m", {"k": vector}, NOW)
    store.embeddings.add("m", {"k": vector * 0}, NOW)
    np.testing.assert_allclose(store.embeddings.get("m", ["k", "other"])["k"], vector, atol=1e-3)
    assert store.embeddings.get("n", ["k"]) == {}
    store.purge(NOW + LEASE)
    assert store.embeddings.get("m", ["k"]) == {}


def test_a_database_of_the_first_version_is_brought_up_to_date(place: Path | str) -> None:
    with open_store(place) as opened:
        opened.papers.add_listing(listing(paper(1)))
        database_module.migrate(opened.database, "0001")
        assert "embeddings" not in sa.inspect(opened.database.engine).get_table_names()
    with open_store(place) as opened:
        assert opened.embeddings.get("m", ["k"]) == {}
        assert len(opened.papers.background(5)) == 1


# --- the file ------------------------------------------------------------------------------------


def is_search(name: str | None) -> bool:
    """Whether a table belongs to the index of words, which each kind of server makes its own."""
    return (name or "").startswith("search_")


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_exactly_the_tables_that_the_code_expects(place: Path | str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with open_store(place) as opened, opened.database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": False, "include_name": lambda name, *_: not is_search(name)},
        )
        assert compare_metadata(context, schema.metadata) == []


def test_mails_and_their_texts_come_along_both_ways(place: Path | str) -> None:
    with open_store(place) as opened:
        (person,) = opened.subscribers.sync_config([subscriber()], NOW)
        plan(opened, edition(person, 1), message("m"), 0, NOW)
        key = DeliveryKey(subscriber_id=person.id, edition_date=DAY)
        before = opened.history.delivery(key)
        assert before is not None
        assert before.message.body
        database_module.migrate(opened.database, "0005")
        with opened.database.read() as connection:
            old = connection.exec_driver_sql("SELECT body FROM deliveries").scalar()
        assert bytes(old) == before.message.body  # type: ignore[arg-type]
        database_module.migrate(opened.database)
        assert opened.history.delivery(key) == before
        assert tuple(opened.subscribers.all()) == (person,)


def test_the_text_of_a_mail_is_forgotten_before_the_mail(store: Store) -> None:
    (person,) = store.subscribers.sync_config([subscriber()], NOW)
    plan(store, edition(person, 1), message("m"), 0, NOW)
    key = DeliveryKey(subscriber_id=person.id, edition_date=DAY)
    later = NOW + timedelta(days=15)
    store.purge(NOW - LEASE, later)
    assert store.history.delivery(key).message.body  # type: ignore[union-attr] - it is not sent yet
    store.deliveries.claim("w", NOW, LEASE, 1)
    settle(store, key, "w", DeliveryState.FAILED, NOW, reply="550")
    store.purge(NOW - LEASE, NOW)
    assert store.history.delivery(key).message.body  # type: ignore[union-attr]
    store.purge(NOW - LEASE, later)
    assert store.history.delivery(key).message.body == b""  # type: ignore[union-attr]
    assert store.deliveries.retry(key, NOW) == "it is too old; its text is forgotten"


def test_readers_are_looked_at_when_they_may_be_due(store: Store) -> None:
    people = store.subscribers.sync_config(
        [subscriber(email=f"p{n}@example.org") for n in range(3)], NOW
    )
    first, second, third = sorted(people, key=lambda p: p.id)
    hour = timedelta(hours=1)
    assert [s.id for s in store.subscribers.due(NOW, 10)] == [first.id, second.id, third.id]
    store.subscribers.reschedule({first.id: NOW + hour, second.id: NOW + 2 * hour}, NOW)
    assert [s.id for s in store.subscribers.due(NOW, 10)] == [third.id]
    assert [s.id for s in store.subscribers.due(NOW + hour, 10)] == [third.id, first.id]
    # a clock that was ahead when it was decided does not count, nor do settings of before
    assert len(store.subscribers.due(NOW - hour, 10)) == 3
    store.subscribers.save(replace(second, preferences=preferences(length=3)))
    assert second.id in [s.id for s in store.subscribers.due(NOW, 10)]
    store.subscribers.set_state(third.id, SubscriberState.PAUSED)
    assert third.id not in [s.id for s in store.subscribers.due(NOW, 10)]


def test_a_list_of_readers_passes_over_who_was_erased_meanwhile(store: Store) -> None:
    people = store.subscribers.sync_config(
        [subscriber(email=f"p{n}@example.org") for n in range(3)], NOW
    )
    ids = [p.id for p in reversed(people)]
    found = store.subscribers.all().of(ids)
    assert (len(found), found[0], found[1:]) == (3, people[2], (people[1], people[0]))
    store.personal.forget(people[1].id)
    assert [p.id for p in found] == [people[2].id, people[0].id]
    assert {p.id for p in store.subscribers.all()} == {people[0].id, people[2].id}


@pytest.mark.parametrize("email", ["Ada@Example.org", "Ünal@example.org"])
def test_who_joined_on_the_web_and_then_stands_in_the_file_is_one_reader(
    store: Store, email: str
) -> None:
    joined = store.subscribers.add(subscriber(email=email, origin="web"), NOW)
    (synced,) = store.subscribers.sync_config([subscriber(email=email)], NOW)
    assert (synced.id, synced.origin) == (joined.id, "config")
    assert len(store.subscribers.all()) == 1


def test_of_a_block_what_is_known_stays_and_the_rest_is_planned(store: Store) -> None:
    people = store.subscribers.sync_config(
        [subscriber(email=f"p{n}@example.org") for n in range(3)], NOW
    )
    plan(store, edition(people[0], 1), message("p0@example.org"), 7, NOW)
    block = [
        PlannedEdition(
            edition=edition(p, 2), message=message(p.email), cursor=9, due_at=NOW + LEASE
        )
        for p in people
    ]
    planned = store.deliveries.save_plan(block, NOW)
    assert {k.subscriber_id for k in planned} == {people[1].id, people[2].id}
    assert store.deliveries.save_plan(block, NOW) == frozenset()
    assert not store.subscribers.due(NOW, 10)


def test_a_few_mails_are_found_by_name_however_many_wait(tmp_path: Path) -> None:
    """SQLite would rather search by state, which took each block of readers and each claim through
    all mails that waited."""
    how: dict[str, list[str]] = {}

    def explain(
        connection: sa.Connection, _: object, statement: str, values: Any, *rest: Any
    ) -> None:
        driver: Any = connection.connection.driver_connection
        if statement.startswith("UPDATE deliveries"):
            one = values[0] if isinstance(values, list) else values
            told = driver.execute(f"EXPLAIN QUERY PLAN {statement}", one)
            how[statement] = [step for *_, step in told if "deliveries" in step]

    with open_store(tmp_path / "digest.db") as store:
        sa.event.listen(store.database.engine, "before_cursor_execute", explain)
        people = store.subscribers.sync_config(
            [subscriber(email=f"p{n}@example.org") for n in range(20)], NOW
        )
        store.deliveries.save_plan(
            [PlannedEdition(edition=edition(p, 1), message=message(p.email)) for p in people], NOW
        )
        mails = store.deliveries.claim("w", NOW, LEASE, len(people))
        names = [m.message.message_id for m in mails]
        store.deliveries.journal("w", NOW, handing=names)
        store.deliveries.journal("w", NOW, taken_back=names, handing=names)
        failed = DeliveryState.FAILED
        store.deliveries.journal(
            "w",
            NOW,
            settled=[
                DeliveryResult(key=m.key, message_id=n, state=failed, reply="550 no")
                for m, n in zip(mails, names, strict=True)
            ],
        )
        store.deliveries.postpone(names, NOW, NOW, worker="w")
    # superseded; left out, taken; handed over, taken back; settled; put off
    assert len(how) == 7
    for statement, steps in how.items():
        assert steps, statement
        assert all("(state=?" not in step and "SCAN" not in step for step in steps), statement


def test_what_goes_along_with_a_block_is_one_transaction_with_it(store: Store) -> None:
    (person,) = store.subscribers.sync_config([subscriber()], NOW)

    block = [PlannedEdition(edition=edition(person, 1), message=message("m"), cursor=1)]
    with suppress(RuntimeError), store.transaction():
        store.deliveries.save_plan(block, NOW)
        raise RuntimeError("the queue says no")
    assert store.history.counts() == {}
    assert store.archive.editions_of(person.id, 5) == ()


def test_the_schema_can_be_taken_down_and_put_up_again(place: Path | str) -> None:
    with open_store(place) as opened:
        database_module.migrate(opened.database, "base")
        tables = sa.inspect(opened.database.engine).get_table_names()
        assert tables == ["alembic_version"]
        database_module.migrate(opened.database)
        assert opened.papers.add_listing(listing(paper(1))) == 1


@pytest.mark.sqlite
def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    open_store(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(SchemaTooNew, match="newer version"):
        open_store(path)


@pytest.mark.sqlite
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database, but long enough to look at" * 50)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="left as it is"):
        open_store(path)
    assert path.read_bytes() == before


@pytest.mark.sqlite
def test_flipped_bytes_are_noticed_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with open_store(path) as opened:
        opened.papers.add_listing(listing(*(paper(n, abstract="word " * 300) for n in range(300))))
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    body = bytearray(path.read_bytes())
    for at in range(8192, len(body), 4096):
        body[at : at + 64] = b"\xff" * 64
    path.write_bytes(body)
    with pytest.raises(StoreCorrupt):
        open_store(path)


@pytest.mark.sqlite
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be made"):
        open_store(tmp_path / "file" / "digest.db")


@pytest.mark.sqlite
def test_a_locked_database_is_told_and_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.sqlite.BUSY_TIMEOUT_MS", 50)
    with open_store(tmp_path / "x.db") as opened:
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="in use by another process"):
            opened.papers.add([paper(1)], NOW)
        other.execute("ROLLBACK")
        other.close()


def test_only_one_process_works_on_a_day(store: Store) -> None:
    with store.exclusive() as first, store.exclusive() as second:
        assert (first, second) == (True, False)
    with store.exclusive() as again:
        assert again


def test_processes_take_turns_at_a_service(place: Path | str) -> None:
    with open_store(place) as one, open_store(place) as other:
        turns = (one, other, one, other)
        waits = [s.rate_limits.acquire("api.example.org", NOW, 3.0) for s in turns]
        assert waits == [0, 3, 6, 9]
        assert one.rate_limits.acquire("elsewhere.example.org", NOW, 3.0) == 0
        later = NOW + timedelta(seconds=20)
        assert other.rate_limits.acquire("api.example.org", later, 3.0) == 0
        # a clock that was set back by a day does not make anybody wait for one
        assert one.rate_limits.acquire("api.example.org", NOW - timedelta(days=1), 3.0) == 3.0


LONG = "Laser beams meet mirrors in a laboratory"


def test_one_subscriber_is_found_by_id_or_address(store: Store) -> None:
    person = joined(store)
    assert store.subscribers.get(by_id=person.id) == person
    assert store.subscribers.get(by_email=" ADA@Example.org ") == person
    assert store.subscribers.get(by_id="nobody") is None
    assert store.subscribers.get(by_email="") is None


def test_a_paper_is_found_by_every_name_it_has(store: Store) -> None:
    store.papers.add([paper(1, doi="10.1000/x", aliases=("pmid:7",))], NOW)
    wanted = {"doi:10.1000/x", "pmid:7", "arxiv:2605.00001", "pmid:8"}
    assert store.papers.resolve(wanted) == dict.fromkeys(wanted - {"pmid:8"}, "arxiv:2605.00001")
    given = store.papers.add([paper(2, id="pmid:7", title="Other words")], NOW)
    assert given == {"pmid:7": "arxiv:2605.00001"}


def test_two_stored_papers_that_turn_out_to_be_one_are_joined_with_all_that_is_known(
    store: Store,
) -> None:
    person = joined(store)
    preprint = paper(1, title="First title of it")
    article = paper(2, id="doi:10.1000/j", doi="10.1000/j", title="Second title", source="x")
    store.papers.add_listing(listing(preprint))
    store.papers.add_listing(listing(article, source="Crossref"))
    for number, paper_id in enumerate((preprint.id, article.id)):
        store.ratings.add(
            [
                Rating(
                    subscriber_id=person.id,
                    paper_id=paper_id,
                    value=1,
                    rated_at=NOW + timedelta(hours=number),
                    origin="cli",
                )
            ]
        )
    assert len(store.ratings.of(person.id)) == 2
    bridge = paper(3, id="doi:10.1000/j", doi="10.1000/j", aliases=(preprint.id,), source="x")
    store.papers.add([bridge], NOW)
    assert [r.paper_id for r in store.ratings.of(person.id)] == [preprint.id]
    assert {m.source for m in store.papers.entries_of(preprint.id)} == {"arXiv", "Crossref"}
    assert store.papers.get([article.id]) == {}
    assert store.papers.resolve([article.id]) == {article.id: preprint.id}
    kept = store.papers.get([preprint.id])[preprint.id]
    assert kept.title == "First title of it"
    assert kept.doi == "10.1000/j"


def test_a_stored_paper_is_known_again_by_title_and_authors(store: Store) -> None:
    store.papers.add([paper(1, title=LONG)], NOW)
    feed = paper(2, id="feed:1", title=LONG.upper(), source="Journal", doi="10.1000/j")
    assert store.papers.add([feed], NOW) == {"feed:1": "arxiv:2605.00001"}
    other = paper(3, id="feed:2", title=LONG, authors=("Nobody Known",))
    assert store.papers.add([other], NOW) == {"feed:2": "feed:2"}


def test_a_feed_that_shows_a_paper_for_days_lists_it_once(store: Store) -> None:
    for days in range(3):
        day = DAY + timedelta(days=days)
        one = paper(1, announced=day)
        at = NOW + timedelta(days=days)
        store.papers.add_listing(listing(one, source="Journal", rolling=True, fetched_at=at))
        store.papers.add_listing(listing(one, source="arXiv", fetched_at=at))
    by_source = [m.source for m in store.papers.entries_of(paper(1).id)]
    assert by_source.count("Journal") == 1
    assert by_source.count("arXiv") == 3


def test_the_journal_version_of_a_known_preprint_is_listed_as_such(store: Store) -> None:
    store.papers.add_listing(listing(paper(1, title=LONG)))
    journal = paper(2, id="doi:10.1000/j", doi="10.1000/j", title=LONG, source="crossref")
    fresh = paper(3, id="doi:10.1000/k", doi="10.1000/k", title="Another one", source="crossref")
    store.papers.add_listing(listing(journal, fresh, source="Crossref"))
    types = {m.source: m.announce_type for m in store.papers.entries_of(paper(1).id)}
    assert types == {"arXiv": "new", "Crossref": "published"}
    assert [m.announce_type for m in store.papers.entries_of("doi:10.1000/k")] == ["new"]
    later = listing(replace(journal, announced=DAY + timedelta(days=1)), source="Another")
    store.papers.add_listing(later)  # it is known by now that it is out
    assert store.papers.entries_of(paper(1).id)[-1].announce_type == "new"


def test_names_go_with_their_papers(store: Store) -> None:
    store.papers.add([paper(1, doi="10.1000/x")], NOW)
    assert store.purge(NOW + timedelta(days=1)) == 1
    assert store.papers.resolve(["doi:10.1000/x"]) == {}


def test_what_was_stored_before_there_were_names_is_found_by_id_and_doi(place: Path | str) -> None:
    with open_store(place) as opened:
        opened.papers.add([paper(1, doi="10.1000/x")], NOW)
        database_module.migrate(opened.database, "0003")
    with open_store(place) as opened:
        found = opened.papers.resolve(["doi:10.1000/x", "arxiv:2605.00001"])
        assert set(found.values()) == {"arxiv:2605.00001"}
        assert len(found) == 2


def test_a_paper_is_found_by_any_address_that_is_shown_of_it(store: Store) -> None:
    known = paper(
        1,
        id="feed:abc",
        doi="",
        url="https://www.sciencedirect.example/science/article/pii/S0001?dgcid=rss_sd_all",
        pdf_url="https://papers.example/1.pdf",
    )
    store.papers.add([known], NOW)
    for address in (
        "https://www.sciencedirect.example/science/article/pii/S0001",
        "http://sciencedirect.example/science/article/pii/S0001?dgcid=rss_sd_all#top",
        "https://papers.example/1.pdf",
    ):
        found = store.papers.find(address)
        assert found is not None, address
        assert found.id == "feed:abc"
    assert store.papers.find("https://papers.example/2.pdf") is None


def test_a_second_version_in_a_feed_is_no_news(store: Store) -> None:
    """Reported of ChemRxiv: v1 mailed on the first day, v2 as new on the second."""

    def listed(version: int, when: datetime) -> int:
        doi = f"10.26434/chemrxiv-2026-abc12-v{version}"
        record = paper(
            1, id=f"doi:{doi.rpartition('-')[0]}", doi=doi, url=f"https://doi.org/{doi}",
            pdf_url="", announced=when.date(), version=version, source="ChemRxiv",
        )  # fmt: skip
        listing = Listing(source="ChemRxiv", papers=(record,), fetched_at=when, rolling=True)
        return store.papers.add_listing(listing)

    assert listed(1, NOW) == 1
    assert listed(2, NOW + timedelta(days=1)) == 0
    assert len(store.papers.entries_of("doi:10.26434/chemrxiv-2026-abc12")) == 1


def test_an_undated_entry_is_announced_once_whatever_feed_shows_it(store: Store) -> None:
    old = paper(1, id="feed:abc", doi="", published=None, announced=NOW.date(), source="J")

    def listed(source: str, when: datetime) -> None:
        record = replace(old, announced=when.date(), source=source)
        store.papers.add_listing(
            Listing(source=source, papers=(record,), fetched_at=when, rolling=True)
        )

    listed("Journal", NOW)
    listed("The same feed under another name", NOW + timedelta(days=1))
    assert [e.source for e in store.papers.entries_of("feed:abc")] == ["Journal"]


def test_an_older_database_learns_the_names_of_today(place: Path | str) -> None:
    """What a feed listed before the update is not announced anew under a better id."""
    page = "https://link.springer.com/article/10.1007/s00454-026-00001-1"
    old = [
        paper(1, id="feed:0123456789abcdef0123", doi="", url=page, pdf_url="", authors=()),
        paper(2, id="doi:10.21203/rs.3.rs-1/v1", doi="10.21203/rs.3.rs-1/v1", url="", pdf_url=""),
    ]
    with open_store(place) as opened:
        opened.papers.add(old, NOW)
        with opened.database.write() as connection:
            connection.execute(sa.text("DELETE FROM names WHERE name <> paper_id"))
        database_module.migrate(opened.database, "0009")
        database_module.migrate(opened.database)
        owned = opened.papers.resolve(
            ["doi:10.1007/s00454-026-00001-1", "doi:10.21203/rs.3.rs-1", f"url:{page[8:]}"]
        )
        assert set(owned.values()) == {p.id for p in old}
        assert len(owned) == 3
        found = opened.papers.get({p.id for p in old})
        assert all(p.author_ids == () for p in found.values())
