"""How a hot spot, say of a weld, spreads in a plate: the 2-D heat equation, explicit in time.

The plate is a square meter of steel, its edges kept at 20 degrees Celsius. Every SAVE_EVERY steps
the field is saved into the folder that the job file declares as its checkpoint (WEIR_CHECKPOINT;
the job's own without one), and a start that finds one there goes on from it: Weir brings the newest
along, also to another center. The end goes to result.json, and a picture to field.txt.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

POINTS = 144
SPACING_M = 1.0 / (POINTS - 1)
DIFFUSIVITY_M2_S = 1.2e-5
STEP_S = 0.2 * SPACING_M**2 / DIFFUSIVITY_M2_S
STEPS = 3_000
SAVE_EVERY = 1_000
EDGE_C, WELD_C = 20.0, 1450.0
SHADES = " .:-=+*#%@"

Field = npt.NDArray[np.float64]


def start() -> Field:
    field = np.full((POINTS, POINTS), EDGE_C)
    third = POINTS // 3
    field[third : third + POINTS // 8, third : 2 * third] = WELD_C
    return field


def step(field: Field) -> None:
    """One step in place; the edges stay as they are."""
    inner = field[1:-1, 1:-1]
    around = field[:-2, 1:-1] + field[2:, 1:-1] + field[1:-1, :-2] + field[1:-1, 2:]
    inner += 0.2 * (around - 4 * inner)


def save(path: Path, field: Field, steps: int) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"new-{path.name}")
    with fresh.open("wb") as file:
        np.savez(file, field=field, steps=steps)
    fresh.replace(path)


def load(path: Path) -> tuple[Field, int]:
    if not path.exists():
        return start(), 0
    with np.load(path) as saved:
        return saved["field"], int(saved["steps"])


def picture(field: Field, rows: int = 24, columns: int = 48) -> str:
    """Each character is the mean of its part of the plate, between its coldest and hottest part."""
    parts = field.reshape(rows, POINTS // rows, columns, POINTS // columns).mean(axis=(1, 3))
    level = (parts - parts.min()) / max(1e-9, float(np.ptp(parts)))
    shades = (level * (len(SHADES) - 1)).round().astype(int)
    return "\n".join("".join(SHADES[shade] for shade in row).rstrip() for row in shades) + "\n"


def main() -> None:
    checkpoint = Path(os.environ.get("WEIR_CHECKPOINT", "."), "checkpoint.npz")
    steps = int(os.environ.get("HEAT_STEPS", STEPS))
    began = time.perf_counter()
    field, first = load(checkpoint)
    for done in range(first + 1, steps + 1):
        step(field)
        if done % SAVE_EVERY == 0:
            save(checkpoint, field, done)
    result = {
        "hottest_c": round(float(field.max()), 2),
        "mean_c": round(float(field.mean()), 2),
        "simulated_hours": round(steps * STEP_S / 3600, 2),
        "steps": steps,
        "resumed_from_step": first,
        "seconds": round(time.perf_counter() - began, 3),
        "pool": os.environ.get("WEIR_POOL", ""),
        "emulated": os.environ.get("WEIR_EMULATED") == "1",
    }
    Path("field.txt").write_text(picture(field))
    Path("result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(picture(field) + f"hottest {result['hottest_c']} C after {steps} steps")


if __name__ == "__main__":
    main()
