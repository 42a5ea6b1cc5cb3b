"""`make bench`: all benchmarks, one after the other."""

from benchmarks import one_reader, ranking

if __name__ == "__main__":
    one_reader.main()
    print()
    ranking.main()
