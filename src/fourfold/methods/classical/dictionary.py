"""A patch dictionary learned from the data."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from fourfold.denoisers.dictionary import DictionaryDenoiser
from fourfold.methods.denoiser_method import DenoiserMethod
from fourfold.methods.model_based import Weight
from fourfold.methods.sense_problem import SenseProblem

__all__ = ["Dictionary"]


class Dictionary(DenoiserMethod):
    """Overlapping patches are sparse in a dictionary that is learned from the image while it is reconstructed.

    After Ravishankar & Bresler 2011 (IEEE TMI 30:1028), with an orthonormal dictionary, whose codes and atoms have
    closed forms (Bao, Cai & Ji 2013; Ravishankar & Bresler 2015, SIAM J. Imaging Sci. 8:2519).
    """

    name: ClassVar[str] = "dictionary"
    title: ClassVar[str] = "Learned dictionary"
    display_order: ClassVar[int] = 50

    initial_weight: ClassVar[float] = 0.02

    noise_std: Weight = "auto"
    """Noise to remove, as standard deviation relative to the brightness of the image; auto chooses it."""
    patch_size: Annotated[int, Field(ge=2, le=16)] = 6
    """Width of a patch in pixels; the dictionary has as many atoms as a patch has pixels."""

    def new_denoiser(self, problem: SenseProblem) -> DictionaryDenoiser:  # noqa: ARG002  # patches of any image
        """Return a denoiser whose dictionary is yet to learn."""
        return DictionaryDenoiser(self.patch_size)
