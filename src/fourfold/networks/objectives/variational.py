"""Training of a variational autoencoder on images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor

from fourfold.coils.low_resolution import low_resolution_phase
from fourfold.errors import InputError
from fourfold.networks.objectives.objective import NetworkInput, Objective, TrainingBatch
from fourfold.networks.reconstructor import require_maps
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.generator_fit import adam_images
from fourfold.optimize.least_squares import least_squares
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.total_variation import TotalVariationPenalty

if TYPE_CHECKING:
    from fourfold.networks.network import Network

__all__ = ["Variational"]

_ERROR = "autoencoder-error"
# Total variation as in the method's first image, but it need not converge.
_WEIGHT, _ITERATIONS = 0.003, 20
# The best fit to a full image: more steps gain less than 0.1 dB.
_FIT_STEPS, _FIT_RATE = 100, 0.02


@runtime_checkable
class _Autoencoder(Protocol):
    """A network with an encoder to latent variables and a decoder from them."""

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]: ...

    def decode(self, latent: Tensor, size: tuple[int, int]) -> Tensor: ...


class Variational(Objective):
    """The variational bound of an autoencoder, some of whose images come from undersampled k-space.

    Kingma & Welling 2014 (arXiv:1312.6114). The loss is the mean of |G(z) − x| over pixels, and the weighted
    Kullback–Leibler divergence between the distribution of the latent variables for the image and a standard normal
    one, in nats a pixel; z is drawn from the former. It is the bound for errors whose mean modulus is twice the weight.

    The encoder is also shown what total variation makes of the undersampled k-space of x (the denoising criterion, Im
    et al. 2017, AAAI, arXiv:1511.06406): such an image is where a fit to measured samples begins. The phase of the
    low-resolution part of the image that it is shown is taken out, as the method 'latent' takes it out.
    """

    kind: ClassVar[str] = "vae"
    compares_images: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True
    own_scores: ClassVar[tuple[str, ...]] = (_ERROR,)

    kl_weight: NonNegativeFloat = 0.01
    """Weight of the Kullback–Leibler divergence, in nats a pixel, beside the mean error of a pixel."""
    undersampled_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the examples whose encoder sees an image from undersampled k-space, with the masks of the data."""
    phase_lines: tuple[PositiveInt, PositiveInt] = (12, 24)
    """Fewest and most lines of the centre of k-space whose image has the phase that is taken out."""

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if self.phase_lines[0] > self.phase_lines[1]:
            raise InputError(
                f"'phase_lines' is {self.phase_lines[0]} to {self.phase_lines[1]}; give the smaller number first."
            )
        return self

    def losses(
        self,
        network: Network,
        part: int,  # noqa: ARG002  # part of the interface
        batch: TrainingBatch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Return the error of the decoded images and the weighted divergence of their latent variables."""
        autoencoder = _autoencoder(network)
        fewest, most = self.phase_lines
        lines = int(torch.randint(fewest, most + 1, (), generator=generator))
        images = _complex(batch.reference())
        undersampled = torch.rand(len(images), generator=generator) < self.undersampled_fraction
        shown = images.clone()
        if bool(undersampled.any()):
            shown[undersampled] = _from_undersampled(batch.network_input(False), undersampled.to(images.device))
        phase = low_resolution_phase(shown, lines).conj()
        mean, log_variance = autoencoder.encode(shown * phase)
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        latent = mean + noise * (0.5 * log_variance).exp()
        error = (autoencoder.decode(latent, (images.shape[-2], images.shape[-1])) - images * phase).abs().mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / images.numel()
        return {"error": error, "divergence": self.kl_weight * divergence}

    def scores(self, network: Network, part: int, batch: TrainingBatch) -> Mapping[str, Sequence[float]]:  # noqa: ARG002
        """Return the relative error ‖G(z) − x‖ / ‖x‖ of each image for its mean latent variables."""
        autoencoder = _autoencoder(network)
        images = _complex(batch.reference())
        images = images * low_resolution_phase(images, self.phase_lines[1]).conj()
        decoded = autoencoder.decode(autoencoder.encode(images)[0], (images.shape[-2], images.shape[-1]))
        errors = (decoded - images).flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)
        return {_ERROR: errors.tolist()}

    def measurements(self, network: Network, batches: Iterable[TrainingBatch]) -> dict[str, Any]:
        """Return how close the decoder comes to fully sampled images: PSNR in dB and relative error, the means."""
        autoencoder = _autoencoder(network)
        errors = [error for batch in batches for error in self._range_errors(autoencoder, batch.reference())]
        if not errors:
            return {}
        psnr, relative = torch.tensor(errors).mean(dim=0).tolist()
        return {"range_psnr": round(psnr, 2), "range_error": float(f"{relative:.4g}")}

    @torch.no_grad()
    def _range_errors(self, autoencoder: _Autoencoder, images: Tensor) -> list[tuple[float, float]]:
        """Return PSNR, by the largest pixel, and relative error of the best fit to each of the images (frame, y, x)."""
        images = _complex(images)
        images = images * low_resolution_phase(images, self.phase_lines[1]).conj()
        size = (images.shape[-2], images.shape[-1])
        latent = autoencoder.encode(images)[0]
        *_, best = adam_images(
            lambda: autoencoder.decode(latent, size),
            [latent],
            lambda x: x - images,
            steps=_FIT_STEPS,
            learning_rate=_FIT_RATE,
        )
        squared = (best - images).abs().square().mean(dim=(1, 2))
        peak, energy = images.abs().amax(dim=(1, 2)).square(), images.abs().square().mean(dim=(1, 2))
        return list(zip((10 * (peak / squared).log10()).tolist(), (squared / energy).sqrt().tolist(), strict=True))


def _complex(images: Tensor) -> Tensor:
    return images.to(torch.promote_types(images.dtype, torch.complex64))


@torch.no_grad()
def _from_undersampled(inputs: NetworkInput, chosen: Tensor) -> Tensor:
    """Return the images (frame, y, x) that total variation makes of the k-space of the chosen frames."""
    kspace, mask = inputs.kspace[chosen], inputs.mask[chosen]
    maps = require_maps(kspace, inputs.maps)
    maps = maps[chosen] if len(maps) > 1 else maps.expand(-1, -1, *kspace.shape[-2:])
    encoding = Encoding(mask, maps[:, None])
    data = least_squares(encoding.normal, encoding.adjoint(kspace))
    return minimise(data, TotalVariationPenalty(), _WEIGHT, iterations=_ITERATIONS).x[:, 0]


def _autoencoder(network: Network) -> _Autoencoder:
    if not isinstance(network, _Autoencoder):
        raise InputError(f"The network '{network.name}' has no latent variables; choose the network 'vae'.")
    return network
