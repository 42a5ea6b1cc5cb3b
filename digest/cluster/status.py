"""What a cluster is at: workers, jobs, how fast mails leave, and when it will be done."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from digest.app import App
from digest.cluster.queue import COMPOSE, PLAN, SEND, JobQueue, is_prepared
from digest.model import ClusterStatus, QueueCount, WorkerLife

#: throughput is measured over this time
WINDOW = timedelta(minutes=5)


def status(app: App) -> ClusterStatus:
    """Ask the database."""
    store = app.store
    now = store.server_time() or app.clock()
    dead_after = timedelta(seconds=app.settings.cluster.dead_after_s)
    workers = []
    for key, value in sorted(store.facts.list("worker:").items()):
        life = json.loads(value)
        seen = datetime.fromisoformat(life["seen"])
        workers.append(
            WorkerLife(
                name=key.removeprefix("worker:"),
                started=datetime.fromisoformat(life["started"]),
                seen=seen,
                alive=now - seen < dead_after,
            )
        )
    queues: tuple[QueueCount, ...] = ()
    n_readers = 0
    if is_prepared(store.facts.get):
        with JobQueue(str(app.settings.store.where)) as queue:
            known = {q.name: q for q in queue.counts()}
            n_readers = queue.n_readers_waiting()
        queues = tuple(
            known.get(name, QueueCount(name=name, todo=0, doing=0, failed=0))
            for name in (PLAN, COMPOSE, SEND)
        )
    n_mails = store.deliveries.n_due(now)
    n_settled, first = store.history.settled_since(now - WINDOW)
    seconds = (now - first).total_seconds() if first else 0.0
    per_second = n_settled / max(seconds, 1.0) if n_settled else 0.0
    waiting = n_readers + n_mails
    to_finish = timedelta(seconds=round(waiting / per_second)) if waiting and per_second else None
    return ClusterStatus(
        workers=tuple(workers),
        queues=queues,
        n_readers=n_readers,
        n_mails=n_mails,
        per_second=per_second,
        to_finish=to_finish,
    )
