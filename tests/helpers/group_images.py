"""Small images of several kinds, for studies of trained networks: pieces of the phantom."""

from pathlib import Path
from typing import Any

import numpy as np

from fourfold.simulation.simulate import phantom

SIZE = 32


def write_images(path: Path, prefix: str, seed: int, subjects: int = 5) -> None:
    """Write two images for each of some subjects."""
    rng = np.random.default_rng(seed)
    whole = phantom((96, 96)).numpy()
    corners = rng.integers(16, 48, size=(2 * subjects, 2))
    pieces = np.stack([whole[y : y + SIZE, x : x + SIZE] for y, x in corners]).astype(np.float32) + 0.05
    np.savez(path, images=pieces, names=[f"{prefix}{index // 2}:{index % 2}" for index in range(2 * subjects)])


def write_image_groups(folder: Path) -> None:
    """Write images of the image groups photos, T1 and T2."""
    for seed, name in enumerate(("photos", "T1", "T2")):
        write_images(folder / f"{name}.npz", f"{name}-", seed)


def small_training(**settings: Any) -> dict[str, Any]:
    """Return the settings of a short training of a small cascade, with further settings."""
    return {
        "network": {"kind": "cascade", "subnetworks": 1, "channels": 4, "layers": 1},
        "data": {
            "masks": {"kind": "random", "acceleration": 3.2, "lines": 6},
            "simulation": {"coils": 1, "snr": None},
        },
        "losses": ["hybrid"],
        "batch_size": 2,
        "precision": "float32",
        **settings,
    }
