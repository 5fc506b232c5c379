"""An executor in a process of its own, to be killed: submits the orders it reads, then says so."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.contract.bench import KINDS, Bench
from weir.wire.exchange import RunOrder

if __name__ == "__main__":
    kind, home = sys.argv[1:]
    bench = Bench(KINDS[kind], Path(home))
    bench.__enter__()
    orders = [RunOrder.model_validate_json(line) for line in sys.stdin]
    bench.submit(*orders)
    for order in orders:
        bench.started(order.run)
    print("started", flush=True)
    signal.pause()
