"""Plug and play: reconstruction with any denoiser."""

from __future__ import annotations

from typing import ClassVar

from fourfold.denoisers.denoiser import Denoiser
from fourfold.methods.denoiser_method import DenoiserMethod
from fourfold.methods.denoiser_setting import DenoiserSetting, new_denoiser
from fourfold.methods.model_based import Weight
from fourfold.methods.sense_problem import SenseProblem

__all__ = ["PlugAndPlay"]


class PlugAndPlay(DenoiserMethod):
    """Plug and play: a denoiser in place of a regulariser (Venkatakrishnan, Bouman & Wohlberg 2013, GlobalSIP).

    The built-in block matching (Dabov et al. 2007) removes noise and aliasing where patches repeat. From Python, any
    function does: ``PlugAndPlay(denoiser=function)``.
    """

    name: ClassVar[str] = "pnp"
    title: ClassVar[str] = "Plug and play"
    display_order: ClassVar[int] = 55

    initial_weight: ClassVar[float] = 0.02

    denoiser: DenoiserSetting = "block-matching"
    """A denoiser by name: block-matching (similar patches are filtered together), dictionary (learned from the image);
    a regulariser, whose proximal map denoises: tv, tgv, wavelet; weights of a trained denoiser, by name or folder; or,
    from Python, a function (image, sigma) -> image."""
    noise_std: Weight = "auto"
    """Noise to remove, as standard deviation relative to the brightness of the image; auto chooses it."""

    def new_denoiser(self, problem: SenseProblem) -> Denoiser:
        """Return the denoiser for images of the problem's shape, on its device."""
        return new_denoiser(self.denoiser, problem.rhs.device, problem.support)
