from digest.cli import main

if __name__ == "__main__":  # a process that composes beside this one imports it, too
    main()
