"""What varies from one synthetic subject to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Anatomy:
    """One subject's proportions; lengths in mm, the rest factors around 1."""

    width: float
    depth: float
    fat: float
    heart: float
    vessel: float
    dome_right: float
    dome_left: float
    rib_phase: float
    disc_phase: float
    kyphosis: float
    aorta_sway: float

    @classmethod
    def of(cls, seed: int) -> Anatomy:
        """The anatomy of a subject."""
        random = np.random.Generator(np.random.PCG64((seed, 1)))
        around = random.uniform(-1.0, 1.0, size=11).tolist()
        return cls(
            width=172.0 * (1 + 0.06 * around[0]),
            depth=116.0 * (1 + 0.06 * around[1]),
            fat=14.0 * (1 + 0.4 * around[2]),
            heart=1 + 0.08 * around[3],
            vessel=1 + 0.08 * around[4],
            dome_right=-74.0 + 6 * around[5],
            dome_left=-84.0 + 6 * around[6],
            rib_phase=14.0 * around[7],
            disc_phase=12.0 * around[8],
            kyphosis=5.0 + 2 * around[9],
            aorta_sway=3.0 * around[10],
        )
