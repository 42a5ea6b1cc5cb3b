"""One subscriber, 100 likes, 1,000 new papers: from fetch (loopback) to accepted by SMTP.

The run is a process of its own, so that the servers cost it nothing; beside it stands the bare
cost of importing scikit-learn, which no run can be below.
"""

from __future__ import annotations

import compileall
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from digest import runtime
from digest.demo import SAMPLE, catch_all

N_PAPERS, N_LIKES, N_SENTENCES = 1000, 100, 8


def sentences() -> list[str]:
    """Sentences of the bundled sample, to be shuffled into abstracts."""
    text = (SAMPLE / "arxiv.xml").read_text("utf-8")
    abstracts = re.findall(r"Abstract: (.*?)</description>", text, re.S)
    return [s for a in abstracts for s in re.split(r"(?<=\.)\s+", a)]


def made_up(n: int, seed: int) -> list[tuple[str, str]]:
    """(title, abstract) pairs; each has a few words of its own, as real papers do."""
    rng, pool = random.Random(seed), sentences()
    papers = []
    for i in range(n):
        own = [
            f"{rng.choice('bdfgklmnprstv')}{rng.choice('aeiou')}{rng.randrange(3000):x}"
            for _ in range(4)
        ]
        chosen = rng.sample(pool, N_SENTENCES)
        title = " ".join(chosen[0].split()[:9]) + f" {own[0]}"
        papers.append((title, " ".join(chosen) + f" We call it {' '.join(own)} no. {i}."))
    return papers


def listing(papers: Sequence[tuple[str, str]]) -> bytes:
    stamp = format_datetime(datetime.now(UTC).replace(hour=0, minute=0, second=0))
    items = "".join(
        f"<item><title>{escape(t)}</title><link>https://arxiv.org/abs/2601.{n:05d}</link>"
        f"<description>arXiv:2601.{n:05d}v1 Announce Type: new \n"
        f"Abstract: {escape(a)}</description>"
        f"<guid>oai:arXiv.org:2601.{n:05d}v1</guid><category>cs.CL</category>"
        "<arxiv:announce_type>new</arxiv:announce_type><dc:creator>A. B., C. D.</dc:creator></item>"
        for n, (t, a) in enumerate(papers)
    )
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>x</title>'
        f"<pubDate>{stamp}</pubDate>{items}</channel></rss>"
    ).encode()


def config(folder: Path, web_port: int, smtp_port: int) -> Path:
    likes = ",\n".join(
        f"  {{ title = {json.dumps(t)}, abstract = {json.dumps(a)} }}"
        for t, a in made_up(N_LIKES, 2)
    )
    path = folder / "config.toml"
    path.write_text(
        f"""
[[sources]]
kind = "arxiv"
categories = ["cs.CL"]
base_url = "http://127.0.0.1:{web_port}"
allow_private = true

[[subscribers]]
email = "reader@example.org"
likes = [
{likes}
]

[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
sender = "digest@example.org"
""",
        "utf-8",
    )
    return path


#: A process counts its parent's memory until it has become itself, so a small one launches it.
_LAUNCH = """
import json, os, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(p.pid, 0)
cpu_s = usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), cpu_s, usage.ru_maxrss]))
"""


def measured(command: Sequence[str], cwd: Path) -> tuple[float, float]:
    """CPU seconds (user and system) and peak memory in MB of a process."""
    launched = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCH, *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    code, cpu_s, peak_kb = json.loads(launched.stdout)
    if code:
        raise SystemExit(f"{' '.join(command)} failed with {code}: {launched.stderr}")
    return cpu_s, peak_kb / 1024


def main() -> None:
    body = listing(made_up(N_PAPERS, 1))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/rss+xml")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    digest = [sys.executable, "-m", "digest"]
    with tempfile.TemporaryDirectory() as name, catch_all() as (smtp_port, box):
        folder = Path(name)
        path = config(folder, server.server_address[1], smtp_port)
        # as an installation has it, and scikit-learn here
        compileall.compile_dir(Path(runtime.__file__).parent, quiet=1)
        run_cpu, run_mb = measured([*digest, "run", "--config", str(path)], folder)
        assert len(box.arrived) == 1, "the mail did not arrive"
        bare = "import sklearn.feature_extraction.text"
        import_cpu, import_mb = measured([sys.executable, "-c", bare], folder)
        help_cpu, help_mb = measured([*digest, "--help"], folder)
    server.shutdown()
    print(f"One subscriber, {N_LIKES} likes, {N_PAPERS} new papers, fetch to accepted")
    print(f"  listing {len(body) / 1e6:.1f} MB, mail {len(box.arrived[0][1]) / 1000:.0f} kB")
    print(f"  {'':22}{'CPU s':>8}{'peak MB':>9}{'x import':>10}")
    for what, cpu, mb in (
        ("digest run", run_cpu, run_mb),
        ("import scikit-learn", import_cpu, import_mb),
        ("digest --help", help_cpu, help_mb),
    ):
        print(f"  {what:22}{cpu:8.2f}{mb:9.0f}{cpu / import_cpu:10.2f}")
    print("  aim: digest run under 4 s and 300 MB, digest --help under 0.5 s")


if __name__ == "__main__":
    main()
