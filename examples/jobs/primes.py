"""Count primes, ten thousand numbers at a time with a pause after each.

Nothing but the standard library. The script calculates on the CPU wherever it runs; what the job
asks for decides where that is.
"""

import argparse
import json
import os
import time
from pathlib import Path

SLICE = 10_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slices", type=int, default=30)
    parser.add_argument("--pause-s", type=float, default=2.0)
    asked = parser.parse_args()
    found, began = 0, time.perf_counter()
    for number in range(asked.slices):
        found += primes(number * SLICE, (number + 1) * SLICE)
        print(f"below {(number + 1) * SLICE:,}: {found:,} primes", flush=True)
        time.sleep(asked.pause_s)
    result = {
        "below": asked.slices * SLICE,
        "primes": found,
        "stack": os.environ.get("WEIR_STACK", ""),
        "seconds": round(time.perf_counter() - began, 2),
    }
    Path("result.json").write_text(json.dumps(result, indent=1) + "\n")


def primes(begin: int, end: int) -> int:
    """How many there are from `begin` up to `end`: a sieve of this stretch."""
    whole = bytearray([1]) * (end - begin)
    for number in range(min(2, end) - begin if begin < 2 else 0):
        whole[number] = 0
    divisor = 2
    while divisor * divisor < end:
        first = max(divisor * divisor, -(-begin // divisor) * divisor)
        whole[first - begin :: divisor] = bytes(len(range(first, end, divisor)))
        divisor += 1
    return sum(whole)


if __name__ == "__main__":
    main()
