"""SPIRiT: the k-space that agrees best with the estimates from neighbouring samples in all coils."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import AfterValidator, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.coils.calibration import central_calibration
from fourfold.errors import InputError
from fourfold.kspace.local_weights import signal_energy
from fourfold.kspace.radial_energy import radial_energy
from fourfold.kspace.spirit_kernel import SelfConsistency, consistency_kernels
from fourfold.methods.coil_combination import combine_coils, require_coils
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination
from fourfold.noise.calibration_noise import noise_variance
from fourfold.operators.fourier import ifft
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.scan import Scan

__all__ = ["Spirit"]

# The centre of k-space determines the coils best; calibration samples farther out add noise and time.
_CALIBRATION_SIZE = 32
# Samples in the middle of k-space, where nearly all is signal, are penalised with this share of the weight.
_LEAST_PENALTY = 0.02
# Where noise prevails, so much of the weight for each part of noise over signal: on simulated heads with 2 to 16 coils
# and much noise the image was otherwise up to 4 dB worse than one with zeros. With little noise it changes nothing.
_NOISE_PENALTY = 6.0
# So much for each part squared where the acceleration equals the number of coils, by the 4th power of their ratio:
# estimates from few coils are worth less. 2 and 4 coils with an SNR of 8 were otherwise up to 0.9 dB worse than zeros.
_SCARCITY_PENALTY = 8.0
# So many patches more than one along each axis; with fewer the kernels follow the noise.
_SPARE_LINES = 3


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("Input should be odd, with the estimated sample in the middle")
    return size


class Spirit(Method):
    """Minimises ½‖(G − 1) x‖² + ½ Σ λ(k) |x(k)|² over the missing samples (Lustig & Pauly 2010, MRM 64:457).

    G estimates every sample of every coil from its neighbours in all coils, acquired or not; acquired samples are
    kept exactly. Works on any Cartesian pattern. The weight λ(k) follows the energy of the acquired samples and the
    noise in it: where k-space is mostly noise, so would be what G estimates there.
    """

    name: ClassVar[str] = "spirit"
    title: ClassVar[str] = "SPIRiT"
    family: ClassVar[Family] = "classical"
    checked: ClassVar[bool] = True
    display_order: ClassVar[int] = 25

    kernel_size: Annotated[PositiveInt, AfterValidator(_odd)] = 7
    """Size of the square window, odd: its samples in all coils estimate the one in its middle."""
    calibration_weight: PositiveFloat = 0.02
    """Tikhonov weight of the kernels' fit, relative to the sources' mean energy."""
    weight: PositiveFloat = 0.05
    """Weight λ at the edge of k-space with little noise; it falls with the energy of the acquired samples and grows
    with the noise in them."""
    iterations: PositiveInt = 50
    """At most so many iterations of conjugate gradient."""
    tolerance: NonNegativeFloat = 2e-3
    """Stop when the residual falls below this part of its start."""
    coil_combination: CoilCombination = "rss"
    """Coils combined by root-sum-of-squares (rss), or with coil maps, which lets in less noise (maps)."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        require_coils(scan, self.title)
        progress(0.0, "calibration")
        kspace, iterations = self.fill(scan, progress)
        progress(0.95, "combining coils")
        image = combine_coils(scan, ifft(kspace), self.coil_combination)
        return Solution(image, iterations, notes=_acceleration_note(scan.acceleration, scan.coils))

    def fill(self, scan: Scan, progress: Progress = lambda *_: None) -> tuple[Tensor, int]:
        """Return the filled k-space (coil, ky, kx), complex64, of a scan of one frame, and the iterations done.

        Raises
        ------
        InputError
            When the calibration region is too small for the kernel.
        """
        kspace, mask = scan.kspace[0], scan.mask[0]
        if bool(mask.all()):
            return kspace, 0
        calibration = self._calibration(scan)
        noise = noise_variance(scan, calibration.to(kspace.dtype))
        if bool((mask == mask[:1]).all()):
            filled, iterations = self._fill(kspace.mT, mask.T, calibration.mT, noise, progress)
            return filled.mT.contiguous(), iterations
        return self._fill(kspace, mask, calibration, noise, progress)

    def _calibration(self, scan: Scan) -> Tensor:
        """Return the used centre of the calibration k-space (coil, ky, kx), in double precision."""
        calibration = central_calibration(scan, minimum=0, size=_CALIBRATION_SIZE)[0]
        needed = self.kernel_size + _SPARE_LINES
        height, width = calibration.shape[-2:]
        if min(height, width) < needed:
            raise InputError(
                f"The scan has a calibration region of {height}×{width} samples around the "
                f"k-space centre; a SPIRiT kernel of {self.kernel_size} needs at least {needed} of both: "
                "acquire or keep more, choose a smaller kernel, or a method that needs none."
            )
        if not bool(calibration.any()):
            raise InputError(
                "The calibration k-space contains only zeros; SPIRiT needs signal in it: check where it is from."
            )
        return calibration.to(torch.complex128)

    def _fill(
        self, kspace: Tensor, mask: Tensor, calibration: Tensor, noise: float, progress: Progress
    ) -> tuple[Tensor, int]:
        """Fill k-space (coil, ky, kx); where the mask (ky, kx) leaves out lines along kx, column by column.

        `noise` is the variance of a sample of one coil.
        """
        separable = bool((mask == mask[:, :1]).all())
        held = mask[:, :1] if separable else mask
        scarcity = mask.numel() / int(mask.sum()) / len(kspace)
        penalty = self.weight * _penalty(radial_energy(kspace, held), noise, scarcity)
        root = torch.fft.ifftshift(torch.where(held, 0, penalty.rsqrt())).T[..., None]
        data = torch.fft.ifftshift(kspace, dim=(-2, -1)).permute(2, 1, 0).contiguous()
        if separable:
            data = torch.fft.ifft(data, dim=0)
        ny, nx = mask.shape
        kernels = consistency_kernels(calibration, self.kernel_size, self.calibration_weight)
        consistency = SelfConsistency.of(kernels, (ny, nx))
        if not separable:
            iterations = self._solve(consistency, data, root, (0, 1), progress)
        else:
            iterations = 0
            for block in consistency.blocks():
                progress(0.9 * block.start / len(data), "filling k-space")
                part = data[block]
                iterations = max(iterations, self._solve(consistency.part(block), part, root, (1,)))
            data = torch.fft.fft(data, dim=0)
        filled = torch.fft.fftshift(data.permute(2, 1, 0), dim=(-2, -1))
        return torch.where(mask, kspace, filled), iterations

    def _solve(
        self,
        consistency: SelfConsistency,
        data: Tensor,
        root: Tensor,
        axes: tuple[int, ...],
        progress: Progress = lambda *_: None,
    ) -> int:
        """Add the missing samples to `data` (x, ky, coil) in place, which are zero there; return the iterations done.

        Solves for z = x √λ, which is the diagonal preconditioning by the penalty; `root` is 1/√λ, 0 where acquired.
        """

        def normal(samples: Tensor) -> Tensor:
            images = consistency(torch.fft.ifftn(samples, dim=axes))
            return torch.fft.fftn(images, dim=axes).mul_(root)

        def system(z: Tensor) -> Tensor:
            return normal(z * root).add_(z)

        z, iterations = conjugate_gradient(
            system,
            -normal(data),
            iterations=self.iterations,
            tolerance=self.tolerance,
            callback=lambda done, _: progress(0.9 * done / self.iterations, f"iteration {done}"),
        )
        data.add_(z.mul_(root))
        return iterations


def _acceleration_note(acceleration: float, coils: int) -> tuple[str, ...]:
    """Return a note where there are no more coils than the acceleration needs."""
    if acceleration < coils:
        return ()
    return (
        f"The acceleration of {acceleration:.1f} is not below the number of coils, {coils}: parallel imaging alone "
        "cannot determine the missing samples; compare with 'tv' or 'wavelet'.",
    )


def _penalty(energy: Tensor, noise: float, scarcity: float) -> Tensor:
    """Return λ(k) over the weight.

    Parameters
    ----------
    energy
        Mean energy of the acquired samples around each sample.
    noise
        Variance of their noise.
    scarcity
        The acceleration over the number of coils.
    """
    ratio = noise / signal_energy(energy, noise)
    noisy = _NOISE_PENALTY * ratio**3 / (1 + ratio**2) + _SCARCITY_PENALTY * scarcity**4 * ratio**2
    return energy.min() / energy + _LEAST_PENALTY + noisy
