"""What more readers than one machine serves would take: the costs of each stage are measured here
and now, on PostgreSQL, and multiplied.

    python -m benchmarks.scale                     (make scale)

Two runs of the whole line tell what a further reader costs us in CPU, and the database in CPU and
in log; the rest is arithmetic, printed with its assumptions. A simulation, not a measurement.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: readers of the two runs
FEW, MANY = 400, 1_600
#: readers, and the hour in which all of them shall have their mail
SIZES, WITHIN_S = (10_000, 100_000, 1_000_000, 10_000_000), 3_600
#: how busy a processor may be on average: work is not spread evenly
BUSY = 0.7
#: of a mail server in the same region: seconds until it answers, and how often a mail waits for it
ANSWER_S, ANSWERS_A_MAIL = 0.05, 3
#: distinct papers among everybody's likes, at most, and the CPU it takes to vectorise one
DISTINCT_LIKES, VECTORISE_S = 300_000, 0.0004
#: readers in a block, and jobs a block
BLOCK, JOBS_A_BLOCK = 200, 2
#: mails that share a commit of the journal, of the eight connections of a sending job
MAILS_A_COMMIT = 5
#: what one machine of each kind has: cores of a database server, its log in MB a second, a network
#: in MB a second, jobs a second of the engine, mails a second that providers let a sender with a
#: good name send
DB_CORES, LOG_MB, NETWORK_MB, JOBS = 32, 300, 1_000, 150
#: assumed, since none of them says: whose mailboxes the readers have, and how many mails a second
#: each operator takes from one address with a good name
OPERATORS = {
    "Gmail": (0.40, 30.0),
    "Outlook": (0.20, 3.0),
    "Yahoo": (0.07, 5.0),
    "iCloud": (0.04, 3.0),
    "QQ and 163": (0.09, 1.0),
    "all others": (0.20, 20.0),
}
#: mails that a new address sends on its first day, and how many times as many on each further one
#: (`warm_up`), up to so many a day
FIRST_DAY, WARMING, MOST_A_DAY = 50, 1.5, 1_000_000
#: dollars: an hour of a core, a gigabyte out, a thousand mails by a relay such as Amazon's
CORE_HOUR, GIGABYTE, RELAYED = 0.04, 0.09, 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of one further reader."""

    compose_s: float
    send_s: float
    database_s: float
    log_bytes: float
    mail_bytes: float
    #: of every worker, once a day
    fit_s: float
    worker_mb: float


