"""What is PostgreSQL's own: addresses, errors, waiting, restarts, carrying over.

Everything else about a store is tested on it by `pytest --store postgres`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest import jobs
from digest.cluster.queue import COMPOSE, FACT, PLAN, SEND, JobQueue, prepare
from digest.errors import StoreError
from digest.model import Listing
from digest.store import Store, open_store, schema, transfer
from tests import postgres
from tests.conftest import NOW
from tests.factories import paper, subscriber
from tests.journal import plan
from tests.worlds import World, make_world


@pytest.fixture(scope="module", autouse=True)
def _server() -> None:
    postgres.need()


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(postgres.fresh()) as opened:
        yield opened


def listing(*numbers: int, **changes: object) -> Listing:
    papers = tuple(paper(n, **changes) for n in numbers)
    return Listing(source="arXiv", papers=papers, fetched_at=NOW)


def test_nobody_learns_of_a_mention_before_those_with_lower_numbers(store: Store) -> None:
    """Numbers are drawn before a transaction ends, so without a turn the later one could be seen
    first, and an edition made then would pass over the other one's papers for ever."""
    done = threading.Event()

    def add() -> None:
        store.papers.add_listing(listing(2))
        done.set()

    thread = threading.Thread(target=add)
    with store.database.write("papers") as connection:
        connection.execute(
            schema.mentions.insert().values(
                paper_id="arxiv:1",
                source="arXiv",
                listed_on=NOW.date(),
                announce_type="new",
                first_seen=NOW,
            )
        )
        thread.start()
        assert not done.wait(0.3)
    thread.join(10)
    assert done.is_set()
    ids = [m.id for m in store.papers.entries(NOW, NOW.date())]
    assert len(ids) == 2
    assert ids == sorted(ids)


def test_two_processes_take_different_mails(store: Store) -> None:
    """See test_store for the same on one connection; here a claim is under way meanwhile."""
    from tests.integration.test_store import LEASE, edition, message

    people = store.subscribers.sync_config(
        [subscriber(email=f"p{n}@example.org") for n in range(4)], NOW
    )
    for person in people:
        plan(store, edition(person, 1), message(person.email), 0, NOW)
    table = schema.deliveries
    with store.database.write() as connection:
        first = sa.select(table.c.message_id).order_by(table.c.message_id).limit(2)
        held = set(connection.scalars(first.with_for_update()))
        claimed = {d.message.message_id for d in store.deliveries.claim("other", NOW, LEASE, 10)}
    assert len(claimed) == 2
    assert not held & claimed


def test_overlong_and_odd_text_of_a_feed_costs_nothing(store: Store) -> None:
    long = {"doi": "10.1/" + "x" * 900, "primary_category": "c" * 300, "language": "l" * 90}
    assert store.papers.add_listing(listing(1, **long)) == 1
    assert store.papers.resolve(["a\0b"]) == {}
    assert store.subscribers.get(by_email="\0") is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://eve:sesame@127.0.0.1:1/digest", "cannot be reached"),
        ("postgresql://postgres:sesame@127.0.0.1:{port}/nowhere", 'database "nowhere"'),
        ("postgresql://eve:sesame@127.0.0.1:{port}/postgres", 'role "eve"'),
    ],
)
def test_a_database_that_cannot_be_had_is_told_without_the_password(url: str, told: str) -> None:
    running = postgres.server()
    assert running is not None
    with pytest.raises(StoreError) as caught:
        open_store(url.format(port=running.port))
    assert told in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_server_that_is_started_again_is_found_again() -> None:
    running = postgres.start()
    assert running is not None
    try:
        with open_store(running.url("postgres")) as store:
            store.papers.add_listing(listing(1))
            running.restart()
            assert store.papers.add_listing(listing(2)) == 1
            assert store.counts()["papers"] == 2
    finally:
        running.stop()


def test_a_sqlite_database_is_carried_over_with_its_keys(tmp_path: Path) -> None:
    with open_store(tmp_path / "small.db") as small:
        small.papers.add_listing(listing(1, 2))
        (person,) = small.subscribers.sync_config([subscriber()], NOW)
        small.ratings.sync(person.id, "config", [paper(1).id], NOW)
        with open_store(postgres.fresh()) as big:
            assert transfer(small, big) > 5
            assert tuple(big.subscribers.all()) == tuple(small.subscribers.all())
            assert big.ratings.of(person.id) == small.ratings.of(person.id)
            before = [m.id for m in big.papers.entries(NOW, NOW.date())]
            assert before == [m.id for m in small.papers.entries(NOW, NOW.date())]
            big.papers.add_listing(listing(3))
            assert max(m.id for m in big.papers.entries(NOW, NOW.date())) > max(before)
            with pytest.raises(StoreError, match="holds something"):
                transfer(small, big)
        with open_store(big.name) as again:
            assert again.keys == small.keys


