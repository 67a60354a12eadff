"""CG-SENSE, wavelet and TV of every contender, each as a function that prepares ``solve(iterations) -> image``.

All minimise the same ½‖A x − y‖² + weight · R(x) (`benchmarks.objective`), with coil maps and data given and no
stopping but by the number of iterations. Each is put together from its library's own parts, as its documentation
shows; where a library's R takes directions, or real and imaginary parts, one by one, its modulus is put in instead.
The steps are those that served each best in a search (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.objective import LEVELS, WAVELET
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Sampling, Scan

__all__ = [
    "BUILDERS",
    "Image",
    "Solve",
    "import_torchvision",
    "with_bart",
    "with_deepinv",
    "with_fourfold",
    "with_mrpro",
    "with_sigpy",
]

Image = NDArray[np.complex64]
Solve = Callable[[int], Image]

BART_RHO = 0.01
SIGPY_SIGMA = 0.02
MRPRO_STEP = 2.0
DEEPINV_INNER, DEEPINV_TAU = 3, 1.0


def with_fourfold(scan: Scan, method: str, weight: float) -> Solve:
    """Ours, called as a user does; the image is the solution itself, without the measured samples put back."""
    from fourfold.methods.registry import find_method

    kind = find_method(method)
    settings: dict[str, Any] = {"weight": weight, "tolerance": 0, "coil_combination": "maps"}
    if method == "wavelet":
        settings |= {"wavelet": WAVELET, "levels": LEVELS, "cycle_spinning": False}
        scan = _mirrored_scan(scan)

    def solve(iterations: int) -> Image:
        image = kind(iterations=iterations, **settings)(scan).image
        return (_mirrored(image) if method == "wavelet" else image)[0].numpy()

    return solve


def _mirrored_scan(scan: Scan) -> Scan:
    """Return the scan of the mirrored object, which in fourfold's wavelets is what the object is in the others'.

    All others' filters run the other way, from another first pixel: for one and the same object this is another
    norm, some per cent smaller or larger.
    """
    assert scan.coil_maps is not None
    mask = scan.mask.flip(-2, -1)
    for axis, size in ((-2, scan.shape[0]), (-1, scan.shape[1])):
        mask = mask if size % 2 else mask.roll(1, axis)
    kspace = torch.where(mask[:, None], fft(_mirrored(ifft(scan.kspace))), 0)
    return scan.replace(kspace=kspace, sampling=Sampling(mask), coil_maps=_mirrored(scan.coil_maps))


def _mirrored(images: torch.Tensor) -> torch.Tensor:
    """Return images (…, y, x) mirrored such that blocks of 2^LEVELS pixels, from the first on, stay blocks."""
    block = 2**LEVELS
    shifts = [-(-size // block) * block - size for size in images.shape[-2:]]
    return images.flip(-2, -1).roll(shifts, (-2, -1))


def with_bart(scan: Scan, method: str, weight: float) -> Solve:
    """BART's pics: TV continued periodically (ADMM); Daubechies-2 without random shifts, its default levels (FISTA)."""
    assert scan.coil_maps is not None
    kspace, maps = scan.kspace[0, :, None].numpy(), scan.coil_maps[0, 0, :, None].numpy()
    # BART's centred transform lacks the constant sign of the usual one, (-1)^(n/2) along an axis of even size n.
    sign = (-1) ** sum(size // 2 for size in scan.shape)
    flags = {"cg-sense": f"-l2 -r{weight}", "wavelet": f"-n -RW:3:0:{weight}", "tv": f"-RT:3:0:{weight} -u{BART_RHO}"}

    def solve(iterations: int) -> Image:
        # -w1 keeps BART from scaling the data, and with it the weight.
        return bart.run(f"pics -w1 -i{iterations} {flags[method]}", kspace, maps)[0] * sign

    return solve


def with_sigpy(scan: Scan, method: str, weight: float) -> Solve:
    """SigPy's applications: TV continued periodically (PDHG); db2, zero-padded, its default levels (FISTA)."""
    from sigpy.app import LinearLeastSquares
    from sigpy.linop import FiniteDifference
    from sigpy.mri.app import L1WaveletRecon, SenseRecon
    from sigpy.mri.linop import Sense
    from sigpy.prox import Prox

    assert scan.coil_maps is not None
    kspace, maps = scan.kspace[0].numpy(), scan.coil_maps[0, 0].numpy()

    class Isotropic(Prox):
        """Shrinks the modulus over directions; SigPy's L1Reg shrinks direction by direction."""

        def _prox(self, alpha: float, field: Image) -> Image:
            modulus = np.sqrt((field.real**2 + field.imag**2).sum(axis=0))
            return field * np.maximum(1 - alpha * weight / np.maximum(modulus, 1e-12), 0)

    def solve(iterations: int) -> Image:
        common: dict[str, Any] = {"max_iter": iterations, "show_pbar": False}
        if method == "cg-sense":
            return SenseRecon(kspace, maps, lamda=weight, **common).run()
        if method == "wavelet":
            # The encoding's norm is one: without a step, SigPy would spend 30 iterations on finding that.
            return L1WaveletRecon(kspace, maps, lamda=weight, wave_name=WAVELET, alpha=1, **common).run()
        mask = scan.mask[0].numpy().astype(np.float32)
        differences = FiniteDifference(maps.shape[1:])
        steps = {"sigma": SIGPY_SIGMA, "tau": 1 / (9 * SIGPY_SIGMA)}
        shrink = Isotropic(differences.oshape)
        return LinearLeastSquares(
            Sense(maps, weights=mask), kspace, proxg=shrink, G=differences, **steps, **common
        ).run()

    return solve


def with_mrpro(scan: Scan, method: str, weight: float) -> Solve:
    """By mrpro's operators and optimisers; TV that also counts the last pixels' fall to zero (PDHG); db2 (FISTA)."""
    import_torchvision()
    from mrpro.algorithms.optimizers import cg, pdhg, pgd
    from mrpro.operators import FiniteDifferenceOp, LinearOperatorMatrix, WaveletOp
    from mrpro.operators.functionals import L1Norm, L2NormSquared

    encoding, data = _mrpro_problem(scan)
    misfit = L2NormSquared(target=data)
    start = encoding.H(data)[0]

    class Isotropic(L1Norm):
        """Bounds the modulus over directions; mrpro's L1Norm bounds direction by direction."""

        def prox_convex_conj(self, x: torch.Tensor, sigma: Any = 1.0) -> tuple[torch.Tensor]:  # noqa: ARG002  # the bound is free of it
            real = torch.view_as_real(x)
            modulus = real.square().sum(dim=(0, -1), keepdim=True).sqrt()
            return (torch.view_as_complex(real / (modulus / self.weight).clamp_min(1)),)

    # mrpro's data term lacks the ½, hence twice the weight.
    def conjugate_gradient(iterations: int) -> torch.Tensor:
        (rhs,) = encoding.H(data)
        system = encoding.gram + torch.tensor(weight)
        return cg(system, rhs, initial_value=torch.zeros_like(rhs), max_iterations=iterations, tolerance=0)[0]

    def total_variation(iterations: int) -> torch.Tensor:
        differences = FiniteDifferenceOp(dim=(-2, -1), mode="forward")
        stacked = LinearOperatorMatrix(((encoding,), (differences,)))
        terms = misfit | Isotropic(weight=2 * weight)
        return pdhg(terms, None, stacked, (start,), max_iterations=iterations, primal_stepsize=MRPRO_STEP)[0]

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
    """By deepinv's physics and FISTA; TV (3 inner iterations) and db2, zero-padded."""
    import_torchvision()
    from deepinv.models import TVDenoiser, WaveletDenoiser
    from deepinv.optim import FISTA, L2
    from deepinv.optim.linear import conjugate_gradient
    from deepinv.optim.prior import TVPrior, WaveletPrior
    from deepinv.physics import MultiCoilMRI

    physics = MultiCoilMRI(mask=scan.mask[0].float(), coil_maps=scan.coil_maps[0, 0][None])  # type: ignore[index]
    data = torch.view_as_real(scan.kspace).movedim(-1, 1).contiguous()

    class Isotropic(TVDenoiser):
        """Bounds the complex modulus; deepinv's bounds the channels, real and imaginary part, one by one."""

        def prox_sigma_g_conj(self, u: torch.Tensor, lambda2: torch.Tensor) -> torch.Tensor:
            modulus = torch.linalg.vector_norm(u, dim=(1, -1), keepdim=True)
            return u / (modulus / lambda2).clamp_min(1)

    class Modulus(WaveletDenoiser):
        """Shrinks the complex modulus; deepinv's shrinks the channels one by one."""

        def prox_l1(self, x: torch.Tensor, ths: float = 0.1) -> torch.Tensor:
            modulus = torch.linalg.vector_norm(x, dim=1, keepdim=True)
            return x * (1 - ths / modulus.clamp_min(1e-12)).clamp_min(0)

    def system(x: torch.Tensor) -> torch.Tensor:
        return physics.A_adjoint(physics.A(x)) + weight * x

    @torch.no_grad()
    def solve(iterations: int) -> Image:
        if method == "cg-sense":
            x = conjugate_gradient(system, physics.A_adjoint(data), max_iter=iterations, tol=0)
        else:
            if method == "tv":
                prior = TVPrior()
                prior.TVModel = Isotropic(n_it_max=DEEPINV_INNER, tau=DEEPINV_TAU)
            else:
                prior = WaveletPrior(level=LEVELS, wv=WAVELET)
                prior.WaveletDenoiser = Modulus(level=LEVELS, wv=WAVELET)
            # Its wavelet prior multiplies the weight by a threshold of its own, 0.1.
            unit = 1.0 if method == "tv" else 10.0
            model = FISTA(L2(), prior, lambda_reg=unit * weight, stepsize=1.0, max_iter=iterations)
            x = model(data, physics)
        return torch.complex(x[0, 0], x[0, 1]).numpy()

    return solve


def import_torchvision() -> None:
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


BUILDERS: dict[str, tuple[Callable[..., Solve], str]] = {
    "fourfold": (with_fourfold, "fourfold"),
    "BART": (with_bart, "bart"),
    "SigPy": (with_sigpy, "sigpy"),
    "mrpro": (with_mrpro, "mrpro"),
    "deepinv": (with_deepinv, "deepinv"),
}
"""Every contender's function, and what must be installed for it; ours first."""
