"""`make bench`: all benchmarks, one after the other."""

from benchmarks import imports, line, mail, merging, one_reader, ranking, sending, uploads, web

if __name__ == "__main__":
    one_reader.main()
    print()
    mail.main()
    print()
    merging.main()
    print()
    ranking.main()
    print()
    sending.main()
    print()
    line.main()
    print()
    imports.main()
    print()
    uploads.main()
    print()
    web.main()
