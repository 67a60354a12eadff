"""CG-SENSE, wavelet and TV of every contender, each as a function that prepares ``solve(iterations) -> image``.

Each is used as its documentation shows it, with coil maps and data given, ½‖A x − y‖² + weight · R(x), and no
stopping but by the number of iterations. What R means differs a little; the functions say how. The peers' TV gets
the step that served it best here (their own defaults need three to ten times the iterations, or never arrive).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from fourfold.scan import Scan

__all__ = ["Image", "Solve", "with_bart", "with_deepinv", "with_fourfold", "with_mrpro", "with_sigpy"]

Image = NDArray[np.complex64]
Solve = Callable[[int], Image]

WAVELET = "db4"
LEVELS = 4


def with_fourfold(scan: Scan, method: str, weight: float, **settings: Any) -> Solve:
    """Ours, called as a user does; isotropic TV of the complex image; db4 averaged over all shifts."""
    from fourfold.registry import find_method

    kind = find_method(method)

    def solve(iterations: int) -> Image:
        reconstruct = kind(weight=weight, iterations=iterations, tolerance=0, **settings)
        return reconstruct(scan).image[0].numpy()

    return solve


def with_bart(scan: Scan, method: str, weight: float) -> Solve:
    """BART's pics; the same TV, continued periodically (ADMM); Daubechies-2 with random shifts (FISTA)."""
    assert scan.coil_maps is not None
    kspace, maps = scan.kspace[0, :, None].numpy(), scan.coil_maps[0, 0, :, None].numpy()
    regulariser = {"cg-sense": f"-l2 -r{weight}", "wavelet": f"-RW:3:0:{weight}", "tv": f"-RT:3:0:{weight} -u0.003"}

    def solve(iterations: int) -> Image:
        # -w1 keeps BART from scaling the data, and with it the weight.
        return bart.run(f"pics -w1 -i{iterations} {regulariser[method]}", kspace, maps)[0]

    return solve


def with_sigpy(scan: Scan, method: str, weight: float) -> Solve:
    """SigPy's applications; anisotropic TV, continued periodically (PDHG); db4, zero-padded (FISTA)."""
    from sigpy.mri.app import L1WaveletRecon, SenseRecon, TotalVariationRecon

    assert scan.coil_maps is not None
    kspace, maps = scan.kspace[0].numpy(), scan.coil_maps[0, 0].numpy()
    application = {"cg-sense": SenseRecon, "wavelet": L1WaveletRecon, "tv": TotalVariationRecon}[method]
    step = {"sigma": 0.01} if method == "tv" else {}

    def solve(iterations: int) -> Image:
        return application(kspace, maps, lamda=weight, max_iter=iterations, show_pbar=False, **step).run()

    return solve


def with_mrpro(scan: Scan, method: str, weight: float) -> Solve:
    """By mrpro's operators and optimisers; anisotropic TV of real and imaginary parts (PDHG); db4 (FISTA)."""
    _import_torchvision()
    from mrpro.algorithms.optimizers import cg, pdhg, pgd
    from mrpro.operators import FiniteDifferenceOp, LinearOperatorMatrix, WaveletOp
    from mrpro.operators.functionals import L1Norm, L1NormViewAsReal, L2NormSquared

    encoding, data = _mrpro_problem(scan)
    misfit = L2NormSquared(target=data)
    start = encoding.H(data)[0]

    # mrpro's data term lacks the ½, hence twice the weight.
    def conjugate_gradient(iterations: int) -> torch.Tensor:
        (rhs,) = encoding.H(data)
        system = encoding.gram + torch.tensor(weight)
        return cg(system, rhs, initial_value=torch.zeros_like(rhs), max_iterations=iterations, tolerance=0)[0]

    def total_variation(iterations: int) -> torch.Tensor:
        differences = FiniteDifferenceOp(dim=(-2, -1), mode="forward")
        stacked = LinearOperatorMatrix(((encoding,), (differences,)))
        terms = misfit | (2 * weight) * L1NormViewAsReal()
        return pdhg(terms, None, stacked, (start,), max_iterations=iterations, primal_stepsize=3.0)[0]

    def wavelet(iterations: int) -> torch.Tensor:
        transform = WaveletOp(domain_shape=scan.shape, dim=(-2, -1), wavelet_name=WAVELET, level=LEVELS)
        synthesis = transform.H
        (coefficients,) = pgd(
            misfit @ encoding @ synthesis,
            (2 * weight) * L1Norm(),
            transform(start)[0],
            stepsize=0.5,
            max_iterations=iterations,
        )
        return synthesis(coefficients)[0]

    solver = {"cg-sense": conjugate_gradient, "wavelet": wavelet, "tv": total_variation}[method]

    @torch.no_grad()
    def solve(iterations: int) -> Image:
        return solver(iterations).reshape(scan.shape).numpy()

    return solve


