"""The database: what it keeps, what it refuses, what it says when it cannot."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from digest.errors import SchemaTooNew, StoreBusy, StoreCorrupt, StoreError
from digest.model import (
    Basis,
    DeliveryKey,
    DeliveryState,
    Edition,
    EditionKind,
    EmptyReason,
    Listing,
    Message,
    NoEdition,
    Paper,
    Rating,
    Subscriber,
    SubscriberState,
    Validators,
)
from digest.ports import Settled
from digest.store import SqlStore, open_store, schema
from digest.store import database as database_module
from tests.conftest import NOW
from tests.factories import paper, pick, subscriber
from tests.journal import mark_handing, plan, record_empty, settle

DAY = date(2026, 5, 20)
LEASE = timedelta(minutes=5)


@pytest.fixture
def store(place: Path | str) -> Iterator[SqlStore]:
    with open_store(place) as opened:
        yield opened


def listing(*papers: Paper, **changes: object) -> Listing:
    values: dict[str, object] = {"source": "arXiv", "papers": papers, "fetched_at": NOW}
    return Listing(**(values | changes))  # type: ignore[arg-type]


def joined(store: SqlStore, **changes: object) -> Subscriber:
    (person,) = store.sync_config_subscribers([subscriber(**changes)], NOW)
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


def test_a_listing_is_stored_once_however_often_it_is_fetched(store: SqlStore) -> None:
    first = listing(paper(1), paper(2), days=(DAY,), validators=(Validators(url="u", etag="e"),))
    assert store.add_listing(first) == 2
    assert store.add_listing(first) == 0
    assert len(store.mentions(NOW - timedelta(days=1), DAY)) == 2
    request = store.fetch_request("arXiv", NOW, None)
    assert request.covered == {DAY}
    assert request.validators["u"].etag == "e"
    assert store.fetch_request("other", NOW, None).covered == frozenset()


def test_papers_come_back_as_they_were(store: SqlStore) -> None:
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
    store.add_listing(listing(full))
    assert store.papers([full.id]) == {full.id: full}


def test_what_a_second_source_knows_is_added_to_the_paper(store: SqlStore) -> None:
    store.add_listing(listing(paper(1)))
    voted = replace(paper(1, upvotes=9), source="huggingface", categories=(), abstract="")
    assert store.add_listing(listing(voted, source="Daily Papers")) == 0
    (known,) = store.papers([paper(1).id]).values()
    assert known.signals.upvotes == 9
    assert known.categories == ("cs.CL",)
    assert len(store.mentions(NOW - timedelta(days=1), DAY)) == 2


def test_a_journal_copy_with_the_same_doi_is_the_same_paper(store: SqlStore) -> None:
    store.add_listing(listing(paper(1, doi="10.1/x")))
    copy = paper(2, id="doi:10.1/x", doi="10.1/x", source="J")
    assert store.add_listing(listing(copy, source="J")) == 0
    assert {m.paper_id for m in store.mentions(NOW - timedelta(days=1), DAY)} == {paper(1).id}


def test_listed_papers_come_newest_first_and_likes_are_not_among_them(store: SqlStore) -> None:
    store.add_listing(listing(paper(1), paper(2)))
    store.add_papers([paper(9)], NOW)
    store.add_listing(listing(paper(3), fetched_at=NOW + LEASE))
    assert [p.arxiv_id[-1] for p in store.listed(10)] == ["3", "2", "1"]
    assert len(store.listed(2)) == 2


def test_ten_thousand_papers_fit_in_one_listing(store: SqlStore) -> None:
    assert store.add_listing(listing(*(paper(n) for n in range(10_000)))) == 10_000
    assert len(store.background(20_000)) == 10_000


def test_a_paper_without_announcement_date_teaches_words_but_is_not_new(store: SqlStore) -> None:
    store.add_listing(listing(paper(1, announced=None)))
    assert store.mentions(NOW - timedelta(days=1), DAY) == ()
    assert len(store.background(10)) == 1


# --- people --------------------------------------------------------------------------------------


def test_people_of_the_config_keep_their_id_and_come_and_go_with_it(store: SqlStore) -> None:
    first = joined(store)
    again = joined(store, email="ADA@example.org", name="Ada L.", edition_size=3)
    assert again.id == first.id
    assert store.subscribers()[0].edition_size == 3
    store.sync_config_subscribers([subscriber(email="b@example.org")], NOW)
    states = {s.email: s.state for s in store.subscribers()}
    assert states == {
        "ADA@example.org": SubscriberState.PAUSED,
        "b@example.org": SubscriberState.ACTIVE,
    }


def test_the_config_does_not_bring_back_who_left_or_bounced(store: SqlStore) -> None:
    person = joined(store)
    for state in (SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED):
        store.set_state(person.id, state)
        assert joined(store).state is state


def test_ratings_of_the_file_follow_the_file_and_a_readers_own_word_weighs_more(
    store: SqlStore,
) -> None:
    person = joined(store)
    store.add_papers([paper(n) for n in range(4)], NOW)
    ids = [paper(n).id for n in range(4)]
    store.sync_ratings(person.id, "config", ids[:3], NOW)
    store.sync_ratings(person.id, "config", [ids[1], ids[3]], NOW + LEASE)
    assert {r.paper_id for r in store.ratings(person.id)} == {ids[1], ids[3]}
    assert next(r for r in store.ratings(person.id) if r.paper_id == ids[1]).rated_at == NOW
    store.add_ratings(
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
    state = store.reader_state(person.id, DAY)
    assert [p.id for p in state.liked] == [ids[3]]
    assert [p.id for p in state.disliked] == [ids[1]]
    assert store.remove_rating(person.id, ids[1], keep="config") == 1
    assert store.remove_rating(person.id, ids[1], keep="config") == 0


# --- the journal ---------------------------------------------------------------------------------


def test_one_key_is_planned_once(store: SqlStore) -> None:
    person = joined(store)
    assert plan(store, edition(person, 1, 2), message("m"), 7, NOW)
    assert not plan(store, edition(person, 3), message("n"), 9, NOW)
    (claimed,) = store.claim("w", NOW, LEASE, 10)
    settle(store, claimed.key, "w", DeliveryState.SENT, NOW, reply="")
    tomorrow = DAY + timedelta(days=1)
    state = store.reader_state(person.id, tomorrow)
    assert state.sent == {paper(1).id, paper(2).id}
    assert state.cursor == 7
    assert store.reader_state(person.id, DAY).sent == frozenset()


def test_a_message_has_one_owner_and_every_step_needs_the_lease(store: SqlStore) -> None:
    person = joined(store)
    plan(store, edition(person, 1), message("m"), 0, NOW)
    (claimed,) = store.claim("w1", NOW, LEASE, 10)
    assert store.claim("w2", NOW, LEASE, 10) == ()
    assert not mark_handing(store, claimed.key, "w2", NOW)
    assert mark_handing(store, claimed.key, "w1", NOW)
    assert not mark_handing(store, claimed.key, "w1", NOW)
    assert settle(store, claimed.key, "w1", DeliveryState.SENT, NOW, reply="250 ok")
    assert not settle(store, claimed.key, "w1", DeliveryState.FAILED, NOW, reply="")
    done = store.delivery(claimed.key)
    assert done is not None
    assert (done.state, done.attempts, done.reply) == (DeliveryState.SENT, 1, "250 ok")


@pytest.mark.parametrize(
    ("hold", "expected"), [(False, DeliveryState.READY), (True, DeliveryState.UNKNOWN)]
)
def test_what_the_dead_left_is_ready_again_and_what_they_were_handing_over_is_in_doubt(
    store: SqlStore, hold: bool, expected: DeliveryState
) -> None:
    people = store.sync_config_subscribers(
        [subscriber(email=f"{n}@example.org") for n in "ab"], NOW
    )
    for person in people:
        plan(store, edition(person, 1), message(person.email), 0, NOW)
    claimed = {d.key.subscriber_id: d for d in store.claim("dead", NOW, LEASE, 10)}
    handing = claimed[people[0].id].key
    mark_handing(store, handing, "dead", NOW)
    assert store.sweep(NOW, hold=hold) == 0
    assert store.sweep(NOW + LEASE, hold=hold) == 1
    found = [store.delivery(key(p)) for p in people]
    assert [f.state for f in found if f] == [expected, DeliveryState.READY]
    assert [f.doubts for f in found if f] == [1, 0]
    assert not settle(store, handing, "dead", DeliveryState.SENT, NOW, reply="late")


def test_a_deferred_message_waits_for_its_time(store: SqlStore) -> None:
    person = joined(store)
    plan(store, edition(person, 1), message("m"), 0, NOW)
    (claimed,) = store.claim("w", NOW, LEASE, 1)
    later = NOW + timedelta(minutes=5)
    settle(store, claimed.key, "w", DeliveryState.DEFERRED, NOW, reply="451", next_at=later)
    assert store.claim("w", NOW, LEASE, 1) == ()
    assert not store.has_due_deliveries(NOW)
    assert store.has_due_deliveries(later)
    assert len(store.claim("w", later, LEASE, 1)) == 1


def test_an_empty_day_is_remembered_until_an_edition_comes(store: SqlStore) -> None:
    person = joined(store)
    empty = NoEdition(
        subscriber=person, edition_date=DAY, reason=EmptyReason.NO_LISTING, detail="Nothing."
    )
    record_empty(store, empty, 3, NOW, NOW + LEASE)
    standing = store.standings({person.id: DAY})[person.id]
    assert (standing.empty, standing.again_at) == (True, NOW + LEASE)
    assert store.reader_state(person.id, DAY + timedelta(days=1)).cursor == 3
    assert [e.outcome for e in store.history(person.id, 5)] == ["no_listing"]
    plan(store, edition(person, 1), message("m"), 4, NOW)
    assert [e.outcome for e in store.history(person.id, 5)] == ["ready"]


def test_old_papers_go_unless_somebody_needs_them(store: SqlStore) -> None:
    person = joined(store)
    store.add_listing(listing(*(paper(n) for n in range(4))))
    store.sync_ratings(person.id, "config", [paper(1).id], NOW)
    plan(store, edition(person, 2), message("m"), 0, NOW)
    (claimed,) = store.claim("w", NOW, LEASE, 1)
    settle(store, claimed.key, "w", DeliveryState.SENT, NOW, reply="")
    assert store.purge(NOW - LEASE) == 0
    assert store.purge(NOW + LEASE) == 2
    assert set(store.papers([paper(n).id for n in range(4)])) == {paper(1).id, paper(2).id}
    mail = store.delivery(claimed.key)
    assert mail is not None
    assert mail.message.body == b""
    assert store.reader_state(person.id, DAY + timedelta(days=1)).sent == {paper(2).id}


def test_many_workers_share_the_mails_without_overlap(store: SqlStore) -> None:
    people = store.sync_config_subscribers(
        [subscriber(email=f"{n}@example.org") for n in range(120)], NOW
    )
    for person in people:
        plan(store, edition(person, 1), message(person.email), 0, NOW)
    taken: list[str] = []

    def work(name: str) -> None:
        while batch := store.claim(name, NOW, LEASE, 7):
            for d in batch:
                settle(store, d.key, name, DeliveryState.SENT, NOW, reply="")
                taken.append(d.key.subscriber_id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(taken) == sorted(p.id for p in people)


def test_vectors_are_kept_by_model_and_text(store: SqlStore) -> None:
    vector = np.array([0.6, 0.8], dtype=np.float32)
    store.add_embeddings("m", {"k": vector}, NOW)
    store.add_embeddings("m", {"k": vector * 0}, NOW)
    np.testing.assert_allclose(store.embeddings("m", ["k", "other"])["k"], vector, atol=1e-3)
    assert store.embeddings("n", ["k"]) == {}
    store.purge(NOW + LEASE)
    assert store.embeddings("m", ["k"]) == {}


def test_a_database_of_the_first_version_is_brought_up_to_date(place: Path | str) -> None:
    with open_store(place) as opened:
        opened.add_listing(listing(paper(1)))
        database_module.migrate(opened._db, "0001")
        assert "embeddings" not in sa.inspect(opened._db.engine).get_table_names()
    with open_store(place) as opened:
        assert opened.embeddings("m", ["k"]) == {}
        assert len(opened.background(5)) == 1


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_exactly_the_tables_that_the_code_expects(place: Path | str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with open_store(place) as opened, opened._db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, schema.metadata) == []


def test_mails_and_their_texts_come_along_both_ways(place: Path | str) -> None:
    with open_store(place) as opened:
        (person,) = opened.sync_config_subscribers([subscriber()], NOW)
        plan(opened, edition(person, 1), message("m"), 0, NOW)
        key = DeliveryKey(subscriber_id=person.id, edition_date=DAY)
        before = opened.delivery(key)
        assert before is not None
        assert before.message.body
        database_module.migrate(opened._db, "0005")
        with opened._db.read() as connection:
            old = connection.exec_driver_sql("SELECT body FROM deliveries").scalar()
        assert bytes(old) == before.message.body  # type: ignore[arg-type]
        database_module.migrate(opened._db)
        assert opened.delivery(key) == before
        assert opened.subscribers() == (person,)


def test_the_text_of_a_mail_is_forgotten_before_the_mail(store: SqlStore) -> None:
    (person,) = store.sync_config_subscribers([subscriber()], NOW)
    plan(store, edition(person, 1), message("m"), 0, NOW)
    key = DeliveryKey(subscriber_id=person.id, edition_date=DAY)
    later = NOW + timedelta(days=15)
    store.purge(NOW - LEASE, later)
    assert store.delivery(key).message.body  # type: ignore[union-attr] - it is not sent yet
    store.claim("w", NOW, LEASE, 1)
    settle(store, key, "w", DeliveryState.FAILED, NOW, reply="550")
    store.purge(NOW - LEASE, NOW)
    assert store.delivery(key).message.body  # type: ignore[union-attr]
    store.purge(NOW - LEASE, later)
    assert store.delivery(key).message.body == b""  # type: ignore[union-attr]
    assert store.retry(key, NOW) == "it is too old; its text is forgotten"


def test_readers_are_looked_at_when_they_may_be_due(store: SqlStore) -> None:
    people = store.sync_config_subscribers(
        [subscriber(email=f"p{n}@example.org") for n in range(3)], NOW
    )
    first, second, third = sorted(people, key=lambda p: p.id)
    hour = timedelta(hours=1)
    assert [s.id for s in store.due(NOW, 10)] == [first.id, second.id, third.id]
    store.put_off({first.id: NOW + hour, second.id: NOW + 2 * hour}, NOW)
    assert [s.id for s in store.due(NOW, 10)] == [third.id]
    assert [s.id for s in store.due(NOW + hour, 10)] == [third.id, first.id]
    # a clock that was ahead when it was decided does not count, nor do settings of before
    assert len(store.due(NOW - hour, 10)) == 3
    store.save_subscriber(replace(second, edition_size=3))
    assert second.id in [s.id for s in store.due(NOW, 10)]
    store.set_state(third.id, SubscriberState.PAUSED)
    assert third.id not in [s.id for s in store.due(NOW, 10)]


def test_of_a_block_what_is_known_stays_and_the_rest_is_planned(store: SqlStore) -> None:
    people = store.sync_config_subscribers(
        [subscriber(email=f"p{n}@example.org") for n in range(3)], NOW
    )
    plan(store, edition(people[0], 1), message("p0@example.org"), 7, NOW)
    also: list[object] = []
    block = [
        Settled(letter=edition(p, 2), message=message(p.email), cursor=9, due_at=NOW + LEASE)
        for p in people
    ]
    planned = store.settle_day(block, NOW, also.append)
    assert {k.subscriber_id for k in planned} == {people[1].id, people[2].id}
    assert len(also) == 1
    assert store.settle_day(block, NOW, also.append) == frozenset()
    assert len(also) == 1
    assert store.due(NOW, 10) == ()


def test_what_goes_along_with_a_block_is_one_transaction_with_it(store: SqlStore) -> None:
    (person,) = store.sync_config_subscribers([subscriber()], NOW)

    def fails(connection: object) -> None:
        raise RuntimeError("the queue says no")

    block = [Settled(letter=edition(person, 1), message=message("m"), cursor=1)]
    with pytest.raises(RuntimeError):
        store.settle_day(block, NOW, fails)
    assert store.delivery_counts() == {}
    assert store.editions_of(person.id, 5) == ()


def test_the_schema_can_be_taken_down_and_put_up_again(place: Path | str) -> None:
    with open_store(place) as opened:
        database_module.migrate(opened._db, "base")
        tables = sa.inspect(opened._db.engine).get_table_names()
        assert tables == ["alembic_version"]
        database_module.migrate(opened._db)
        assert opened.add_listing(listing(paper(1))) == 1


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
        opened.add_listing(listing(*(paper(n, abstract="word " * 300) for n in range(300))))
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
            opened.add_papers([paper(1)], NOW)
        other.execute("ROLLBACK")
        other.close()


def test_only_one_process_works_on_a_day(store: SqlStore) -> None:
    with store.exclusive() as first, store.exclusive() as second:
        assert (first, second) == (True, False)
    with store.exclusive() as again:
        assert again


def test_processes_take_turns_at_a_service(place: Path | str) -> None:
    with open_store(place) as one, open_store(place) as other:
        waits = [s.reserve("api.example.org", NOW, 3.0) for s in (one, other, one, other)]
        assert waits == [0, 3, 6, 9]
        assert one.reserve("elsewhere.example.org", NOW, 3.0) == 0
        later = NOW + timedelta(seconds=20)
        assert other.reserve("api.example.org", later, 3.0) == 0
        # a clock that was set back by a day does not make anybody wait for one
        assert one.reserve("api.example.org", NOW - timedelta(days=1), 3.0) == 3.0


LONG = "Laser beams meet mirrors in a laboratory"


def test_one_subscriber_is_found_by_id_or_address(store: SqlStore) -> None:
    person = joined(store)
    assert store.subscriber(by_id=person.id) == person
    assert store.subscriber(by_email=" ADA@Example.org ") == person
    assert store.subscriber(by_id="nobody") is None
    assert store.subscriber(by_email="") is None


def test_a_paper_is_found_by_every_name_it_has(store: SqlStore) -> None:
    store.add_papers([paper(1, doi="10.1000/x", aliases=("pmid:7",))], NOW)
    wanted = {"doi:10.1000/x", "pmid:7", "arxiv:2605.00001", "pmid:8"}
    assert store.known_as(wanted) == dict.fromkeys(wanted - {"pmid:8"}, "arxiv:2605.00001")
    given = store.add_papers([paper(2, id="pmid:7", title="Other words")], NOW)
    assert given == {"pmid:7": "arxiv:2605.00001"}


def test_two_stored_papers_that_turn_out_to_be_one_are_joined_with_all_that_is_known(
    store: SqlStore,
) -> None:
    person = joined(store)
    preprint = paper(1, title="First title of it")
    article = paper(2, id="doi:10.1000/j", doi="10.1000/j", title="Second title", source="x")
    store.add_listing(listing(preprint))
    store.add_listing(listing(article, source="Crossref"))
    for number, paper_id in enumerate((preprint.id, article.id)):
        store.add_ratings(
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
    assert len(store.ratings(person.id)) == 2
    bridge = paper(3, id="doi:10.1000/j", doi="10.1000/j", aliases=(preprint.id,), source="x")
    store.add_papers([bridge], NOW)
    assert [r.paper_id for r in store.ratings(person.id)] == [preprint.id]
    assert {m.source for m in store.mentions_of(preprint.id)} == {"arXiv", "Crossref"}
    assert store.papers([article.id]) == {}
    assert store.known_as([article.id]) == {article.id: preprint.id}
    kept = store.papers([preprint.id])[preprint.id]
    assert kept.title == "First title of it"
    assert kept.doi == "10.1000/j"


def test_a_stored_paper_is_known_again_by_title_and_authors(store: SqlStore) -> None:
    store.add_papers([paper(1, title=LONG)], NOW)
    feed = paper(2, id="feed:1", title=LONG.upper(), source="Journal", doi="10.1000/j")
    assert store.add_papers([feed], NOW) == {"feed:1": "arxiv:2605.00001"}
    other = paper(3, id="feed:2", title=LONG, authors=("Nobody Known",))
    assert store.add_papers([other], NOW) == {"feed:2": "feed:2"}


def test_a_feed_that_shows_a_paper_for_days_lists_it_once(store: SqlStore) -> None:
    for days in range(3):
        day = DAY + timedelta(days=days)
        one = paper(1, announced=day)
        at = NOW + timedelta(days=days)
        store.add_listing(listing(one, source="Journal", rolling=True, fetched_at=at))
        store.add_listing(listing(one, source="arXiv", fetched_at=at))
    by_source = [m.source for m in store.mentions_of(paper(1).id)]
    assert by_source.count("Journal") == 1
    assert by_source.count("arXiv") == 3


def test_the_journal_version_of_a_known_preprint_is_listed_as_such(store: SqlStore) -> None:
    store.add_listing(listing(paper(1, title=LONG)))
    journal = paper(2, id="doi:10.1000/j", doi="10.1000/j", title=LONG, source="crossref")
    fresh = paper(3, id="doi:10.1000/k", doi="10.1000/k", title="Another one", source="crossref")
    store.add_listing(listing(journal, fresh, source="Crossref"))
    types = {m.source: m.announce_type for m in store.mentions_of(paper(1).id)}
    assert types == {"arXiv": "new", "Crossref": "published"}
    assert [m.announce_type for m in store.mentions_of("doi:10.1000/k")] == ["new"]
    later = listing(replace(journal, announced=DAY + timedelta(days=1)), source="Another")
    store.add_listing(later)  # it is known by now that it is out
    assert store.mentions_of(paper(1).id)[-1].announce_type == "new"


def test_names_go_with_their_papers(store: SqlStore) -> None:
    store.add_papers([paper(1, doi="10.1000/x")], NOW)
    assert store.purge(NOW + timedelta(days=1)) == 1
    assert store.known_as(["doi:10.1000/x"]) == {}


def test_what_was_stored_before_there_were_names_is_found_by_id_and_doi(place: Path | str) -> None:
    with open_store(place) as opened:
        opened.add_papers([paper(1, doi="10.1000/x")], NOW)
        database_module.migrate(opened._db, "0003")
    with open_store(place) as opened:
        found = opened.known_as(["doi:10.1000/x", "arxiv:2605.00001"])
        assert set(found.values()) == {"arxiv:2605.00001"}
        assert len(found) == 2
