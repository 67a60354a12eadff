"""A prior of another kind takes one file for the network, one for its objective and one for the method."""

import sys

import numpy as np
import pytest
import torch

import fourfold.methods.generative
import fourfold.networks
from fourfold.methods.registry import find_method, methods
from fourfold.networks.build import networks
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate
from fourfold.training.settings import TrainingSettings
from fourfold.training.train import train

OBJECTIVE = '''
"""Score matching, by the noise that was added (Vincent 2011, Neural Computation 23:1661)."""
from typing import ClassVar

import torch
from pydantic import PositiveFloat

from fourfold.networks.objectives.objective import Objective


class ScoreMatching(Objective):
    """The mean squared error of the score of images with noise of one level."""

    kind: ClassVar[str] = "score-matching"
    compares_images: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True
    own_scores: ClassVar[tuple[str, ...]] = ("score-error",)

    noise_std: PositiveFloat = 0.2

    def losses(self, network, part, batch, generator):
        image = batch.reference()
        noise = torch.randn(image.shape, dtype=torch.complex64, generator=generator)
        error = self.noise_std * network(image + self.noise_std * noise) + noise
        return {"score-matching": torch.view_as_real(error).square().mean()}

    def scores(self, network, part, batch):
        generator = torch.Generator().manual_seed(0)
        return {"score-error": [float(self.losses(network, part, batch, generator)["score-matching"])]}
'''

NETWORK = '''
"""A score of images: a few convolutions."""
from typing import ClassVar

from own_objective import ScoreMatching

from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.layers.conv_stack import ConvStack
from fourfold.networks.network import Network


class ScoreNetwork(Network):
    """From images with noise to the gradient of their log probability."""

    name: ClassVar[str] = "own-score"

    def __init__(self, channels: int = 8, seed: int = 0) -> None:
        super().__init__()
        self.stack = ConvStack(2, 2, channels, 2, seed)

    @classmethod
    def objectives(cls, settings):
        return (ScoreMatching,)

    def forward(self, images):
        return as_complex(self.stack(as_channels(images)))

    def test_output(self, kspace, mask):
        return self(kspace[:, 0])
'''

METHOD = '''
"""Gradient ascent on the posterior, with the score of a trained network."""
from typing import ClassVar

from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.methods.method import Family, Method, Solution
from fourfold.methods.sense_problem import SenseProblem
from fourfold.weights.load_network import load_network


class OwnScore(CoilMapSettings, Method):
    """Steps along the data's gradient and a trained score."""

    name: ClassVar[str] = "own-score"
    title: ClassVar[str] = "Own score"
    family: ClassVar[Family] = "generative"
    display_order: ClassVar[int] = 99

    weights: str
    """Folder of the weights."""
    steps: int = 20
    """Steps."""

    def solve(self, scan, progress):
        network, manifest = load_network(self.weights, "own-score")
        problem = SenseProblem.of(scan)
        x = problem.rhs
        for _ in range(self.steps):
            x = x - problem.data_term.gradient(x) + 0.002 * network(x[:, 0])[:, None]
        return Solution(problem.image(x)[0], self.steps, problem.scale, details={"weights": manifest.summary()})
'''


@pytest.fixture
def own_prior(tmp_path, monkeypatch):
    """The three files, found like fourfold's own."""
    for name, text in {
        "own_objective": OBJECTIVE,
        "networks/own_network": NETWORK,
        "methods/own_method": METHOD,
    }.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for package, folder in ((fourfold.networks, "networks"), (fourfold.methods.generative, "methods")):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / folder)])
    registries = (networks, methods)
    for registry in registries:
        registry.cache_clear()
    yield
    for registry in registries:
        registry.cache_clear()
    for name in ("own_objective", "fourfold.networks.own_network", "fourfold.methods.generative.own_method"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("own_prior")
def test_a_score_is_trained_and_reconstructs(tmp_path):
    images = np.stack([phantom((32, 32)).numpy()] * 6)
    np.savez(tmp_path / "images.npz", images=images, names=[f"subject-{index}:0" for index in range(6)])
    source = {"kind": "images", "path": str(tmp_path / "images.npz"), "crop": [32, 32]}
    simulation = {"coils": 1, "snr": None}
    data = {"sources": [source], "simulation": simulation, "split": {"validation": ["subject-5"]}}
    stages = [{"train": "score-matching", "epochs": 10}]
    settings = TrainingSettings(name="own", network="own-score", data=data, stages=stages, device="cpu")
    manifest = train(settings, tmp_path / "weights")
    assert manifest.network == "own-score"
    assert list(manifest.scores) == ["score-error validation"]
    scan = undersample(simulate(phantom((32, 32)), coils=4, seed=0), "random", 2, centre=0.3, seed=0)
    result = find_method("own-score")(weights=str(tmp_path / "weights"))(scan)
    assert result.record.details["weights"]["name"] == "own"
    assert bool(torch.isfinite(result.image.abs()).all())
    assert result.image.shape == (1, 32, 32)
