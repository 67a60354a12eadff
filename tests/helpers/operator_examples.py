"""Every class of linear operators, found in the sources, and examples of each for the laws that all obey."""

import importlib
from dataclasses import dataclass
from pathlib import Path

import torch
from hypothesis import strategies as st

import fourfold
from fourfold.coils.joint_model import SmoothMaps
from fourfold.operators.aliasing import Aliasing
from fourfold.operators.finite_differences import FiniteDifferences, SymmetrisedDifferences
from fourfold.operators.fourier import Fourier
from fourfold.operators.linear_operator import Adjoint, Composition, Identity, LinearOperator, Scaled, Stack, Sum
from fourfold.operators.noncartesian_encoding import NonCartesianEncoding
from fourfold.operators.nufft import Nufft
from fourfold.operators.sense_encoding import CoilMaps, Encoding, Mask
from fourfold.operators.toeplitz import Toeplitz
from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet
from fourfold.regularisers.analysis import FirstOf
from fourfold.regularisers.total_generalised_variation import TotalGeneralisedVariationPenalty
from fourfold.regularisers.total_variation import CountedDifferences
from fourfold.sampling import radial, spiral

SHOTS, SAMPLES = 5, 24
NEED_FINUFFT = {Nufft, Toeplitz, NonCartesianEncoding}


def operator_classes():
    """Return all subclasses of `LinearOperator` in fourfold's modules, whether or not others have imported them."""
    root = Path(fourfold.__file__).parent
    for file in root.rglob("*.py"):
        if "fourfold.operators" in file.read_text(encoding="utf-8"):
            importlib.import_module(".".join(("fourfold", *file.relative_to(root).with_suffix("").parts)))
    found, waiting = set(), [LinearOperator]
    while waiting:
        below = {kind for kind in waiting.pop().__subclasses__() if kind.__module__.startswith("fourfold.")}
        waiting += below - found
        found |= below
    return found


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def pattern(kind, frames, ny, nx, seed=0):
    """A mask that varies along the named axes, with at least one sample a frame."""
    sizes = {"ky": (ny, 1), "kx": (1, nx), "both": (ny, nx), "full": (1, 1)}[kind]
    mask = torch.rand(frames, *sizes, generator=torch.Generator().manual_seed(seed)) < 0.4
    mask[:, sizes[0] // 2, sizes[1] // 2] = True
    return mask.expand(frames, ny, nx).contiguous()


@dataclass
class Problem:
    """What examples are made of: sizes of any parity; mask and maps for each frame or for all."""

    size: tuple[int, int]
    mask: torch.Tensor
    maps: torch.Tensor
    image: torch.Tensor
    kspace: torch.Tensor
    shots: torch.Tensor
    """bool, (frame or 1, shot, sample), of the trajectory."""
    own_trajectories: bool
    kind: str

    @property
    def trajectory(self):
        frames = len(self.image) if self.own_trajectories else 1
        make = {"radial": radial, "spiral": spiral}[self.kind]
        return make(self.size, SHOTS, SAMPLES, frames=frames)

    @property
    def weights(self):
        return torch.rand(self.shots.shape, generator=torch.Generator().manual_seed(0)) * self.shots

    @property
    def of_unit_norm(self):
        return self.maps / torch.linalg.vector_norm(self.maps, dim=(1, 2), keepdim=True)


@st.composite
def problems(draw, least_size=2):
    """Draw sizes, frames, sets, coils, patterns and trajectories."""
    frames, sets, coils = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 4))
    ny, nx = draw(st.integers(least_size, 23)), draw(st.integers(least_size, 23))
    of_frames = st.sampled_from([1, frames])
    shots = torch.rand(draw(of_frames), SHOTS, SAMPLES, generator=torch.Generator().manual_seed(4)) < 0.7
    shots[:, 0, 0] = True
    return Problem(
        (ny, nx),
        pattern(draw(st.sampled_from(["ky", "kx", "both", "full"])), draw(of_frames), ny, nx),
        gaussian(draw(of_frames), sets, coils, ny, nx, seed=1),
        gaussian(frames, sets, ny, nx, seed=2),
        gaussian(frames, coils, ny, nx, seed=3),
        shots,
        draw(st.booleans()),
        draw(st.sampled_from(["radial", "spiral"])),
    )


def encoding(problem):
    return Encoding(problem.mask, problem.maps)


def stacks(problem):
    """Two operators of one image, one of them of coil maps too."""
    size, maps = problem.size, problem.maps[:1]
    images = [
        FirstOf(UndecimatedWavelet(size, "haar", 2)),
        CountedDifferences(problem.mask[0]),
    ]
    yield Stack(images, [3 * images[0].operator.levels + 1, 2]), problem.image[:1]
    yield Stack([Encoding(problem.mask[:1], maps), 2j * CoilMaps(maps)], [1, 1]), problem.image[:1]


EXAMPLES = {
    Aliasing: lambda p: [(Aliasing(p.mask[0]), p.kspace)],
    FiniteDifferences: lambda p: [(FiniteDifferences(), p.image)],
    SymmetrisedDifferences: lambda p: [(SymmetrisedDifferences(), FiniteDifferences().forward(p.image))],
    Fourier: lambda p: [(Fourier(), p.kspace), (Fourier((-1,)), p.kspace)],
    Mask: lambda p: [(Mask(p.mask), p.kspace)],
    CoilMaps: lambda p: [(CoilMaps(p.maps), p.image)],
    Encoding: lambda p: [(encoding(p), p.image)],
    Nufft: lambda p: [(Nufft(p.trajectory, p.shots), p.kspace)],
    Toeplitz: lambda p: [(Toeplitz(p.trajectory, p.weights), p.kspace)],
    NonCartesianEncoding: lambda p: [(NonCartesianEncoding(p.trajectory, p.shots, p.of_unit_norm), p.image)],
    OrthogonalWavelet: lambda p: [
        (OrthogonalWavelet(p.size, "db4"), p.image),
        (OrthogonalWavelet(p.size, "haar", 9), p.image),
    ],
    UndecimatedWavelet: lambda p: [(UndecimatedWavelet(p.size, "sym4", 3), p.image)],
    SmoothMaps: lambda p: [(SmoothMaps(p.size, p.kspace), SmoothMaps(p.size, p.kspace).adjoint(p.kspace[0]))],
    Adjoint: lambda p: [(encoding(p).H, p.kspace)],
    Composition: lambda p: [(Fourier() @ FiniteDifferences().H @ FiniteDifferences(), p.image)],
    Sum: lambda p: [(encoding(p) + encoding(p), p.image)],
    Scaled: lambda p: [((1 - 2j) * encoding(p), p.image)],
    Identity: lambda p: [(Identity(), p.image)],
    Stack: lambda p: list(stacks(p)),
    FirstOf: lambda p: [(FirstOf(UndecimatedWavelet(p.size, "haar", 2)), p.image[:1])],
    CountedDifferences: lambda p: [
        (CountedDifferences(p.mask[0]), p.image[:1]),
        (CountedDifferences(None), p.image[:1]),
    ],
    type(TotalGeneralisedVariationPenalty().analysis().operator): lambda p: [
        (TotalGeneralisedVariationPenalty(p.mask[0]).analysis().operator, gaussian(3, 1, *p.size, seed=7))
    ],
}
"""For each class, operators with a point of their domain."""


@st.composite
def examples(draw, kind):
    """Draw an operator of a class and a point of its domain; trajectories need a few pixels."""
    problem = draw(problems(least_size=5 if kind in NEED_FINUFFT else 2))
    return draw(st.sampled_from(EXAMPLES[kind](problem)))
