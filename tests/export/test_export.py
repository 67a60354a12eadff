"""Trained networks in real arithmetic and as ONNX files give the same images."""

import json

import pytest
import torch
from tests.helpers.trained_weights import SMALL, write_small

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.export.onnx import export_onnx
from fourfold.export.real_network import RealNetwork, in_real_arithmetic
from fourfold.networks.build import build
from fourfold.networks.denoising_steps import noise_std_of_frames
from fourfold.networks.layers.seeded import draw_weights
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import centre_slice
from fourfold.weights.find import shipped
from fourfold.weights.load_network import load_network
from fourfold.weights.weight_files import read_manifest

NETWORKS = {
    "unet": ("unet", {}),
    "unet-magnitude": ("unet", {"complex": False, "consistency": True}),
    "resnet": ("resnet", {}),
    "cascade": ("cascade", {}),
    "cascade-soft": ("cascade", {"consistency_weight": 2.0, "learned_consistency": True}),
    "varnet": ("varnet", {"sensitivity_channels": 0}),
    "varnet-image": ("varnet", {"sensitivity_channels": 0, "form": "image"}),
    "varnet-proximal": ("varnet", {"sensitivity_channels": 0, "form": "proximal"}),
    "varnet-estimated-maps": ("varnet", {}),
    "varnet-denoising": ("varnet", {"sensitivity_channels": 0, "form": "denoising"}),
    "varnet-denoising-estimated-maps": ("varnet", {"form": "denoising"}),
    "kspace-cnn": ("kspace-cnn", {}),
}
TOTAL_VARIATION = {"sensitivity_channels": 0, "total_variation": 0.002}
# With weights drawn at random and no noise in the data: 0.0015; with trained weights and raw data 5e-5.
TOTAL_VARIATION_TOLERANCE = 3e-3
LINES = 12


def problem(frames=2, coils=3, shape=(32, 48), seed=0):
    """Return k-space, mask, maps and the k-space of the calibration lines alone."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(frames, 1, *shape, dtype=torch.complex64, generator=generator)
    maps = torch.randn(frames, coils, *shape, dtype=torch.complex64, generator=generator)
    maps = maps / torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    columns = torch.arange(shape[1]) % 3 == 1
    centre = centre_slice(shape[1], LINES)
    columns[centre] = True
    mask = columns.expand(frames, *shape)
    kspace = torch.where(mask[:, None], fft(maps * image), 0)
    calibration = torch.zeros_like(kspace)
    calibration[..., centre] = kspace[..., centre]
    return kspace, mask, maps, calibration


def lines_of(calibration):
    """Return the k-space of the calibration lines without the zeros around them."""
    return calibration[..., centre_slice(calibration.shape[-1], LINES)]


def inputs(network, kspace, mask, maps, calibration):
    """Return the inputs of an exported network."""
    if network.name == "denoiser":
        image = ifft(kspace[:, 0])
        return torch.view_as_real(image), 0.1 * image.abs().amax(dim=(1, 2))
    lines = lines_of(calibration) if network.estimates_maps else None
    third = calibration if network.estimates_maps else maps
    takes_noise = network.name == "varnet" and network.form == "denoising"
    noise_std = [noise_std_of_frames(kspace, mask, lines)] if takes_noise else []
    return torch.view_as_real(kspace), mask, torch.view_as_real(third), *noise_std


@torch.no_grad()
def expected(network, kspace, mask, maps, calibration):
    if network.name == "denoiser":
        image = ifft(kspace[:, 0])
        return network(image, 0.1 * image.abs().amax(dim=(1, 2)))
    if network.estimates_maps:
        return network(kspace, mask, calibration=lines_of(calibration))
    return network(kspace, mask, maps)


def drawn(name, settings):
    """Return a small network; the last layers of the proximal and the denoising form begin at zero otherwise."""
    network = build(name, SMALL[name] | settings).eval()
    draw_weights(network, 1)
    return network


@torch.no_grad()
def difference(network, data):
    """Return the largest difference of the network in real arithmetic, relative to the largest pixel."""
    real = in_real_arithmetic(network)
    result = torch.view_as_complex(real(*inputs(network, *data)).contiguous())
    image = expected(network, *data)
    return float((result - image).abs().max() / image.abs().max())


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("shape", [(32, 48), (35, 46)])
def test_real_arithmetic_is_the_same(kind, shape):
    name, settings = NETWORKS[kind]
    network = drawn(name, settings)
    real = in_real_arithmetic(network)
    assert ("calibration" in real.inputs) == ("estimated-maps" in kind)
    assert ("noise_std" in real.inputs) == ("denoising" in kind)
    assert difference(network, problem(shape=shape)) < 1e-4


@pytest.mark.parametrize("shape", [(32, 48), (35, 46)])
def test_the_denoiser_is_the_same(shape):
    assert difference(drawn("denoiser", {}), problem(shape=shape)) < 1e-5


@pytest.mark.parametrize("pattern", ["along y", "along both", "full"])
def test_the_denoiser_gets_aliasing_along_the_same_axis(pattern):
    """`NETWORKS` are undersampled along x, where the network transposes its images."""
    network = drawn("varnet", {"sensitivity_channels": 0, "form": "denoising"})
    kspace, mask, maps, _ = problem(shape=(35, 46))
    if pattern == "along y":
        kspace, mask, maps = kspace.mT, mask.mT, maps.mT
    elif pattern == "along both":
        mask = mask & (torch.arange(35) % 2 == 0)[:, None]
    else:
        mask = torch.ones_like(mask)
    assert difference(network, (torch.where(mask[:, None], kspace, 0), mask, maps, None)) < 1e-4


@pytest.mark.parametrize("form", ["proximal", "denoising"])
def test_a_total_variation_image_is_nearly_the_same(form):
    """The number of dual iterations is fixed in an exported network; one frame, as the solver's choices are joint."""
    network = drawn("varnet", TOTAL_VARIATION | {"form": form})
    data = smooth_problem()
    assert difference(network, data) < TOTAL_VARIATION_TOLERANCE


