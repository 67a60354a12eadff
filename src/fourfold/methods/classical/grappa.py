"""GRAPPA: missing k-space samples estimated from their acquired neighbours in all coils."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.coils.calibration import central_calibration
from fourfold.errors import InputError
from fourfold.kspace.grappa_kernel import Equations
from fourfold.kspace.grappa_lines import fill_lines, line_equations
from fourfold.kspace.grappa_samples import fill_samples, sample_equations
from fourfold.kspace.local_weights import LocalWeights
from fourfold.methods.coil_combination import combine_coils, require_coils
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination
from fourfold.methods.tuning.kernel_size import choose_size
from fourfold.noise.calibration_noise import noise_variance
from fourfold.operators.fourier import ifft
from fourfold.scan import Scan, crop_centre

__all__ = ["Grappa"]

# The centre of k-space determines the coils best; calibration samples farther out add noise and time.
_CALIBRATION_SIZE = 32
# Leaves four patches, one above the other, for a kernel that fills a gap of one line.
_FEWEST_LINES = 6
# Sizes to choose from, by the geometries with the most holes.
_KERNEL_WIDTHS, _LINE_GEOMETRIES = (5, 7, 9, 11), 4
_SAMPLES, _SAMPLE_GEOMETRIES = (4, 6, 8), 3
_APERIODIC = (6,)
# A 2D pattern is periodic where so few geometries have at least so much of the holes.
_PERIODIC = 0.5
# With at least this weight the kernels' equations are well enough conditioned for single precision.
_SINGLE_PRECISION = 1e-3


class Grappa(Method):
    """Fills missing k-space from its acquired neighbours in all coils (Griswold et al. 2002, MRM 47:1202).

    The kernels are fitted to the calibration lines; every equation is scaled to unit energy. Works on line and 2D
    patterns. Acquired samples are kept exactly; samples that no kernel reaches stay zero and are counted in a note. On
    line patterns a kernel that estimates held-out calibration samples no better than zero is weakened down to zero.

    On real heads with 4 and 8 coils unit energy was worth 2 dB, and kernels of one line on either side of a gap beat
    those of two and three. Automatic weights, larger where there is less signal, beat the best single weight that a
    search against the reference found.
    """

    name: ClassVar[str] = "grappa"
    title: ClassVar[str] = "GRAPPA"
    family: ClassVar[Family] = "classical"
    checked: ClassVar[bool] = True
    display_order: ClassVar[int] = 20

    kernel_width: Annotated[int, Field(ge=1, le=_CALIBRATION_SIZE // 2)] | Literal["auto"] = "auto"
    """Line patterns: so many readout samples of the acquired line on either side of a gap make the kernel; auto tries
    5, 7, 9 and 11 on calibration lines that were held out."""
    max_gap: PositiveInt = 5
    """Line patterns: widest gap, in lines, filled from both its sides; each half of a wider one from its own side."""
    kernel_samples: PositiveInt | Literal["auto"] = "auto"
    """2D patterns: so many acquired samples, the nearest within a 7×7 window, make the kernel; auto tries 4, 6 and 8 on
    periodic patterns, and takes 6 on others, where holes hardly share kernels and larger ones cost too much time."""
    weight: PositiveFloat | Literal["auto"] = "auto"
    """Tikhonov weight of the kernels' fit, relative to the sources' mean energy; larger is smoother and darker. Auto
    takes, in each shell of k-space, the noise's energy over the signal's."""
    coil_combination: CoilCombination = "rss"
    """Coils combined by root-sum-of-squares (rss), or with coil maps, which lets in less noise (maps)."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        require_coils(scan, self.title)
        progress(0.0, "calibration")
        kspace, known, choice = self._fill(scan, progress)
        progress(0.9, "combining coils")
        image = combine_coils(scan, ifft(kspace), self.coil_combination)
        missing = int((~known).sum())
        details = {"samples_left_zero": missing, **choice}
        notes = _unfilled_note(missing, known.numel()) + _weak_kernels_note(
            choice.get("samples_weakened", 0), known.numel()
        )
        return Solution(image, notes=notes, details=details)

    def fill(self, scan: Scan, progress: Progress = lambda *_: None) -> tuple[Tensor, Tensor]:
        """Return the filled k-space of a scan of one frame, and which of its samples are now known.

        Returns
        -------
        tuple of Tensor
            complex64, (coil, ky, kx), and bool, (ky, kx).

        Raises
        ------
        InputError
            When the calibration region is too small for a kernel.
        """
        kspace, known, _ = self._fill(scan, progress)
        return kspace, known

    def _fill(self, scan: Scan, progress: Progress) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Return what `fill` does, and how the automatic settings were chosen."""
        kspace, mask = scan.kspace[0], scan.mask[0]
        if bool(mask.all()):
            return kspace, mask, {}
        calibration = central_calibration(scan, minimum=0, size=None)[0]
        transposed = not _is_lines(mask) and _is_lines(mask.T)
        if transposed:
            kspace, mask, calibration = kspace.mT, mask.T, calibration.mT
        lines = _is_lines(mask)
        centre = _centre(calibration, _FEWEST_LINES, 2 * self._narrowest(mask) if lines else _FEWEST_LINES)
        noise = LocalWeights.of_noise(kspace, mask, noise_variance(scan, calibration))
        weights = noise.loaded() if self.weight == "auto" else LocalWeights.uniform(self.weight, mask)
        # In double precision a small weight keeps its effect.
        precision = torch.complex64 if float(weights.values.min()) >= _SINGLE_PRECISION else torch.complex128
        problem = _Problem(kspace, mask, centre.to(precision), weights, noise.mean(~mask))
        if lines:
            filled, known, choice = self._fill_lines(problem)
        else:
            filled, known, choice = self._fill_samples(problem, progress)
        if self.weight == "auto":
            choice["weight"] = {"by_shell": [round(value, 5) for value in weights.values.tolist()]}
        return (filled.mT, known.T, choice) if transposed else (filled, known, choice)

    def _narrowest(self, mask: Tensor) -> int:
        """Return the least width of kernels for lines of the mask (ky, kx)."""
        return min(_KERNEL_WIDTHS[0] if self.kernel_width == "auto" else self.kernel_width, int(mask.any(dim=0).sum()))

    def _fill_lines(self, problem: _Problem) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Fill lines along kx; columns that were acquired nowhere (partial echo) stay out of it."""
        kspace, mask = problem.kspace, problem.mask
        lines, columns = mask.any(dim=1), mask.any(dim=0).nonzero().flatten()
        extent = slice(int(columns[0]), int(columns[-1]) + 1)
        kernel_width = self._narrowest(mask)
        choice: dict[str, Any] = {}
        if self.kernel_width == "auto":
            widest = min(len(columns), problem.calibration.shape[-1] // 2)
            sizes = [size for size in _KERNEL_WIDTHS if size <= widest] or [kernel_width]
            equations = line_equations(lines, problem.calibration, sizes[-1], self.max_gap, _LINE_GEOMETRIES)
            kernel_width, choice = problem.choose("kernel_width", equations, sizes)
        inside, known_lines, weakened = fill_lines(
            kspace[..., extent], lines, problem.calibration, kernel_width, self.max_gap, problem.weights.columns(extent)
        )
        filled, known = kspace.clone(), torch.zeros_like(mask)
        filled[..., extent] = inside
        known[:, extent] = known_lines[:, None]
        return filled, known, {**choice, "samples_weakened": weakened}

    def _fill_samples(self, problem: _Problem, progress: Progress) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Fill the samples of a 2D pattern."""
        samples = self.kernel_samples
        choice: dict[str, Any] = {}
        if samples == "auto":
            equations = sample_equations(problem.mask, problem.calibration, _SAMPLES[-1], _SAMPLE_GEOMETRIES)
            periodic = sum(each.missing for each in equations) >= _PERIODIC * int((~problem.mask).sum())
            samples, choice = problem.choose("kernel_samples", equations, _SAMPLES if periodic else _APERIODIC)

        def report(done: float) -> None:
            progress(0.9 * done, "filling k-space")

        weights = problem.weights
        filled, known = fill_samples(problem.kspace, problem.mask, problem.calibration, samples, weights, report)
        return filled, known, choice


@dataclass(frozen=True, eq=False)
class _Problem:
    """K-space (coil, ky, kx), its mask (ky, kx), calibration k-space (coil, line, sample), and the kernels' weights.

    `noise` is the noise's energy over the signal's where kernels are used.
    """

    kspace: Tensor
    mask: Tensor
    calibration: Tensor
    weights: LocalWeights
    noise: float

    def choose(self, setting: str, equations: Sequence[Equations], sizes: Sequence[int]) -> tuple[int, dict[str, Any]]:
        """Return a kernel size for a setting, and what the record says of it."""
        choice = choose_size(equations, sizes, self.weights.mean(~self.mask), self.noise)
        return choice.size, {setting: choice.summary()}


def _is_lines(mask: Tensor) -> bool:
    """Return whether the pattern (ky, kx) is one of whole lines along kx, over one range of columns."""
    lines, columns = mask.any(dim=1), mask.any(dim=0)
    acquired = columns.nonzero().flatten()
    one_range = len(acquired) == int(acquired[-1] - acquired[0]) + 1
    return one_range and bool((mask == lines[:, None] & columns).all())


def _centre(calibration: Tensor, lines: int, samples: int) -> Tensor:
    """Return the used centre of calibration k-space (coil, line, sample), which must have so many of both at least."""
    height, width = calibration.shape[-2:]
    if height < lines or width < samples:
        raise InputError(
            f"The scan has a calibration region of {height} lines of {width} samples around the k-space centre; "
            f"GRAPPA needs at least {lines} fully sampled lines of {samples}: acquire or keep more of them, or choose "
            "a method that needs none."
        )
    centre = crop_centre(calibration, (_CALIBRATION_SIZE, _CALIBRATION_SIZE))
    if not bool(centre.any()):
        raise InputError(
            "The calibration k-space contains only zeros; GRAPPA needs signal in it: check where it is from."
        )
    return centre


def _unfilled_note(missing: int, total: int) -> tuple[str, ...]:
    """Return the note on samples that stay empty; none when there are none."""
    if missing == 0:
        return ()
    return (
        f"GRAPPA left {missing} of {total} k-space samples ({100 * missing / total:.1f} %) at zero: they lie beyond "
        "the outermost acquired ones or farther from any acquired one than the calibration region allows for.",
    )


def _weak_kernels_note(weakened: int, total: int) -> tuple[str, ...]:
    """Return the note on samples whose estimates were weakened; none when there are none."""
    if weakened == 0:
        return ()
    return (
        f"GRAPPA estimated {weakened} of {total} k-space samples ({100 * weakened / total:.1f} %) with kernels that do "
        "little better on held-out calibration samples than zeros do, and weakened them to less than a half: acquire "
        "more calibration lines, or choose a method such as 'tv' or 'wavelet'.",
    )
