"""Radial and spiral scans: seconds and image quality of CG-SENSE and total variation beside BART, SigPy and mri-nufft.

A head of 12×256×256 is simulated along 64 golden-angle spokes and along 16 of 48 spiral interleaves. The GE phantom's
spiral was measured; every second of its 60 interleaves is taken. All contenders get the same samples, trajectory and
coil maps, and do as many iterations of CG-SENSE. Total variation of BART runs with several weights, of which a user
would not know the best; fourfold chooses its own. Density and point-spread function are part of every time. PSNR is
against the truth, of the phantom against the image of all interleaves, after the scaling that fits best, because
packages scale differently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.cases import DATA
from benchmarks.harness import Contender, Task, absent, compare_contenders
from benchmarks.problems import head
from benchmarks.solvers import import_torchvision
from fourfold.coils.calibration import estimate_maps
from fourfold.formats import open_scan
from fourfold.methods.registry import find_method
from fourfold.operators.gridding import gridded_images
from fourfold.sampling import radial, spiral
from fourfold.scan import Scan, Trajectory
from fourfold.simulation.simulate import loop_maps, simulate

__all__ = ["SCANS", "tasks"]

COILS, SHAPE = 12, (256, 256)
PHANTOM = DATA.parent / "noncartesian" / "gephantom8_spiral60.npz"
ITERATIONS, TIKHONOV = 16, 0.01
BART_TV_WEIGHTS, BART_TV_ITERATIONS = (0.0003, 0.001, 0.003), 50

Image = NDArray[np.float32]


def simulated(trajectory: Trajectory) -> tuple[Scan, Image]:
    """Return the scan of a head along a trajectory, with the true coil maps, and the truth."""
    truth = head(*SHAPE)
    scan = simulate(truth[None], COILS, snr=50.0, seed=0, trajectory=trajectory)
    return scan.replace(coil_maps=loop_maps(SHAPE, COILS)), truth.numpy()


def measured() -> tuple[Scan, Image]:
    """Return every second interleaf of the phantom, with the coil maps of all, and the image of all."""
    full = open_scan(PHANTOM, matrix=SHAPE)[0]
    maps = estimate_maps(full)
    image = (maps[0, 0].conj() * gridded_images(full)[0]).sum(dim=0).abs().numpy()
    trajectory = _trajectory(full)
    part = Trajectory(trajectory.points[:, ::2].contiguous(), trajectory.matrix, kind="spiral")
    return Scan(full.kspace[:, :, ::2].contiguous(), trajectory=part, coil_maps=maps), image


SCANS: dict[str, Callable[[], tuple[Scan, Image]]] = {
    "radial, 64 spokes": lambda: simulated(radial(SHAPE, 64)),
    "spiral, 16 of 48 interleaves": lambda: simulated(spiral(SHAPE, 16, 2048, acceleration=3.0)),
    "GE phantom, 30 of 60 spiral interleaves": measured,
}


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield CG-SENSE and total variation for each trajectory, with the medium size."""
    if "medium" not in sizes:
        return
    for title in list(SCANS)[: 1 if quick else None]:
        if SCANS[title] is measured and not PHANTOM.exists():
            continue
        quality = partial(score, title)
        for method, contenders in (("CG-SENSE", conjugate_gradients(title)), ("Total variation", variations(title))):
            name = f"{method}, {title}, {SHAPE[0]}×{SHAPE[1]}"
            yield Task(name, partial(compare_contenders, name, contenders, quick=quick, repeats=2, figures=quality))


def conjugate_gradients(title: str) -> list[Contender]:
    """Return the contenders of CG-SENSE."""
    return [
        Contender("fourfold", partial(ours, title, "cg-sense", weight=TIKHONOV, tolerance=0.0, iterations=ITERATIONS)),
        Contender("fourfold, automatic weight and end", partial(ours, title, "cg-sense")),
        Contender("BART", partial(with_bart, title, f"-l2 -r{TIKHONOV} -i{ITERATIONS}"), requires="bart"),
        Contender("SigPy", partial(with_sigpy, title), requires="sigpy"),
        Contender("mri-nufft", partial(with_mri_nufft, title), requires="mrinufft"),
    ]


