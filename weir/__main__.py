"""The command, for where only the interpreter is on the path: ``python -m weir``."""

from weir.cli.main import main

if __name__ == "__main__":
    main()
