"""`make bench`: all benchmarks, one after the other."""

from benchmarks import mail, merging, one_reader, ranking, web

if __name__ == "__main__":
    one_reader.main()
    print()
    mail.main()
    print()
    merging.main()
    print()
    ranking.main()
    print()
    web.main()