def smooth_problem():
    """Return a `problem` of a disc on an empty background, seen by coils that see nothing at the left edge."""
    _, mask, maps, calibration = problem(frames=1, shape=(40, 48))
    y, x = torch.meshgrid(torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 48), indexing="ij")
    image = ((y.square() + x.square()) < 0.5) * torch.exp(1j * (x + y))
    maps = torch.stack([torch.exp(-(x - c).square() + 1j * c * y) for c in (-1, 0, 1)])[None]
    maps = maps / torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    maps[..., :4] = 0
    return torch.where(mask[:, None], fft(maps * image), 0), mask, maps, calibration


def test_maps_of_the_small_grid_cannot_be_exported():
    network = build("varnet", SMALL["varnet"] | {"sensitivity_grid": "calibration"})
    with pytest.raises(InputError, match="small grid"):
        RealNetwork(network)


def is_exportable(folder):
    """Tell whether shipped weights have an ONNX file: autoencoders do not."""
    return read_manifest(folder).network != "vae"


def test_autoencoders_are_refused(tmp_path):
    pytest.importorskip("onnxscript", reason="needs onnxscript to write ONNX files")
    folder = write_small(tmp_path / "small", "vae")
    with pytest.raises(InputError, match="by its derivative, which an ONNX file does not have"):
        export_onnx(str(folder), tmp_path / "small.onnx")


def session_of(path):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime to run ONNX files")
    return runtime.InferenceSession(path, providers=["CPUExecutionProvider"])


def assert_same(session, network, data, tolerance=1e-4):
    """Compare the images of an ONNX file with the network's."""
    names = [each.name for each in session.get_inputs()]
    arrays = inputs(network, *data)
    (result,) = session.run(None, {name: array.numpy() for name, array in zip(names, arrays, strict=True)})
    image = expected(network, *data)
    assert float((torch.view_as_complex(torch.from_numpy(result)) - image).abs().max() / image.abs().max()) < tolerance


