"""U-Net and VarNet beside the fastMRI package's, with the same weights: inference and a training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.harness import Contender, Task, compare_contenders
from benchmarks.sizes import SIZES, Size
from fourfold.networks.fastmri_weights import from_fastmri
from fourfold.networks.unet import UNet
from fourfold.networks.varnet import VarNet
from fourfold.operators.fourier import fft
from fourfold.sampling import equispaced
from fourfold.simulation.simulate import loop_maps, phantom

CASCADES, TRAINED_CASCADES = 8, 4
LINES = 0.08

Work = Callable[[], Tensor]
Job = Literal["inference", "training step"]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Race the U-Net of 32 channels and 4 pools, and VarNets of 18 channels; the figure is the output's norm."""
    for size in (SIZES[name] for name in sizes):
        jobs: tuple[Job, ...] = ("inference", "training step")
        for job in jobs:
            contenders = [
                Contender("fourfold", partial(our_unet, size, job), requires="fastmri"),
                Contender("fastMRI", partial(their_unet, size, job), requires="fastmri"),
            ]
            if job == "inference":
                compiled = partial(our_unet, size, job, compiled=True)
                contenders.append(Contender("fourfold, torch.compile", compiled, requires="fastmri"))
            name = f"U-Net {size.ny}×{size.nx}, {job}"
            yield Task(name, partial(compare_contenders, name, contenders, quick=quick, figures=norm_of))
        for job in jobs:
            contenders = [
                Contender("fourfold", partial(our_varnet, size, job), requires="fastmri"),
                Contender("fastMRI", partial(their_varnet, size, job), requires="fastmri"),
            ]
            name = f"VarNet of {cascades_for(job)} cascades {size}, {job}"
            yield Task(name, partial(compare_contenders, name, contenders, quick=quick, figures=norm_of))


def cascades_for(job: Job) -> int:
    """Return how many cascades: fewer where their activations are kept."""
    return CASCADES if job == "inference" else TRAINED_CASCADES


def norm_of(output: Tensor) -> dict[str, float]:
    """Return the norm of the output, or of the gradients of a training step."""
    return {"norm": float(output)}


def their_network(kind: str, cascades: int = 0) -> nn.Module:
    """Return fastMRI's network with fixed random weights."""
    from fastmri.models import Unet
    from fastmri.models import VarNet as TheirVarNet

    torch.manual_seed(0)
    return Unet(1, 1, 32, 4) if kind == "unet" else TheirVarNet(cascades, 8, 4, 18, 4)


def work_of(network: nn.Module, run: Work, job: Job) -> Work:
    """Return one inference, or one step forth and back; both return a norm."""

    @torch.no_grad()
    def infer() -> Tensor:
        return torch.linalg.vector_norm(run())

    def step() -> Tensor:
        network.zero_grad(set_to_none=True)
        run().square().mean().backward()
        return torch.linalg.vector_norm(torch.stack([weight.grad.norm() for weight in network.parameters()]))

    return infer if job == "inference" else step


def image(size: Size) -> Tensor:
    """Return a real image (1, 1, y, x)."""
    return phantom((size.ny, size.nx))[None, None]


def our_unet(size: Size, job: Job, compiled: bool = False) -> Work:
    """Prepare ours."""
    network = UNet(1, 1, 32, 4)
    network.load_state_dict(from_fastmri(their_network("unet").state_dict()))
    x = image(size)
    run: Any = torch.compile(network) if compiled else network
    return work_of(network, lambda: run(x), job)


def their_unet(size: Size, job: Job) -> Work:
    """Prepare fastMRI's."""
    network = their_network("unet")
    x = image(size)
    return work_of(network, lambda: network(x), job)


def acquisition(size: Size) -> tuple[Tensor, Tensor, slice]:
    """Return undersampled k-space (1, coil, y, x), the mask (1, y, x), and the calibration columns."""
    shape = (size.ny, size.nx)
    sampling = equispaced(shape, 4, centre=LINES, axis="kx")
    kspace = fft(loop_maps(shape, size.coils)[0] * phantom(shape))
    width = round(LINES * size.nx)
    start = size.nx // 2 - width // 2
    return torch.where(sampling.mask[:, None], kspace, 0), sampling.mask, slice(start, start + width)


def our_varnet(size: Size, job: Job) -> Work:
    """Prepare ours."""
    cascades = cascades_for(job)
    network = VarNet(cascades, 18, 4, 8, 4)
    network.load_state_dict(from_fastmri(their_network("varnet", cascades).state_dict()))
    kspace, mask, centre = acquisition(size)
    calibration = kspace[..., centre]
    return work_of(network, lambda: network(kspace, mask, calibration=calibration).abs(), job)


def their_varnet(size: Size, job: Job) -> Work:
    """Prepare fastMRI's."""
    network = their_network("varnet", cascades_for(job))
    kspace, mask, centre = acquisition(size)
    pairs, columns = torch.view_as_real(kspace), mask[:, None, :1, :, None]
    lines = centre.stop - centre.start
    return work_of(network, lambda: network(pairs, columns, lines), job)