def test_the_command_carries_over_and_says_what_is_missing(tmp_path: Path) -> None:
    from tests.acceptance.test_command import digest

    with make_world(tmp_path) as world:
        world.store = ""
        world.write()
        with world.app() as app:
            jobs.run(app)
        refused = digest(tmp_path, "transfer", "digest.db")
        assert refused.returncode == 1
        assert "[store] url is empty" in refused.stderr
        world.store = postgres.fresh()
        world.write()
        done = digest(tmp_path, "transfer", "digest.db")
        assert done.returncode == 0, done.stderr
        assert "carried over" in done.stdout
        assert digest(tmp_path, "transfer", "missing.db").returncode == 1
        again = digest(tmp_path, "transfer", "digest.db")
        assert "must be empty" in again.stderr
        refused = digest(tmp_path, "backup", "copy.db")
        assert "pg_dump" in refused.stderr


def test_one_process_at_a_time_runs_the_day(store: Store, tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        world.store = postgres.fresh()
        world.write()
        with world.app() as one, World.app(world) as other, one.store.exclusive() as alone:
            assert alone
            assert jobs.run(other) is None


# --- the queue -----------------------------------------------------------------------------------


@pytest.fixture
def queue(store: Store) -> Iterator[JobQueue]:
    store.facts.upgrade(FACT, prepare)
    store.facts.upgrade(FACT, prepare)  # a second worker finds it done
    with JobQueue(store.name) as opened:
        yield opened


def test_an_order_holds_if_its_transaction_does(store: Store, queue: JobQueue) -> None:
    with store.database.write() as connection:
        raw = connection.connection.driver_connection
        queue.compose(NOW.isoformat(), "issue", ["a", "b"], raw)
        assert queue.n_waiting(COMPOSE) == 0
    assert queue.n_waiting(COMPOSE) == 1
    assert queue.n_readers_waiting() == 2

    class Fails(Exception):
        pass

    with pytest.raises(Fails), store.database.write() as connection:  # noqa: PT012
        queue.send(0, "route", connection.connection.driver_connection)
        raise Fails
    assert queue.n_waiting(SEND) == 0


def test_what_the_dead_were_at_is_handed_out_again_whatever_it_was(
    store: Store, queue: JobQueue
) -> None:
    """A job that comes by the clock may stand in line already, which the engine allows once: its
    dead twin must keep nobody from rescuing the others."""
    queue.send(0, "route")
    jobs = sa.text(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = "
        "(SELECT max(id) FROM procrastinate_workers)"
    )
    maintain = queue._app.configure_task(
        "digest.maintain", queue=PLAN, queueing_lock="digest.maintain"
    )
    maintain.defer(timestamp=1)
    with store.database.write() as connection:
        silent = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1h')"
        connection.execute(sa.text(silent))
        connection.execute(jobs)
    maintain.defer(timestamp=2)
    assert {q.name: (q.todo, q.doing) for q in queue.counts()} == {PLAN: (1, 1), SEND: (0, 1)}
    assert queue.rescue(timedelta(minutes=1)) == 2
    assert {q.name: (q.todo, q.doing) for q in queue.counts()} == {PLAN: (1, 0), SEND: (1, 0)}
    assert queue.rescue(timedelta(minutes=1)) == 0


def test_jobs_of_the_living_are_left_to_them(store: Store, queue: JobQueue) -> None:
    queue.send(0, "route")
    with store.database.write() as connection:
        connection.execute(sa.text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
        connection.execute(
            sa.text(
                "UPDATE procrastinate_jobs SET status = 'doing', worker_id = "
                "(SELECT max(id) FROM procrastinate_workers)"
            )
        )
    assert queue.rescue(timedelta(minutes=1)) == 0


def test_no_two_jobs_have_one_slot_at_once(store: Store, queue: JobQueue) -> None:
    """The engine's lock is what keeps the connections of all workers within their limit."""
    for slot in (0, 0, 1):
        queue.send(slot, "mail.example.org:25")
    with store.database.write() as connection:
        worker = connection.scalar(
            sa.text("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        )
        fetch = sa.text("SELECT lock FROM procrastinate_fetch_job_v2(NULL, :worker)")
        taken = [connection.scalar(fetch, {"worker": worker}) for _ in range(3)]
    assert taken == ["mail.example.org:25#0", "mail.example.org:25#1", None]