def variations(title: str) -> list[Contender]:
    """Return the contenders of total variation."""
    theirs = [
        Contender(f"BART, {weight:g}", partial(with_bart, title, bart_variation(weight)), requires="bart")
        for weight in BART_TV_WEIGHTS
    ]
    return [Contender("fourfold, automatic weight", partial(ours, title, "tv")), *theirs]


def bart_variation(weight: float) -> str:
    """Return BART's options for total variation."""
    return f"-RT:3:0:{weight} -u0.01 -i{BART_TV_ITERATIONS}"


@cache
def load(title: str) -> tuple[Scan, Image]:
    """Return the scan with coil maps, and its reference."""
    return SCANS[title]()


def ours(title: str, name: str, **settings: Any) -> Callable[[], Image]:
    """Prepare fourfold's method."""
    scan, method = load(title)[0], find_method(name)(coil_combination="maps", **settings)
    return lambda: method(scan).magnitude[0].numpy()


def with_bart(title: str, options: str) -> Callable[[], Image]:
    """Prepare BART's pics; its trajectory is (sample, shot) points (kx, ky, kz) in cycles per field of view."""
    scan = load(title)[0]
    points = _points(scan)
    trajectory = np.concatenate([points[..., ::-1], np.zeros_like(points[..., :1])], axis=-1).astype(np.complex64)
    kspace, maps = scan.kspace[0, ..., None].numpy(), _maps(scan)[:, None]
    return lambda: np.abs(bart.run(f"pics {options} -t", trajectory, kspace, maps)[0])


def with_sigpy(title: str) -> Callable[[], Image]:
    """Prepare SigPy's CG-SENSE with the weights of Pipe & Menon, which its documentation uses."""
    from sigpy.mri import pipe_menon_dcf
    from sigpy.mri.app import SenseRecon

    scan = load(title)[0]
    kspace, maps, points = scan.kspace[0].numpy(), _maps(scan), _points(scan)

    def work() -> Image:
        weights = pipe_menon_dcf(points, img_shape=SHAPE, show_pbar=False)
        solver = SenseRecon(
            kspace, maps, lamda=TIKHONOV, weights=weights, coord=points, max_iter=ITERATIONS, show_pbar=False
        )
        return np.abs(solver.run())

    return work


def with_mri_nufft(title: str) -> Callable[[], Image]:
    """Prepare mri-nufft's LSQR, conjugate gradient on the normal equations, with finufft and Pipe & Menon's weights."""
    if not absent("torchvision"):
        # mri-nufft imports it where it is installed.
        import_torchvision()
    from mrinufft import get_operator

    scan = load(title)[0]
    kspace, maps = scan.kspace[0].flatten(1).numpy(), _maps(scan)
    points = (_points(scan) / np.array(SHAPE, np.float32)).reshape(-1, 2)
    # The weights' own backend is another one unless it is named, which needs a GPU.
    density = {"name": "pipe", "backend": "finufft"}

    def work() -> Image:
        operator = get_operator("finufft")(
            points, shape=SHAPE, n_coils=len(maps), smaps=maps, density=density, squeeze_dims=True
        )
        image = operator.pinv_solver(kspace, optim="lsqr", max_iter=ITERATIONS, progressbar=False)
        return np.abs(image).reshape(SHAPE)

    return work


def score(title: str, image: Image) -> dict[str, Any]:
    """Return the PSNR against the truth after the scaling that fits best."""
    reference = load(title)[1]
    image = image.reshape(SHAPE).astype(np.float64)
    fitted = image * float((image * reference).sum() / (image**2).sum())
    return {"PSNR dB": 10 * math.log10(float(reference.max()) ** 2 / float(((fitted - reference) ** 2).mean()))}


def _trajectory(scan: Scan) -> Trajectory:
    assert scan.trajectory is not None
    return scan.trajectory


def _points(scan: Scan) -> Image:
    """Return the points (shot, sample, 2) with ky and kx last, in cycles per field of view."""
    return _trajectory(scan).points[0].numpy()


def _maps(scan: Scan) -> NDArray[np.complex64]:
    """Return the coil maps (coil, y, x)."""
    assert scan.coil_maps is not None
    return scan.coil_maps[0, 0].numpy()
