"""The peers' best image on every case: BART's weight is searched against the reference, as no user could.

``python -m benchmarks.oracle`` fills ``results/bart_oracle.json``; entries whose mask has not changed are kept.
k-space has unit root mean square (see `benchmarks.cases`) and ``pics -w 1`` leaves it so: these weights are ours
to compare with. Coil maps: ``ecalib -c 0`` from the calibration lines, with its default 24×24 region at most.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.cases import CASES, SMALL_FIELD_OF_VIEW, Case, Scores, fingerprint, score
from benchmarks.harness import absent
from benchmarks.table import BART_ORACLE
from fourfold.coils.calibration import central_calibration
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.operators.fourier import ifft

__all__ = ["maps", "pics"]


@dataclass(frozen=True)
class Regulariser:
    """A ``pics`` regularisation: its flags, enough iterations to converge, and where the search starts."""

    flags: str
    iterations: int
    start: float


REGULARISERS = {
    "cg-sense": Regulariser("-l2 -r {weight}", 30, 0.01),
    "wavelet": Regulariser("-R W:3:0:{weight}", 100, 0.01),
    "tv": Regulariser("-R T:3:0:{weight}", 150, 0.01),
    # With BART's own ADMM penalty, 0.5, 150 iterations stop up to 2 dB short of its converged image.
    "tv, converged": Regulariser("-R T:3:0:{weight} -u0.02", 200, 0.006),
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oracle", description=__doc__)
    parser.add_argument("--again", action="store_true", help="compute everything anew")
    arguments = parser.parse_args()
    known = json.loads(BART_ORACLE.read_text()) if BART_ORACLE.exists() and not arguments.again else {}
    for case in (*CASES, *SMALL_FIELD_OF_VIEW):
        scan = case.scan()
        mask = fingerprint(scan.mask.numpy())
        entry: dict[str, Any] = known.get(case.name, {})
        if entry.get("mask") != mask:
            entry = {"mask": mask, "acceleration": round(scan.sampling.acceleration, 4)}
        print(case.name, flush=True)
        for name, compute in (SMALL_FIELD_OF_VIEW_WORK if case in SMALL_FIELD_OF_VIEW else STANDARD_WORK).items():
            known_scores = entry.get(name, {})
            complete = known_scores.keys() >= {field.name for field in fields(Scores)}
            if not complete and not absent("pygrappa" if name.startswith("pygrappa") else "bart"):
                entry[name] = rescored(name, case, known_scores) if "weight" in known_scores else compute(case)
                print(f"  {name}: {entry[name]['psnr']:.2f} dB", flush=True)
                known[case.name] = entry
                BART_ORACLE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def zero_filled(case: Case) -> dict[str, Any]:
    """Return the scores of the zero-filled image."""
    image = root_sum_of_squares(ifft(case.scan().kspace[0])).numpy()
    return asdict(score(image, case.reference()))


def maps(kspace: NDArray[np.complex64], sets: int) -> NDArray[np.complex64]:
    """Return BART's ESPIRiT maps (set, coil, y, x) from the calibration lines of k-space (coil, ky, kx)."""
    (result,) = bart.run(f"ecalib -m{sets} -c0", kspace[:, None], threads=1)
    return result.reshape(sets, *kspace.shape)


def pics(flags: str, kspace: NDArray[np.complex64], sensitivities: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return the image (set, y, x) of BART's ``pics``, the data left as scaled."""
    (image,) = bart.run(f"pics -w1 {flags}", kspace[:, None], sensitivities[:, :, None], threads=1)
    return image.reshape(len(sensitivities), *kspace.shape[1:])


def search(name: str, sets: int, case: Case) -> dict[str, Any]:
    """Return the weight with the highest PSNR, its scores, and every weight tried."""
    attempt = partial(score_of, name, case, maps(case.scan().kspace[0].numpy(), sets))
    tried = search_weight(attempt, REGULARISERS[name].start)
    best = max(tried, key=lambda weight: tried[weight].psnr)
    curve = [[float(f"{weight:.4g}"), round(s.psnr, 3), round(s.ssim, 4)] for weight, s in sorted(tried.items())]
    return {"weight": best, **asdict(tried[best]), "tried": curve}


def score_of(name: str, case: Case, sensitivities: NDArray[np.complex64], weight: float) -> Scores:
    """Return the scores of one weight."""
    regulariser = REGULARISERS[name]
    flags = f"-i{regulariser.iterations} " + regulariser.flags.format(weight=f"{weight:.6g}")
    image = np.linalg.norm(pics(flags, case.scan().kspace[0].numpy(), sensitivities), axis=0)
    return score(image, case.reference())


def rescored(name: str, case: Case, known: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with all scores of its best weight: for scores that came after the search."""
    regulariser, _, sets = name.partition(", ") if name not in REGULARISERS else (name, "", "1 set")
    sensitivities = maps(case.scan().kspace[0].numpy(), int(sets.split()[0]))
    return known | asdict(score_of(regulariser, case, sensitivities, known["weight"]))


def search_weight(attempt: Callable[[float], Scores], start: float) -> dict[float, Scores]:
    """Return the scores around the best weight: steps of a factor 1.7 to bracket it, then of 1.3."""
    tried = {start: attempt(start)}
    for step in (3**0.5, 3**0.25):
        while True:
            best = max(tried, key=lambda weight: tried[weight].psnr)
            neighbours = [w for w in (best / step, best * step) if not any(abs(w / t - 1) < 0.01 for t in tried)]
            if not neighbours:
                break
            tried |= {weight: attempt(weight) for weight in neighbours}
    return tried


def grappa(function: str, case: Case) -> dict[str, Any]:
    """Return the scores of a pygrappa variant with its default 5×5 kernel, and the share of samples left empty."""
    import pygrappa

    scan, reference = case.scan(), case.reference()
    kspace = scan.kspace[0].numpy().astype(np.complex128)
    calibration = central_calibration(scan, size=None)[0].numpy().astype(np.complex128)
    filled = getattr(pygrappa, function)(kspace, calibration, kernel_size=(5, 5), coil_axis=0)
    empty = float(np.mean(np.abs(filled).sum(axis=0) == 0))
    image = root_sum_of_squares(ifft(torch.from_numpy(filled))).numpy()
    return {**asdict(score(image, reference)), "empty": round(empty, 4)}


STANDARD_WORK: dict[str, Callable[[Case], dict[str, Any]]] = {
    "zero-filled": zero_filled,
    **{name: partial(search, name, 1) for name in REGULARISERS},
    **{f"pygrappa {function}": partial(grappa, function) for function in ("cgrappa", "mdgrappa")},
}
SMALL_FIELD_OF_VIEW_WORK: dict[str, Callable[[Case], dict[str, Any]]] = {
    f"{name}, {sets} set{'s' * (sets > 1)}": partial(search, name, sets)
    for name in ("cg-sense", "tv")
    for sets in (1, 2)
}


if __name__ == "__main__":
    main()
