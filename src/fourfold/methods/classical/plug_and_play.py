"""Plug and play: reconstruction with any denoiser."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import AfterValidator, PlainSerializer
from pydantic_core import PydanticCustomError

from fourfold.denoisers.denoiser import Denoiser
from fourfold.denoisers.registry import denoisers
from fourfold.errors import InputError
from fourfold.methods.denoiser_method import DenoiserMethod
from fourfold.methods.method_settings import name_in_record
from fourfold.methods.model_based import Weight
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.registry import new_regulariser, regularisers
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.warm import for_one_solve

__all__ = ["DenoiserSetting", "PlugAndPlay"]


def _known(denoiser: str | Denoiser) -> str | Denoiser:
    names = (*denoisers(), *regularisers())
    if isinstance(denoiser, str) and denoiser not in names:
        sentence = "Input should be one of {names}, or from Python a function"
        raise PydanticCustomError("denoiser", sentence, {"names": ", ".join(names)})
    return denoiser


DenoiserSetting: TypeAlias = Annotated[
    str | Denoiser, AfterValidator(_known), PlainSerializer(name_in_record, return_type=str)
]
"""A denoiser by its name, or a function."""


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
    or a regulariser, whose proximal map denoises: tv, tgv, wavelet; or, from Python, a function
    (image, sigma) -> image."""
    noise_std: Weight = "auto"
    """Noise to remove, as standard deviation relative to the brightness of the image; auto chooses it."""

    def new_denoiser(self, problem: SenseProblem) -> Denoiser:
        """Return the denoiser for images of the problem's shape, on its device."""
        if not isinstance(self.denoiser, str):
            return self.denoiser
        if self.denoiser in denoisers():
            made: Denoiser = denoisers()[self.denoiser]()
            return made
        regulariser = new_regulariser(self.denoiser, problem.support)
        if not isinstance(regulariser, Regulariser):
            raise InputError(
                f"The regulariser '{self.denoiser}' has a gradient but no proximal map, which 'pnp' needs as a "
                "denoiser: choose the method 'custom' for it."
            )
        return for_one_solve(regulariser).prox
