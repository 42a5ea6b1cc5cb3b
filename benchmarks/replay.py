"""Recipes for ranking, replayed in time order: what was liked before a day, against that day.

A reader stands for people who write papers together: what they announced before a day is liked, and
what they announce on that day is to be found among all of its papers. Dates, authors and texts are
those of two recorded arXiv listings (October 2025; 18 May to 5 June 2026), so nobody chose likes to
suit a method. Names alone do not make a person: papers of one name are one reader's only if they
share a second author, directly or by others.

    centroid, nearest, svm     as in `benchmarks.ranking`
    zotero                     zotero-arxiv-daily's: cosines of embeddings with the library, newest
                               first, weighted 1 / (1 + log10 of the place)
    digest                     as configured by default; + wordllama with `semantic = "wordllama"`

`--minilm DIR` embeds for "zotero" with all-MiniLM-L6-v2 from a folder of model.onnx (int8) and
tokenizer.json, as that program's users would, at some 50 ms a paper; without it, wordllama does.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.ranking import (
    FIXTURES,
    Plain,
    Reader,
    Task,
    encoded,
    listing,
    ndcg_and_recall,
)
from digest.model import Paper
from digest.ranking import Ranker, fit

#: papers of a reader before the day
LEAST_LIKES = 2
#: papers that a person of one name can have written in three weeks; more are several people
MOST_OF_A_NAME = 30
#: weight of MiniLM beside the words
MINILM_WEIGHT = 0.3
Embed = Callable[[Sequence[Paper]], np.ndarray]


def groups(dated: Sequence[tuple[str, Paper, frozenset[str]]]) -> list[list[int]]:
    """Papers that people wrote together: of one name, and joined by further names they share.

    Args:
        dated: date, paper and its authors.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    for n, (_, _, authors) in enumerate(dated):
        for name in authors:
            by_name[name].append(n)
    found: dict[tuple[int, ...], None] = {}
    for papers in by_name.values():
        if not LEAST_LIKES < len(papers) <= MOST_OF_A_NAME:
            continue
        left = set(papers)
        while left:
            group, edge = set(), [min(left)]
            while edge:
                one = edge.pop()
                if one in left:
                    left.discard(one)
                    group.add(one)
                    edge += [o for o in left if len(dated[one][2] & dated[o][2]) > 1]
            if len(group) > LEAST_LIKES:
                found[tuple(sorted(group))] = None
    return [list(g) for g in found]


def tasks(held_out: bool = False) -> Iterator[Task]:
    """One a day: readers with what they wrote before it and on it."""
    records = [
        *(("2025-10", p, r) for p, r in listing("arxiv_2025-10.jsonl.gz")),
        *((r["announced_date"], p, r) for p, r in listing("arxiv_2026-05-18_2026-06-05.jsonl.gz")),
    ]
    dated = [(day, p, frozenset(r["authors"])) for day, p, r in records]
    # one half of the people to look at, the other to be looked at once
    people = [g for g in groups(dated) if crc32(dated[g[0]][1].id.encode()) % 2 == held_out]
    days = sorted({day for day, _, _ in dated})[2:]
    for day in days:
        candidates = [n for n, (d, _, _) in enumerate(dated) if d == day]
        place = {n: at for at, n in enumerate(candidates)}
        readers: dict[tuple[str, ...], Reader] = {}
        for group in people:
            before = [n for n in group if dated[n][0] < day]
            today = [place[n] for n in group if n in place]
            if len(before) >= LEAST_LIKES and today:
                liked = tuple(dated[n][1] for n in before)
                # many names of one group are one reader
                readers.setdefault(tuple(p.id for p in liked), Reader(liked, tuple(today)))
        chosen = list(readers.values())
        background = [p for d, p, _ in dated if d < day]
        if chosen:
            yield Task(day, background, [dated[n][1] for n in candidates], chosen)


def minilm(folder: Path) -> Embed:
    """Mean of the token vectors of all-MiniLM-L6-v2, of unit length."""
    from tokenizers import Tokenizer

    session: Any = import_module("onnxruntime").InferenceSession(str(folder / "model.onnx"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    wanted = {i.name for i in session.get_inputs()}
    known: dict[str, np.ndarray] = {}

    def one(paper: Paper) -> np.ndarray:
        if paper.id not in known:
            told = tokenizer.encode(f"{paper.title}\n{paper.abstract}")
            inputs = {
                "input_ids": told.ids,
                "attention_mask": told.attention_mask,
                "token_type_ids": told.type_ids,
            }
            fed = {k: np.array([v], dtype=np.int64) for k, v in inputs.items() if k in wanted}
            vectors = session.run(None, fed)[0][0]
            mean = vectors.mean(axis=0) if vectors.ndim == 2 else vectors
            known[paper.id] = mean / np.linalg.norm(mean)
        return known[paper.id]

    return lambda papers: np.stack([one(p) for p in papers])


def digest(ranker: Ranker, task: Task, reader: Reader) -> np.ndarray:
    return ranker.score(reader.liked, task.candidates)


def zotero(embed: Embed, candidates: np.ndarray, reader: Reader) -> np.ndarray:
    """zotero-arxiv-daily's score of each candidate.

    Args:
        candidates: (n_candidates, n_dimensions).
    """
    library = embed(tuple(reversed(reader.liked)))
    weights = 1 / (1 + np.log10(np.arange(len(library)) + 1))
    scores: np.ndarray = candidates @ library.T @ (weights / weights.sum())
    return scores


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="other readers: looked at once")
    parser.add_argument("--minilm", type=Path, metavar="DIR", help="model for the zotero recipe")
    chosen = parser.parse_args(arguments)
    if not FIXTURES.is_dir():
        print("Replay: skipped, the recorded payloads are not here.")
        return
    light = encoded("wordllama")
    embed: Embed = minilm(chosen.minilm) if chosen.minilm else light
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for task in tasks(chosen.held_out):
        plain = Plain(task)
        ways: dict[str, Callable[[Reader], np.ndarray]] = {
            "centroid": plain.centroid,
            "nearest": plain.nearest,
            "svm": plain.svm,
            "zotero": partial(zotero, embed, embed(task.candidates)),
            "digest": partial(digest, fit(task.background), task),
            "+ wordllama": partial(digest, fit(task.background, light), task),
        }
        if chosen.minilm:
            ways["+ MiniLM"] = partial(digest, fit(task.background, embed, MINILM_WEIGHT), task)
        for name, way in ways.items():
            for reader in task.readers:
                size = "2 to 4 likes" if len(reader.liked) < 5 else "5 likes and more"
                judged = ndcg_and_recall(way(reader), reader)
                for column in ("all", size):
                    found[name, column].append(judged)
    columns = sorted({c for _, c in found}, key=lambda c: (c != "all", c))
    print(f"Replay{' (held-out part)' if chosen.held_out else ''}: nDCG@10 / Recall@100")
    print("  " + " " * 14 + "".join(f"{c:>26}" for c in columns))
    for name in dict.fromkeys(n for n, _ in found):
        cells = ""
        for column in columns:
            gain, recalled = np.mean(found[name, column], axis=0)
            ratio = gain / np.mean(found["svm", column], axis=0)[0]
            cells += f"{gain:>12.3f} / {recalled:.2f} ({ratio:.2f})"
        print(f"  {name:14}{cells}")
    counts = ", ".join(f"{len(found['svm', c])} of {c}" for c in columns)
    print(f"  readers on days: {counts}; in brackets the ratio to the SVM")


if __name__ == "__main__":
    main(sys.argv[1:])
