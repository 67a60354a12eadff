"""Plug and play: reconstruction with any denoiser."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainSerializer

from fourfold.denoisers.block_matching import BlockMatching
from fourfold.methods.denoiser_method import DenoiserMethod
from fourfold.methods.model_based import Weight
from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.wavelets import UndecimatedWavelet
from fourfold.optimize.plug_and_play import Denoiser
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.regularisers.wavelet import CycleSpunPenalty

__all__ = ["PlugAndPlay"]


def _name(denoiser: Any) -> str:
    """Return the name of a denoiser for the record."""
    if isinstance(denoiser, str):
        return denoiser
    return f"{getattr(denoiser, '__module__', '')}.{getattr(denoiser, '__qualname__', type(denoiser).__name__)}"


class PlugAndPlay(DenoiserMethod):
    """Plug and play: a denoiser in place of a regulariser (Venkatakrishnan, Bouman & Wohlberg 2013, GlobalSIP).

    The built-in block matching (Dabov et al. 2007) removes noise and aliasing where patches repeat. From Python, any
    function does: ``PlugAndPlay(denoiser=function)``.
    """

    name: ClassVar[str] = "pnp"
    title: ClassVar[str] = "Plug and play"
    display_order: ClassVar[int] = 55

    initial_weight: ClassVar[float] = 0.02

    denoiser: Annotated[
        Literal["block-matching", "wavelet", "tv"] | Denoiser, PlainSerializer(_name, return_type=str)
    ] = "block-matching"
    """block-matching: similar patches are filtered together; wavelet, tv: the proximal maps of the methods of that
    name; or, from Python, a function (image, sigma) -> image."""
    noise_std: Weight = "auto"
    """Noise to remove, as standard deviation relative to the brightness of the image; auto chooses it."""

    def new_denoiser(self, problem: SenseProblem) -> Denoiser:
        """Return the function, or a new built-in denoiser."""
        if self.denoiser == "block-matching":
            return BlockMatching()
        if self.denoiser == "tv":
            return TotalVariationPenalty(problem.support).warm().prox
        if self.denoiser == "wavelet":
            ny, nx = problem.rhs.shape[-2:]
            return CycleSpunPenalty(UndecimatedWavelet((ny, nx), "db4", 4, problem.rhs.device)).prox
        assert callable(self.denoiser)
        return self.denoiser
