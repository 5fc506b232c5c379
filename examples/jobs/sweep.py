"""One point of a training sweep: which settings tell three kinds of batches apart best?

The data are scikit-learn's copy of the UCI wine recognition data set: 178 wines of three growers,
13 laboratory measurements each. It stands in for a factory's batches and their quality classes; it
is not factory data. WEIR_ARRAY_INDEX chooses the point; the score of a 5-fold cross-validation goes
to result.json.
"""

import json
import os
import time
from pathlib import Path

from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

GRID = [{"C": c, "gamma": gamma} for c in (0.01, 1.0, 100.0) for gamma in (0.01, 0.3)]


def main() -> None:
    index = int(os.environ.get("WEIR_ARRAY_INDEX", "0"))
    point = GRID[index % len(GRID)]
    began = time.perf_counter()
    measurements, classes = load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), SVC(**point))
    scores = cross_val_score(model, measurements, classes, cv=5)
    result = {
        "point": index,
        **point,
        "accuracy": round(float(scores.mean()), 4),
        "seconds": round(time.perf_counter() - began, 3),
        "pool": os.environ.get("WEIR_POOL", ""),
        "emulated": os.environ.get("WEIR_EMULATED") == "1",
        "accuracy_of_folds": [round(float(score), 4) for score in scores],
        "data_set": "UCI wine recognition (scikit-learn load_wine)",
    }
    Path("result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"point {index} {point}: accuracy {result['accuracy']}")


if __name__ == "__main__":
    main()
