"""Patches that are sparse in a dictionary learned from the image itself."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.optimize.patches import PatchTransform, cosine_atoms

__all__ = ["HARD_THRESHOLD", "DictionaryDenoiser", "learn_atoms"]

HARD_THRESHOLD = 2.7
"""Coefficients below so many standard deviations of the noise are noise (Dabov et al. 2007, IEEE TIP 16:2080)."""

# The dictionary learns anew each time the noise level has fallen by this factor.
_LEARN_BELOW = 0.7
_ROUNDS = 2
# Atoms that no patch uses stay where they are.
_INERTIA = 1e-3


def learn_atoms(patches: Tensor, atoms: Tensor, threshold: float) -> Tensor:
    """Return better atoms W: one round on Σ‖W p − z‖² + threshold² ‖z‖₀ over orthonormal W and sparse codes z.

    Hard thresholding gives the codes and a Procrustes problem the atoms, so that a round never raises the objective
    (Bao, Cai & Ji 2013, ICCV; Cai et al. 2014, ACHA 37:89; Ravishankar & Bresler 2015, SIAM J. Imaging Sci. 8:2519).
    The first atom is constant, is used by all patches, and stays.

    Parameters
    ----------
    patches
        float32, (part, pixel, patch); a code's parts are zero together.
    atoms
        float32, (atom, pixel), orthonormal rows.
    threshold
        Codes below it are zero.
    """
    correlation = torch.zeros_like(atoms)
    for block in torch.split(patches, 1 << 14, dim=2):
        codes = atoms @ block
        kept = codes.square().sum(dim=0) > threshold**2
        correlation += torch.einsum("pan,pbn->ab", codes.mul_(kept), block)
    constant = atoms[:1]
    correlation += _INERTIA * torch.linalg.vector_norm(correlation) * atoms
    correlation -= (correlation @ constant.mT) * constant
    correlation[0] = torch.linalg.vector_norm(correlation) * constant[0]
    left, _, right = torch.linalg.svd(correlation)
    return left @ right


class DictionaryDenoiser:
    """Denoises by hard thresholding of all overlapping patches in an orthonormal dictionary learned from them.

    A patch counts the more the fewer atoms it needs. The dictionary starts as the cosine transform and is learned
    while the noise level falls from call to call; then it stays, so that an iteration around it settles.

    Parameters
    ----------
    patch
        Width of a patch in pixels.
    """

    def __init__(self, patch: int) -> None:
        self.patch = patch
        self.transform: PatchTransform | None = None
        self._learned_at = float("inf")

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        if sigma == 0:
            return x
        images = x.flatten(0, -3)
        transform = self._learned(images, HARD_THRESHOLD * sigma, sigma)
        return torch.stack([_thresholded(transform, image, HARD_THRESHOLD * sigma) for image in images]).view(x.shape)

    def _learned(self, images: Tensor, threshold: float, sigma: float) -> PatchTransform:
        transform = self.transform or PatchTransform(cosine_atoms(self.patch, images.device))
        if sigma < _LEARN_BELOW * self._learned_at:
            patches = torch.cat([transform.patches(image) for image in images], dim=2)
            atoms = transform.atoms
            for _ in range(_ROUNDS):
                atoms = learn_atoms(patches, atoms, threshold)
            transform = PatchTransform(atoms)
            self._learned_at = sigma
        self.transform = transform
        return transform


def _thresholded(transform: PatchTransform, image: Tensor, threshold: float) -> Tensor:
    codes = transform.forward(image)
    kept = codes.square().sum(dim=0, keepdim=True).gt_(threshold**2)
    kept[:, 0] = 1
    weights = kept.sum(dim=1, keepdim=True).reciprocal_()
    return transform.mean(codes.mul_(kept).mul_(weights), weights)
