"""Read one shard of pictures of digits, as a camera over a line reads the numbers on parts.

The data are scikit-learn's copy of the UCI handwritten digits: 1,797 pictures of 8 by 8 points.
They stand in for a camera's pictures; they are not from a factory. A linear model is trained on the
first 1,000 at the start, and the others are the work: the shard of WEIR_ARRAY_INDEX out of
`--shards`.

The script calculates on the CPU wherever it runs. What it asks for, a device with enough memory and
a software stack, decides where that is; a real one would load that stack's build of a framework.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

TRAINED_ON = 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=int, default=1)
    shards = parser.parse_args().shards
    shard = int(os.environ.get("WEIR_ARRAY_INDEX", "0"))
    pictures, digits = load_digits(return_X_y=True)
    model = RidgeClassifier().fit(pictures[:TRAINED_ON], digits[:TRAINED_ON])
    mine = np.arange(TRAINED_ON, len(pictures))[shard::shards]
    began = time.perf_counter()
    read = model.predict(pictures[mine])
    result = {
        "shard": shard,
        "of": shards,
        "pictures": len(mine),
        "accuracy": round(float((read == digits[mine]).mean()), 4),
        "first_read": "".join(str(digit) for digit in read[:12]),
        "stack": os.environ.get("WEIR_STACK", ""),
        "seconds": round(time.perf_counter() - began, 4),
        "device_model": os.environ.get("WEIR_DEVICE_MODEL", ""),
        "devices": os.environ.get("WEIR_DEVICES", ""),
        "emulated": os.environ.get("WEIR_EMULATED") == "1",
        "data_set": "UCI handwritten digits (scikit-learn load_digits)",
    }
    Path("result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"shard {shard}: {len(mine)} pictures, accuracy {result['accuracy']}")


if __name__ == "__main__":
    main()
