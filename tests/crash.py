"""The crash test: a sender is killed with SIGKILL at random instants and started again until it is
done; then the receiving server's log is compared with the journal.

    python -m tests.crash --mails 500 --kills 200      (make crash)

A short form runs in `make test`. Kills fall into the sending, at any instruction between a claim
and the last word of the journal; in a third round also while editions are chosen and planned.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from digest import jobs
from digest.app import App
from digest.config import load_settings
from tests.faults import FaultyServer, faulty_server
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Outcome:
    """What the server's log and the journal say together."""

    n_kills: int
    n_mails: int
    #: subscribers that the server never kept a mail for
    n_lost: int
    #: copies beyond the first
    n_duplicates: int
    #: duplicates of mails that the journal does not know to be in doubt
    n_unexplained: int
    #: mails of which two copies differ
    n_different: int
    #: hand-overs that a kill fell into, as the journal counted them
    n_doubts: int
    #: mails that are held, never to be sent twice
    n_held: int

    def faults(self, *, hold: bool) -> list[str]:
        """What breaks the promise."""
        found = []
        if self.n_lost > (self.n_held if hold else 0):
            found.append(f"{self.n_lost} editions were lost, {self.n_held} are held")
        if self.n_unexplained:
            found.append(f"{self.n_unexplained} duplicates stand outside the recorded doubts")
        if self.n_duplicates > (0 if hold else self.n_doubts):
            found.append(f"{self.n_duplicates} duplicates, but {self.n_doubts} doubts")
        if self.n_different:
            found.append(f"{self.n_different} mails came in two versions")
        return found


def sender(config: Path, *, plan: bool) -> None:
    """What is killed: one run, which says what it does."""
    with App(load_settings(config, {})) as app:
        jobs.run(app, readers=None if plan else (), progress=lambda line: print(line, flush=True))


def crash(
    folder: Path, *, n_mails: int, n_kills: int, seed: int, hold: bool = False, plan: bool = False
) -> Outcome:
    """Kill until `n_kills` kills or the work is done, then let it finish.

    Args:
        plan: kill while planning too; else all editions are planned beforehand.
    """
    rng = random.Random(seed)
    people = "".join(ADA.replace("ada@", f"p{n}@") for n in range(n_mails))
    with make_world(folder) as world, faulty_server() as box:
        from datetime import UTC, datetime

        world.now = datetime.now(UTC)
        world.smtp = box  # type: ignore[assignment]
        box.delay_s = 0.01
        stamp = world.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(4)], stamp)))
        held = '[delivery]\non_unknown = "hold"\n' if hold else ""
        config = world.write(subscribers=people, sources=held)
        if not plan:
            with world.app() as app:
                counts = app.store.history.counts
                # it is asked after each block of readers, and before the sending
                jobs.run(app, should_stop=lambda: sum(counts().values()) == n_mails)
                assert sum(counts().values()) == n_mails, "not everybody has an edition"
        # long enough to get some mails further, short enough that many kills fit
        longest = 1.5 * n_mails / max(1, n_kills) * 0.02
        killed = 0
        while killed < n_kills and not _done(world):
            killed += _killed_once(config, rng.uniform(0, longest), plan)
        for _ in range(5):
            subprocess.run(_command(config, plan), cwd=ROOT, check=True, capture_output=True)
            if _done(world):
                break
        return _outcome(world, box, killed)


def _command(config: Path, plan: bool) -> list[str]:
    command = [sys.executable, "-m", "tests.crash", "--sender", str(config)]
    return [*command, "--plan"] if plan else command


def _killed_once(config: Path, after_s: float, plan: bool) -> int:
    process = subprocess.Popen(
        _command(config, plan),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if plan or line.endswith(": sent\n"):
            break
    time.sleep(after_s * (20 if plan else 1))
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    return int(process.wait() == -signal.SIGKILL)


def _done(world: World) -> bool:
    with world.app() as app:
        counts = app.store.history.counts()
        n_people = len(app.store.subscribers.all())
    return counts.get("sent", 0) + counts.get("unknown", 0) == n_people > 0


def _outcome(world: World, box: FaultyServer, n_kills: int) -> Outcome:
    with world.app() as app:
        journal = {d.message.recipient: d for d in app.store.history.deliveries(limit=100_000)}
    copies = Counter(k.recipient for k in box.kept)
    versions = {(k.recipient, k.message_id, k.body) for k in box.kept}
    return Outcome(
        n_kills=n_kills,
        n_mails=len(journal),
        n_lost=sum(1 for who in journal if not copies[who]),
        n_duplicates=sum(n - 1 for n in copies.values()),
        n_unexplained=sum(n - 1 for who, n in copies.items() if n - 1 > journal[who].doubts),
        n_different=len(versions) - len(copies),
        n_doubts=sum(d.doubts for d in journal.values()),
        n_held=sum(d.state == "unknown" for d in journal.values()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sender", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--plan", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--mails", type=int, default=500)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.sender:
        return sender(arguments.sender, plan=arguments.plan)
    broken = False
    for name, hold, plan in (
        ("resend", False, False),
        ("hold", True, False),
        ("resend, killed while planning too", False, True),
    ):
        with tempfile.TemporaryDirectory(prefix="digest-crash-") as folder:
            found = crash(
                Path(folder),
                n_mails=arguments.mails if not plan else min(60, arguments.mails),
                n_kills=arguments.kills if not plan else arguments.kills // 4,
                seed=arguments.seed,
                hold=hold,
                plan=plan,
            )
        print(
            f"{name}: {found.n_mails} mails, {found.n_kills} kills, {found.n_doubts} in the window,"
            f" {found.n_duplicates} duplicates, {found.n_lost} lost, {found.n_held} held"
        )
        for fault in found.faults(hold=hold):
            print(f"  BROKEN: {fault}")
            broken = True
    sys.exit(broken)


if __name__ == "__main__":
    main()
