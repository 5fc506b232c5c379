"""`weir` on a machine whose clock is wrong: `off_clock.py SECONDS serve ...`."""

import sys
import time

from weir.cli.main import main

OFF_S = float(sys.argv.pop(1))
_right = time.time
time.time = lambda: _right() + OFF_S

if __name__ == "__main__":
    main(prog_name="weir")
