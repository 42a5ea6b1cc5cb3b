"""Recipes for ranking, judged on readers whose answer is known: quality and milliseconds a reader.

Tasks (recorded data; skipped, with a word, where it is absent). Everything is fitted on background,
day and visible likes; hidden likes are only ranked.

- citeulike: 240 CiteULike readers, bags of words, against 5,195 papers nobody has saved yet
- fields: six real libraries (biology, ecology, law, immunology, two small ones); half of one is
  liked, the rest stands in an arXiv day beside papers of all the others; 5, 20 or 100 likes
- shelves: the papers under one keyword of a library, among that library and an arXiv day; the
  background is computer science alone, so these readers stand outside the stored fields
- pages: papers under one keyword of Daily Papers, among all Daily Papers; 3 to 10 likes
- first likes: the same pages with one to three likes, where no recipe may lose to the centroid
- categories: papers of one arXiv category, on three days; 5, 20 or 100 likes
- topic: a saved topic page, in two arXiv days; 2 to 10 likes

`--held-out` draws other likes, other days and the other keywords; it was looked at once, when the
recipe was done.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from benchmarks.memory import peak_mb
from digest import library
from digest.library.bibtex_reader import read as read_bibtex
from digest.model import Paper, Profile
from digest.ranking import fit

FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"


@dataclass(frozen=True)
class Reader:
    liked: tuple[Paper, ...]
    #: positions among the candidates
    relevant: tuple[int, ...]
    #: positions of liked papers that stand among the candidates; never counted
    known: tuple[int, ...] = ()


@dataclass(frozen=True)
class Task:
    name: str
    background: list[Paper]
    candidates: list[Paper]
    readers: list[Reader]


# --- tasks ---------------------------------------------------------------------------------------


def listing(name: str) -> list[tuple[Paper, dict[str, Any]]]:
    with gzip.open(FIXTURES / "listings" / name, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        (Paper(id=f"arxiv:{r['id']}", title=r["title"], abstract=r["abstract"]), r) for r in records
    ]


def citeulike(seed: int) -> Iterator[Task]:
    with gzip.open(FIXTURES / "ranking" / "citeulike_dev.json.gz", "rt", encoding="utf-8") as file:
        data = json.load(file)
    papers = [Paper(id=f"c{n}", abstract=text) for n, text in enumerate(data["documents"])]
    position = {n: at for at, n in enumerate(data["new"])}
    readers = [
        Reader(tuple(papers[n] for n in r["liked"]), tuple(position[n] for n in r["relevant"]))
        for r in data["readers"]
    ]
    background = [papers[n] for n in data["background"]]
    yield Task("citeulike", background, [papers[n] for n in data["new"]], readers)


def libraries() -> dict[str, list[Paper]]:
    found = {
        path.stem: list(library.read(path).papers)
        for path in sorted((FIXTURES / "bibtex").glob("library_*.bib"))
    }
    items = json.loads((FIXTURES / "zotero" / "library_items_rebuilt.json").read_text("utf-8"))
    found["zotero"] = [
        Paper(
            id=i["key"], title=i["data"].get("title"), abstract=i["data"].get("abstractNote") or ""
        )
        for i in items
    ]
    long = {k: [p for p in v if len(p.abstract) > 200] for k, v in found.items()}
    return {k: v for k, v in long.items() if len(v) >= 20}


def recent() -> tuple[list[Paper], dict[str, list[Paper]], dict[str, list[dict[str, Any]]]]:
    days: dict[str, list[Paper]] = defaultdict(list)
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for paper, record in listing("arxiv_2026-05-18_2026-06-05.jsonl.gz"):
        days[record["announced_date"]].append(paper)
        records[record["announced_date"]].append(record)
    return [p for p, _ in listing("arxiv_2025-10.jsonl.gz")], days, records


def before(days: dict[str, list[Paper]], date: str) -> list[Paper]:
    return [p for day, papers in days.items() if day < date for p in papers]


def fields(seed: int) -> Iterator[Task]:
    rng, shelves = random.Random(seed), libraries()
    old, days, _ = recent()
    day = days["2026-06-02" if not seed else "2026-05-29"][:600]
    background = old + before(days, "2026-05-25")[:2500]
    for _ in range(3):
        candidates, hidden, rest = list(day), {}, {}
        for name, papers in shelves.items():
            shuffled = rng.sample(papers, len(papers))
            n = min(40, len(papers) // 2)
            hidden[name] = range(len(candidates), len(candidates) + n)
            candidates += shuffled[:n]
            rest[name] = shuffled[n:]
        readers = [
            Reader(tuple(rng.sample(rest[name], min(n, len(rest[name])))), tuple(hidden[name]))
            for name in shelves
            for n in (5, 20, 100)
            if n == 5 or len(rest[name]) >= n
        ]
        yield Task("fields", background, candidates, readers)


_NO_SHELF = frozenset(
    "humans,animals,mice,male,female,physiological,stress,messenger,genetic,cell line,"
    "law / general".split(",")
)


def shelves(seed: int) -> Iterator[Task]:
    rng = random.Random(seed)
    old, days, _ = recent()
    day = days["2026-06-04" if not seed else "2026-06-03"]
    background = old + before(days, "2026-05-25")
    books: list[tuple[list[Paper], dict[str, list[int]]]] = []
    for name in ("law", "biology"):
        papers: list[Paper] = []
        keywords: dict[str, list[int]] = defaultdict(list)
        text = (FIXTURES / "bibtex" / f"library_{name}.bib").read_text("utf-8")
        for entry in read_bibtex(text).entries:
            values = entry.fields
            if len(values.get("abstract", "")) < 200:
                continue
            for word in {k.strip().lower() for k in values.get("keywords", "").split(",")}:
                keywords[word].append(len(papers))
            clean = {k: values.get(k, "").replace("{", "").replace("}", "") for k in values}
            papers.append(
                Paper(id=f"{name}{len(papers)}", title=clean["title"], abstract=clean["abstract"])
            )
        books.append((papers, keywords))
    papers, keywords = [], defaultdict(list)
    items = json.loads((FIXTURES / "zotero" / "library_items_rebuilt.json").read_text("utf-8"))
    for item in items:
        values = item["data"]
        if len(values.get("abstractNote") or "") < 200:
            continue
        for tag in values.get("tags", []):
            keywords[tag["tag"].lower()].append(len(papers))
        papers.append(
            Paper(id=item["key"], title=values.get("title"), abstract=values["abstractNote"])
        )
    books.append((papers, keywords))
    for papers, keywords in books:
        readers = []
        for word, at in sorted(keywords.items()):
            if not word or word in _NO_SHELF or len(at) < 6:
                continue
            for _ in range(2):
                drawn = rng.sample(at, len(at))
                n = 3 if len(at) < 9 else 5
                liked = tuple(papers[i] for i in drawn[:n])
                readers.append(Reader(liked, tuple(drawn[n:]), tuple(drawn[:n])))
        yield Task("shelves", background, papers + day, readers)


def pages(seed: int) -> Iterator[Task]:
    rng = random.Random(seed)
    papers: dict[str, Paper] = {}
    keywords: dict[str, set[str]] = defaultdict(set)
    for path in sorted((FIXTURES / "huggingface").glob("*.json")):
        for record in json.loads(path.read_text("utf-8")):
            one = record["paper"]
            if one.get("summary"):
                papers[one["id"]] = Paper(
                    id=f"arxiv:{one['id']}", title=one["title"], abstract=one["summary"]
                )
                for word in one.get("ai_keywords") or []:
                    keywords[word.lower().rstrip("s")].add(one["id"])
    old, days, _ = recent()
    background = [p for p in old + before(days, "2026-05-25")[:2000] if p.arxiv_id not in papers]
    ids = sorted(papers)
    position = {i: n for n, i in enumerate(ids)}
    readers = []
    least, most = (7, 80) if not seed else (5, 6)
    for _, members in sorted(keywords.items()):
        if least <= len(members) <= most:
            drawn = rng.sample(sorted(members), len(members))
            n = 3 if len(drawn) < 10 else 5 if len(drawn) < 20 else rng.choice([5, 10])
            at = [position[i] for i in drawn]
            readers.append(
                Reader(tuple(papers[i] for i in drawn[:n]), tuple(at[n:]), tuple(at[:n]))
            )
    yield Task("pages", background, [papers[i] for i in ids], readers)


def first_likes(seed: int) -> Iterator[Task]:
    rng = random.Random(seed)
    (task,) = pages(seed)
    readers = [
        Reader(tuple(rng.sample(r.liked, n)), r.relevant, r.known)
        for r in task.readers
        for n in (1, 2, 3)
        if n <= len(r.liked)
    ]
    yield Task("first likes", task.background, task.candidates, readers)


def categories(seed: int) -> Iterator[Task]:
    rng = random.Random(seed)
    old, days, records = recent()
    early = before(days, "2026-05-29")
    early_records = [r for day, found in records.items() if day < "2026-05-29" for r in found]
    for day in (
        ("2026-06-02", "2026-06-04", "2026-06-05") if not seed else ("2026-06-01", "2026-06-03")
    ):
        members: dict[str, list[int]] = defaultdict(list)
        for n, record in enumerate(records[day]):
            for category in set(record["categories"]):
                members[category].append(n)
        readers = []
        for category, at in sorted(members.items()):
            pool = [
                p for p, r in zip(early, early_records, strict=True) if category in r["categories"]
            ]
            readers += [
                Reader(tuple(rng.sample(pool, n)), tuple(at))
                for n in (5, 20, 100)
                if 4 <= len(at) <= 40 and len(pool) >= n
            ]
        yield Task("categories", old + early, days[day], readers)


def topic(seed: int) -> Iterator[Task]:
    text = (FIXTURES / "pages" / "topic.txt").read_text("utf-8")
    lines = [line.strip() for line in text.splitlines() if line.strip()][2:]
    lines[0] = lines[0].removeprefix("Subscribe")
    papers = [
        Paper(id=f"t{n}", title=lines[n], abstract=lines[n + 1])
        for n in range(0, len(lines) - 1, 2)
    ]
    old, days, _ = recent()
    rng = random.Random(seed + 1)
    readers = []
    for n in (2, 3, 5, 10):
        for _ in range(3):
            drawn = rng.sample(range(len(papers)), len(papers))
            liked = tuple(papers[i] for i in drawn[:n])
            readers.append(Reader(liked, tuple(drawn[n:]), tuple(drawn[:n])))
    wanted = ("2026-06-02", "2026-06-03") if not seed else ("2026-05-28", "2026-05-29")
    day = [p for d in wanted for p in days[d]]
    yield Task("topic", old + before(days, "2026-05-25"), papers + day, readers)


TASKS: tuple[Callable[[int], Iterator[Task]], ...] = (
    citeulike,
    fields,
    shelves,
    pages,
    first_likes,
    categories,
    topic,
)


# --- recipes -------------------------------------------------------------------------------------


class Plain:
    """TF-IDF as arxiv-sanity-lite makes it, shared by the recipes beside ours."""

    def __init__(self, task: Task) -> None:
        self.liked: dict[Paper, int] = {}
        for reader in task.readers:
            for paper in reader.liked:
                self.liked.setdefault(paper, len(self.liked))
        vectorizer = TfidfVectorizer(
            strip_accents="unicode",
            stop_words="english",
            token_pattern=r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b",
            max_features=20_000,
            sublinear_tf=True,
            max_df=0.1,
            min_df=5,
        )
        groups = (list(self.liked), task.background, task.candidates)
        vectorizer.fit([p.text for g in groups for p in g])
        self.likes, self.background, self.day = (
            vectorizer.transform([p.text for p in g]) for g in groups
        )

    def rows(self, reader: Reader) -> list[int]:
        return [self.liked[p] for p in reader.liked]

    def centroid(self, reader: Reader) -> np.ndarray:
        return np.asarray(self.day @ np.asarray(self.likes[self.rows(reader)].mean(axis=0)).ravel())

    def nearest(self, reader: Reader) -> np.ndarray:
        return np.asarray(
            (self.likes[self.rows(reader)] @ self.day.T).max(axis=0).todense()
        ).ravel()

    def svm(self, reader: Reader) -> np.ndarray:
        """One balanced linear SVM a reader: likes against everything else, C = 0.01."""
        rows = self.rows(reader)
        everything = sp.vstack([self.likes[rows], self.background, self.day]).tocsr()
        labels = np.r_[np.ones(len(rows)), np.zeros(everything.shape[0] - len(rows))]
        machine = LinearSVC(class_weight="balanced", C=0.01, max_iter=10_000, tol=1e-6)
        machine.fit(everything, labels)
        return np.asarray(self.day @ machine.coef_[0])


def ndcg_and_recall(scores: np.ndarray, reader: Reader) -> tuple[float, float]:
    """nDCG@10 and Recall@100."""
    scores = scores.astype(np.float64).copy()
    scores[list(reader.known)] = -np.inf
    hits = np.isin(np.argsort(-scores, kind="stable")[:100], reader.relevant)
    discount = 1 / np.log2(np.arange(2, 12))
    ideal = discount[: len(reader.relevant)].sum()
    return float((hits[:10] * discount[: len(hits[:10])]).sum() / ideal), float(
        hits.sum() / len(reader.relevant)
    )


RECIPES = ("centroid", "nearest", "svm", "digest")
Table = dict[tuple[str, str], list[tuple[float, float]]]


def encoded(model: str) -> Callable[[Sequence[Paper]], np.ndarray]:
    """Papers to vectors by a local model, each once."""
    from digest.embeddings import text_of
    from digest.encoder import encoder_of

    encoder = encoder_of(model)
    known: dict[str, np.ndarray] = {}

    def vectors(papers: Sequence[Paper]) -> np.ndarray:
        texts = [text_of(p) for p in papers]
        missing = [t for t in dict.fromkeys(texts) if t not in known]
        if missing:
            known.update(zip(missing, encoder.encode(missing), strict=True))
        return np.stack([known[t] for t in texts])

    return vectors


def judge_semantics(task: Task, model: Callable[..., np.ndarray], table: Table) -> None:
    """What a language model gains, by its weight; and what it is worth alone."""
    for weight in (0.0, 0.1, 0.15, 0.3, 0.5, 100.0):
        ranker = fit(task.background, model if weight else None, weight)
        profiles = [Profile(subscriber_id="", liked=r.liked) for r in task.readers]
        for reader, scores in zip(
            task.readers, ranker.score_block(profiles, task.candidates), strict=True
        ):
            table[f"{weight:g}", task.name].append(ndcg_and_recall(scores, reader))


def judge(task: Task, quality: Table, milliseconds: dict[str, list[float]]) -> None:
    plain = Plain(task)
    ranker = fit(task.background)
    ranker.score(task.readers[0].liked, task.candidates)  # once a day, for all readers
    ways: dict[str, Callable[[Reader], np.ndarray]] = {
        "centroid": plain.centroid,
        "nearest": plain.nearest,
        "svm": plain.svm,
        "digest": lambda r: ranker.score(r.liked, task.candidates),
    }
    for name, way in ways.items():
        for reader in task.readers:
            started = time.process_time()
            scores = way(reader)
            milliseconds[name].append(1000 * (time.process_time() - started))
            found = ndcg_and_recall(scores, reader)
            size = "few" if len(reader.liked) < 10 else "many"
            quality[name, task.name].append(found)
            quality[name, f"{task.name} {size}"].append(found)


def print_table(quality: Table, milliseconds: dict[str, list[float]]) -> None:
    columns = list(dict.fromkeys(task for _, task in quality))
    width = max(len(c) for c in columns) + 2
    print(
        f"  {'nDCG@10 / Recall@100':{width}}"
        + "".join(f"{r:>16}" for r in RECIPES)
        + "  digest/svm"
    )
    for column in columns:
        means = {r: np.mean(quality[r, column], axis=0) for r in RECIPES}
        n = len(quality["svm", column])
        row = "".join(f"{means[r][0]:>9.3f} / {means[r][1]:.2f}" for r in RECIPES)
        print(
            f"  {column:{width}}{row}{means['digest'][0] / means['svm'][0]:>10.2f}  ({n} readers)"
        )
    print(
        f"  {'ms of CPU a reader':{width}}"
        + "".join(f"{np.median(milliseconds[r]):>16.2f}" for r in RECIPES)
    )


# --- the bar -------------------------------------------------------------------------------------


def print_bars() -> None:
    """How many hidden likes reach each bar of their reader, and how many other papers do."""
    print("Hidden likes and (median) other papers of the day that reach the reader's bar")
    print(f"  {'':28}{'a stretch':>16}{'good':>16}{'strong':>16}")
    for make in (fields, shelves, pages, categories, topic):
        reached: dict[str, list[list[float]]] = defaultdict(list)
        for task in make(0):
            ranker = fit(task.background)
            ranker.prepare(task.candidates)
            for reader in task.readers:
                reading = ranker.read(
                    Profile(subscriber_id="", liked=reader.liked), task.candidates
                )
                scores, bars = reading.scores / reading.length, reading.calibration
                hidden = np.isin(np.arange(len(scores)), reader.relevant)
                other = ~hidden & ~np.isin(np.arange(len(scores)), reader.known)
                size = "few" if len(reader.liked) < 10 else "many"
                reached[size].append(
                    [
                        float(f(scores[some] >= bar))
                        for bar in (bars.stretch, bars.close, bars.strong)
                        for f, some in ((np.mean, hidden), (np.sum, other))
                    ]
                )
        for size, found in reached.items():
            shares, others = np.mean(found, axis=0)[::2], np.median(found, axis=0)[1::2]
            cells = "".join(f"{s:>9.0%} / {o:>4.0f}" for s, o in zip(shares, others, strict=True))
            print(f"  {f'{make.__name__} {size} ({len(found)} readers)':28}{cells}")


# --- cost ----------------------------------------------------------------------------------------


def cost() -> None:
    """One reader against 1,000 papers beside the SVM; blocks of readers beside the bare product."""
    from benchmarks.one_reader import made_up

    texts = made_up(6000, 5)
    papers = [Paper(id=f"m{n}", title=t, abstract=a) for n, (t, a) in enumerate(texts)]
    background, day, pool = papers[:4000], papers[4000:5000], papers[5000:]
    rng = random.Random(1)
    reader = Reader(tuple(rng.sample(pool, 100)), (0,))
    plain = Plain(Task("cost", background, day, [reader]))
    ranker = fit(background)
    ranker.score(reader.liked, day)

    def timed(work: Callable[[], object], n: int) -> float:
        best = float("inf")
        for _ in range(n):
            started = time.process_time()
            work()
            best = min(best, time.process_time() - started)
        return best

    ours = timed(lambda: ranker.score(reader.liked, day), 20)
    svm = timed(lambda: plain.svm(reader), 3)
    fresh = tuple(rng.sample(background, 100))
    started = time.process_time()
    ranker.score(fresh, day)
    first = time.process_time() - started
    print("One reader, 100 likes, 1,000 papers")
    print(
        f"  digest {1000 * ours:.2f} ms, SVM {1000 * svm:.0f} ms: "
        f"{ours / svm:.3f} of it (limit 0.1)"
    )
    print(
        f"  with 100 likes never seen before: {1000 * first:.0f} ms, {first / svm:.2f} of the SVM"
    )

    profiles = [
        Profile(subscriber_id=str(n), liked=tuple(rng.choices(pool, k=100))) for n in range(10_000)
    ]
    weights = sp.csr_matrix(
        (
            np.full(1_000_000, 0.01, dtype=np.float32),
            np.array([rng.randrange(len(pool)) for _ in range(1_000_000)], dtype=np.int32),
            np.arange(0, 1_000_001, 100),
        ),
        shape=(10_000, len(pool)),
    )
    similarity = np.random.default_rng(0).random((len(pool), 1000), dtype=np.float32)
    ranker.score_block(profiles[:10], day)
    bare = timed(lambda: weights @ similarity, 3)
    block = timed(lambda: ranker.score_block(profiles, day), 3)
    print("A block of 10,000 readers, 100 likes each, 1,000 papers")
    print(
        f"  digest {block:.2f} s, bare sparse product {bare:.2f} s: "
        f"{bare / block:.2f} of its speed (limit 0.3)"
    )

    peak_before = peak_mb()
    total = 0.0
    for start in range(0, 100_000, 10_000):
        block_profiles = [
            Profile(subscriber_id=str(start + n), liked=tuple(rng.choices(pool, k=100)))
            for n in range(10_000)
        ]
        total += float(ranker.score_block(block_profiles, day)[0, 0])
    peak = peak_mb()
    print(
        f"100,000 readers in blocks of 10,000: peak {peak:.0f} MB "
        f"(before: {peak_before:.0f} MB; limit 2,000)"
    )


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranking", description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="the part that was looked at once")
    parser.add_argument("--semantic", metavar="MODEL", help="only: a language model blended in")
    parser.add_argument("--only", choices=[t.__name__ for t in TASKS], action="append")
    parser.add_argument("--bars", action="store_true", help="only: what reaches a reader's bar")
    chosen = parser.parse_args(arguments)
    if chosen.bars:
        print_bars()
        return
    if chosen.semantic:
        table: Table = defaultdict(list)
        model = encoded(chosen.semantic)
        for make in (shelves, pages, categories, topic):
            for task in make(1000 if chosen.held_out else 0):
                judge_semantics(task, model, table)
        print("nDCG@10 / Recall@100 by the weight of the model (100: the model alone)")
        for weight in dict.fromkeys(w for w, _ in table):
            means = {t: np.mean(v, axis=0) for (w, t), v in table.items() if w == weight}
            cells = "  ".join(f"{t} {m[0]:.3f} / {m[1]:.2f}" for t, m in means.items())
            print(f"  {weight:>4}  {cells}")
        return
    cost()
    if not FIXTURES.is_dir():
        print("Ranking quality: skipped, the recorded payloads are not here.")
        return
    quality: Table = defaultdict(list)
    milliseconds: dict[str, list[float]] = defaultdict(list)
    print(f"Ranking quality{' (held-out part)' if chosen.held_out else ''}")
    for tasks in TASKS:
        if chosen.only and tasks.__name__ not in chosen.only:
            continue
        for task in tasks(1000 if chosen.held_out else 0):
            judge(task, quality, milliseconds)
    print_table(quality, milliseconds)


if __name__ == "__main__":
    main(sys.argv[1:])