@pytest.mark.parametrize(
    ("network", "settings", "sizes"),
    [
        ("cascade", {"subnetworks": 1}, [(32, 48), (35, 46)]),
        ("varnet", {"cascades": 1}, [(32, 48), (64, 32)]),
        ("varnet", {"cascades": 1, "sensitivity_channels": 0, "form": "denoising"}, [(32, 48), (20, 36)]),
        ("unet", {"pools": 1}, [(32, 48), (30, 34)]),
        ("denoiser", {"pools": 1}, [(32, 48), (30, 34)]),
    ],
)
def test_onnx_gives_the_same_images(network, settings, sizes, tmp_path):
    """For numbers of frames and coils, and sizes, that the file was not made with."""
    pytest.importorskip("onnxscript", reason="needs onnxscript to write ONNX files")
    folder = write_small(tmp_path / "small", network, settings=settings)
    facts = export_onnx(str(folder), tmp_path / "small.onnx")
    session = session_of(tmp_path / "small.onnx")
    made = build(network, SMALL[network] | settings).eval()
    assert [each.name for each in session.get_inputs()] == list(facts["inputs"])
    assert [each.name for each in session.get_outputs()] == list(facts["output"])
    stored = session.get_modelmeta().custom_metadata_map
    assert {name: json.loads(stored[name]) for name in facts} == facts
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "small.onnx"]
    for number, shape in enumerate(sizes):
        assert_same(session, made, problem(frames=1 + number, coils=2 + number, shape=shape, seed=number))


def test_a_file_computes_the_total_variation_image(tmp_path):
    pytest.importorskip("onnxscript", reason="needs onnxscript to write ONNX files")
    settings = TOTAL_VARIATION | {"cascades": 1, "form": "denoising"}
    folder = write_small(tmp_path / "small", "varnet", settings=settings)
    export_onnx(str(folder), tmp_path / "small.onnx")
    network = build("varnet", SMALL["varnet"] | settings).eval()
    assert_same(session_of(tmp_path / "small.onnx"), network, smooth_problem(), tolerance=TOTAL_VARIATION_TOLERANCE)


@pytest.mark.parametrize("weights", [name for name, folder in shipped().items() if is_exportable(folder)])
def test_shipped_weights_are_exported_and_run(weights, tmp_path):
    pytest.importorskip("onnxscript", reason="needs onnxscript to write ONNX files")
    export_onnx(weights, tmp_path / "shipped.onnx", (40, 48))
    network, _ = load_network(weights)
    assert_same(session_of(tmp_path / "shipped.onnx"), network, smooth_problem(), tolerance=TOTAL_VARIATION_TOLERANCE)


def test_the_command_writes_a_file_of_one_size(tmp_path, capsys):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime to run ONNX files")
    folder, output = write_small(tmp_path / "small", "resnet"), tmp_path / "small.onnx"
    assert main(["export", str(folder), str(output), "--size", "20", "17", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["size"] == "fixed"
    assert facts["inputs"]["kspace"] == ["frame", "coil", 20, 17, 2]
    session = runtime.InferenceSession(output, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[2:] == [20, 17, 2]
    assert main(["export", str(folder), str(output)]) == 2
    assert "add --force" in capsys.readouterr().err


def test_what_cannot_be_written_is_refused_at_once(tmp_path, capsys):
    folder = write_small(tmp_path / "small", "resnet")
    assert main(["export", str(folder), str(tmp_path / "small.pt")]) == 2
    assert ".onnx" in capsys.readouterr().err
    assert main(["export", str(tmp_path), str(tmp_path / "small.onnx")]) == 2
    assert "manifest.json" in capsys.readouterr().err


def test_the_extra_is_asked_for_where_it_is_absent(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'fourfold\[export\]'"):
        export_onnx(str(tmp_path), tmp_path / "small.onnx")
