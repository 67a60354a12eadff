"""GRAPPA: missing k-space samples estimated from their acquired neighbours in all coils."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.errors import InputError
from fourfold.method import Family, Method, Progress, Solution
from fourfold.physics.calibration import calibration_kspace
from fourfold.physics.coil_images import combine_coils
from fourfold.physics.fill_lines import fill_lines
from fourfold.physics.fill_samples import fill_samples
from fourfold.physics.fourier import ifft
from fourfold.physics.sense import Combination
from fourfold.scan import Scan, crop_centre

__all__ = ["Grappa"]

# The centre of k-space tells most about the coils; farther out calibration samples add noise and time.
_CALIBRATION_SIZE = 32
# Leaves four patches, one above the other, for a kernel that fills a gap of one line.
_FEWEST_LINES = 6


class Grappa(Method):
    """Fills missing k-space from its acquired neighbours in all coils (Griswold et al. 2002, MRM 47:1202).

    The kernels are fitted to the calibration lines; every equation is scaled to unit energy. Works on line and 2D
    patterns. Acquired samples are kept exactly; samples that no kernel reaches stay zero and are counted in a note.

    The defaults were chosen on real heads with 4 and 8 coils. There, unit energy was worth 2 dB, kernels of one line
    on either side of a gap beat those of two and three, and any weight from 0.03 to 0.1 was within 0.9 dB of the best.
    """

    name: ClassVar[str] = "grappa"
    title: ClassVar[str] = "GRAPPA"
    family: ClassVar[Family] = "classical"
    rank: ClassVar[int] = 20

    readout: Annotated[int, Field(ge=1, le=_CALIBRATION_SIZE // 2)] = 7
    """Line patterns: so many readout samples of the acquired line on either side of a gap make the kernel."""
    bridge: PositiveInt = 5
    """Line patterns: widest gap, in lines, filled from both its sides; each half of a wider one from its own side."""
    samples: PositiveInt = 6
    """2D patterns: so many acquired samples, the nearest within a 7×7 window, make the kernel."""
    weight: PositiveFloat = 0.05
    """Tikhonov weight of the kernels' fit, relative to the sources' mean energy; larger is smoother and darker."""
    combination: Combination = "rss"
    """Coils combined by root-sum-of-squares (rss), or with coil maps, which lets in less noise (maps)."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        if scan.coils == 1:
            raise InputError(
                "The scan has a single coil; GRAPPA estimates samples from several coils' differences: "
                "choose the method 'tv' or 'wavelet'."
            )
        progress(0.0, "calibration")
        kspace, known = self.fill(scan, progress)
        progress(0.9, "combining coils")
        image = combine_coils(scan, ifft(kspace), self.combination)
        missing = int((~known).sum())
        return Solution(image, notes=_statement(missing, known.numel()), details={"samples_left_zero": missing})

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
        kspace, mask = scan.kspace[0], scan.mask[0]
        if bool(mask.all()):
            return kspace, mask
        calibration = calibration_kspace(scan, minimum=0, size=None)[0]
        if _is_lines(mask):
            return self._fill_lines(kspace, mask, calibration)
        if _is_lines(mask.T):
            filled, known = self._fill_lines(kspace.mT, mask.T, calibration.mT)
            return filled.mT, known.T
        calibration = _centre(calibration, _FEWEST_LINES, _FEWEST_LINES)

        def report(done: float) -> None:
            progress(0.9 * done, "filling k-space")

        return fill_samples(kspace, mask, calibration, self.samples, self.weight, report)

    def _fill_lines(self, kspace: Tensor, mask: Tensor, calibration: Tensor) -> tuple[Tensor, Tensor]:
        """Fill lines along kx; columns that were acquired nowhere (partial echo) stay out of it."""
        lines, columns = mask.any(dim=1), mask.any(dim=0).nonzero().flatten()
        extent = slice(int(columns[0]), int(columns[-1]) + 1)
        readout = min(self.readout, len(columns))
        calibration = _centre(calibration, _FEWEST_LINES, 2 * readout)
        inside, known_lines = fill_lines(kspace[..., extent], lines, calibration, readout, self.bridge, self.weight)
        filled, known = kspace.clone(), torch.zeros_like(mask)
        filled[..., extent] = inside
        known[:, extent] = known_lines[:, None]
        return filled, known


def _is_lines(mask: Tensor) -> bool:
    """Return whether the pattern (ky, kx) is one of whole lines along kx, over one range of columns."""
    lines, columns = mask.any(dim=1), mask.any(dim=0)
    found = columns.nonzero().flatten()
    one_range = len(found) == int(found[-1] - found[0]) + 1
    return one_range and bool((mask == lines[:, None] & columns).all())


def _centre(calibration: Tensor, lines: int, samples: int) -> Tensor:
    """Return the used centre of calibration k-space (coil, line, sample), which must have so many of both at least.

    In double precision, so that a small weight keeps its effect.
    """
    found = calibration.shape[-2:]
    if found[0] < lines or found[1] < samples:
        raise InputError(
            f"The scan has a calibration region of {found[0]} lines of {found[1]} samples around the k-space centre; "
            f"GRAPPA needs at least {lines} fully sampled lines of {samples}: acquire or keep more of them, or choose "
            "a method that needs none."
        )
    centre = crop_centre(calibration, (_CALIBRATION_SIZE, _CALIBRATION_SIZE))
    if not bool(centre.any()):
        raise InputError(
            "The calibration k-space contains only zeros; GRAPPA needs signal in it: check where it is from."
        )
    return centre.to(torch.complex128)


def _statement(missing: int, total: int) -> tuple[str, ...]:
    """Return the note on samples that stay empty; none when there are none."""
    if missing == 0:
        return ()
    return (
        f"GRAPPA left {missing} of {total} k-space samples ({100 * missing / total:.1f} %) at zero: they lie beyond "
        "the outermost acquired ones or farther from any acquired one than the calibration region can bridge.",
    )