def measured(n: int) -> dict[str, Any]:
    """One run on PostgreSQL in a process of its own, with what the server did meanwhile."""
    command = [sys.executable, "-m", "benchmarks.scale", "--one", str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def one(n: int) -> dict[str, Any]:
    from benchmarks import line
    from tests import postgres

    running = postgres.server()
    assert running is not None
    return line.measured(n, "postgres", lambda: server_state(running))


def server_state(running: Any) -> dict[str, float]:
    """Seconds of CPU that the server has used, and bytes of log that it has written."""
    import psycopg

    with psycopg.connect(running.url("postgres")) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return {"database_cpu": cpu_of(running.process.pid), "log": float(row[0])}


def cpu_of(pid: int) -> float:
    """Of a process and its children, those that have ended among them."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        is_it, is_child = int(stat.parent.name) == pid, int(fields[1]) == pid
        if is_it:
            total += sum(map(int, fields[11:15]))
        elif is_child:
            total += sum(map(int, fields[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def costs() -> Costs:
    few, many = measured(FEW), measured(MANY)
    further = many["n"] - few["n"]

    def each(value: Any) -> float:
        return float(max(0.0, (value(many) - value(few)) / further))

    def cpu(run: dict[str, Any], *stages: str) -> float:
        return float(sum(run["stages_cpu"].get(s, 0.0) for s in stages))

    composing = ("choose", "fit and score", "read likes", "render and MIME", "plan")
    scoring = each(lambda r: cpu(r, "fit and score"))
    return Costs(
        compose_s=each(lambda r: cpu(r, *composing)),
        send_s=each(lambda r: cpu(r, "send")),
        database_s=each(lambda r: r["database_cpu"]),
        log_bytes=each(lambda r: r["log"]),
        mail_bytes=many["mail_bytes"],
        fit_s=max(0.0, cpu(few, "fit and score") - few["n"] * scoring),
        worker_mb=many["peak"],
    )


def row(n: int, c: Costs) -> dict[str, float]:
    """What so many readers within the hour take."""
    rate = n / WITHIN_S
    likes = min(DISTINCT_LIKES, 100 * n) * VECTORISE_S
    cores = rate * (c.compose_s + c.send_s) / BUSY
    # Every worker fits the day and vectorises the likes that it meets.
    workers = max(1, math.ceil(cores / (1 - min(0.9, (c.fit_s + likes) / WITHIN_S))))
    patience = max(rate * share / most for share, most in OPERATORS.values())
    addresses = math.ceil(patience)
    return {
        "rate": rate,
        "patience": patience,
        "addresses": addresses,
        "warm_days": days_to_warm_up(n / addresses),
        "workers": workers,
        "connections": math.ceil(rate * ANSWER_S * ANSWERS_A_MAIL / BUSY),
        "db_cores": rate * c.database_s / BUSY,
        "commits": rate / MAILS_A_COMMIT + rate / BLOCK,
        "log": rate * c.log_bytes / 1e6,
        "network": rate * c.mail_bytes / 1e6,
        "jobs": rate / BLOCK * JOBS_A_BLOCK,
        "alone_h": n * (c.compose_s + c.send_s) / 3600,
    }


def days_to_warm_up(a_day: float) -> float:
    """Until a new address may send so many a day."""
    return max(0.0, math.log(min(a_day, MOST_A_DAY) / FIRST_DAY) / math.log(WARMING))


def slowest(found: dict[str, float]) -> str:
    """The operator who takes longest to take everybody's mail from one address, and its hours."""
    hours = {k: found["rate"] * s * WITHIN_S / most / 3600 for k, (s, most) in OPERATORS.items()}
    name = max(hours, key=lambda k: hours[k])
    return f"{name}, {hours[name]:,.1f} h"


def money(c: Costs) -> str:
    """Dollars that a million mails cost."""
    cores = 1e6 * (c.compose_s + c.send_s + c.database_s) / BUSY / 3600 * CORE_HOUR
    out = 1e6 * c.mail_bytes / 1e9 * GIGABYTE
    return (
        f"A million mails cost ${cores:,.2f} of processors and ${out:,.2f} of traffic; by a relay "
        f"at ${RELAYED:.2f} a thousand ${1e3 * RELAYED:,.0f} more."
    )


def bottleneck(found: dict[str, float]) -> str:
    """What is used up first, and how much of it."""
    shares = {
        "the operators' patience with one address": found["patience"],
        "the database's log": found["log"] / LOG_MB,
        "the database's processors": found["db_cores"] / DB_CORES,
        "the network": found["network"] / NETWORK_MB,
        "the queue": found["jobs"] / JOBS,
    }
    name, share = max(shares.items(), key=lambda item: item[1])
    return f"{name} ({100 * share:.0f}%)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(chosen.one)))
        return
    from tests import postgres

    if postgres.programs() is None:
        print("Scale: skipped, there is no PostgreSQL (initdb) here.")
        return
    c = costs()
    print(
        f"A further reader costs {1e3 * c.compose_s:.1f} ms of CPU to compose for and "
        f"{1e3 * c.send_s:.1f} ms to send to, {1e3 * c.database_s:.1f} ms of the database's CPU, "
        f"{c.log_bytes / 1e3:.0f} kB of its log; the mail has {c.mail_bytes / 1e3:.0f} kB. "
        f"A worker fits the day in {c.fit_s:.1f} s and takes {c.worker_mb:.0f} MB."
    )
    print(money(c))
    print(f"For everybody within an hour, processors {100 * BUSY:.0f}% busy:")
    print()
    columns = (
        ("subscribers", lambda n, r: f"{n:,}"),
        ("mails a second", lambda n, r: f"{r['rate']:,.0f}"),
        ("one core would take", lambda n, r: f"{r['alone_h']:,.1f} h"),
        ("workers of one core", lambda n, r: f"{r['workers']:,.0f}"),
        ("connections", lambda n, r: f"{r['connections']:,.0f}"),
        ("database: cores", lambda n, r: f"{r['db_cores']:,.1f}"),
        ("log, MB/s", lambda n, r: f"{r['log']:,.1f}"),
        ("commits/s", lambda n, r: f"{r['commits']:,.0f}"),
        ("jobs/s", lambda n, r: f"{r['jobs']:,.1f}"),
        ("network, MB/s", lambda n, r: f"{r['network']:,.1f}"),
        ("from one address", lambda n, r: slowest(r)),
        ("addresses", lambda n, r: f"{r['addresses']:,.0f}"),
        ("days to warm up", lambda n, r: f"{r['warm_days']:.0f}"),
        ("used up first", lambda n, r: bottleneck(r)),
    )
    print("| " + " | ".join(name for name, _ in columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for n in SIZES:
        found = row(n, c)
        print("| " + " | ".join(shown(n, found) for _, shown in columns) + " |")


if __name__ == "__main__":
    main()
