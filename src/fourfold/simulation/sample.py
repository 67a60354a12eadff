"""The sample that ships with the package: a measured head with simulated coils and noise."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import torch

from fourfold.scan import Scan
from fourfold.simulation.simulate import simulate

__all__ = ["sample", "sample_image"]

COILS = 8
SNR = 40.0
# The subject, by the name in manifests of weights.
_SUBJECT = "pycortex S1"


def sample_image() -> torch.Tensor:
    """Return the magnitude image of the sample: an axial T1-weighted slice of 1 mm through eyes and cerebellum.

    From the anatomical volume of subject S1 in pycortex 1.4.0, Copyright (c) 2013, Regents of the University
    of California, BSD-2-Clause; the licence stands beside the file.

    Returns
    -------
    Tensor
        float32, (240, 200), nose up, the patient's right on the left.
    """
    with (files("fourfold") / "data" / "sample_head.npz").open("rb") as file, np.load(file) as archive:
        return torch.from_numpy(archive["image"].astype(np.float32))


def sample(seed: int = 0) -> Scan:
    """Return the sample scan: one fully sampled slice of a head, 8 simulated coils, simulated phase and noise.

    The SNR, 40 in the definition of `fourfold.simulation.simulate.simulate`, is typical of a head scan. The same `seed`
    gives the same scan.

    Returns
    -------
    Scan
        kspace complex64, (1, 8, 240, 200); its source is labelled as simulated.
    """
    scan = simulate(sample_image(), coils=COILS, snr=SNR, seed=seed, label="sample head")
    source = replace(scan.source, details={**scan.source.details, "subject": _SUBJECT})
    return scan.replace(source=source)