def _mrpro_problem(scan: Scan) -> tuple[Any, torch.Tensor]:
    """Return mrpro's encoding operator and its data, a list of the acquired samples: its fastest layout."""
    from mrpro.data import KTrajectory, SpatialDimension
    from mrpro.operators import FourierOp, SensitivityOp

    assert scan.coil_maps is not None
    ny, nx = scan.shape
    mask = scan.mask[0]
    positions = torch.meshgrid(torch.arange(ny) - ny // 2, torch.arange(nx) - nx // 2, indexing="ij")
    ky, kx = (position[mask].reshape(1, 1, 1, 1, -1).float() for position in positions)
    trajectory = KTrajectory(kz=torch.zeros(1, 1, 1, 1, 1), ky=ky, kx=kx)
    matrix = SpatialDimension(1, ny, nx)
    encoding = FourierOp(matrix, matrix, trajectory) @ SensitivityOp(scan.coil_maps[:, 0, :, None])
    return encoding, scan.kspace[0][:, mask][None, :, None, None]


def with_deepinv(scan: Scan, method: str, weight: float) -> Solve:
    """By deepinv's physics and FISTA; TV (10 inner iterations) and db4 of real and imaginary parts."""
    _import_torchvision()
    from deepinv.optim import FISTA, L2
    from deepinv.optim.linear import conjugate_gradient
    from deepinv.optim.prior import TVPrior, WaveletPrior
    from deepinv.physics import MultiCoilMRI

    physics = MultiCoilMRI(mask=scan.mask[0].float(), coil_maps=scan.coil_maps[0, 0][None])  # type: ignore[index]
    data = torch.view_as_real(scan.kspace).movedim(-1, 1).contiguous()

    def system(x: torch.Tensor) -> torch.Tensor:
        return physics.A_adjoint(physics.A(x)) + weight * x

    @torch.no_grad()
    def solve(iterations: int) -> Image:
        if method == "cg-sense":
            x = conjugate_gradient(system, physics.A_adjoint(data), max_iter=iterations, tol=0)
        else:
            prior = TVPrior(n_it_max=10) if method == "tv" else WaveletPrior(level=LEVELS, wv=WAVELET)
            # Its wavelet prior multiplies the weight by a threshold of its own, 0.1.
            unit = 1.0 if method == "tv" else 10.0
            model = FISTA(L2(), prior, lambda_reg=unit * weight, stepsize=1.0, max_iter=iterations)
            x = model(data, physics)
        return torch.complex(x[0, 0], x[0, 1]).numpy()

    return solve


def _import_torchvision() -> None:
    """Import torchvision, which mrpro and deepinv want, also where its operators were built for another torch.

    Beside a CPU torch, torchvision's wheel for GPUs does not load its operators, and then fails to import for want
    of two that nothing here calls; their declarations are enough.
    """
    try:
        import torchvision
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
        import torchvision  # noqa: F401
