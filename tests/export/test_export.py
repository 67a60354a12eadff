"""Trained networks in real arithmetic and as ONNX files give the same images."""

import json

import pytest
import torch
from tests.helpers.trained_weights import SMALL, write_small

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.export.onnx import export_onnx
from fourfold.export.real_network import RealNetwork
from fourfold.networks.build import build
from fourfold.networks.layers.seeded import draw_weights
from fourfold.operators.fourier import fft
from fourfold.scan import centre_slice

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
    "kspace-cnn": ("kspace-cnn", {}),
}
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


def inputs(kspace, mask, maps, calibration, estimates_maps):
    return torch.view_as_real(kspace), mask, torch.view_as_real(calibration if estimates_maps else maps)


def expected(network, kspace, mask, maps, calibration, estimates_maps):
    if estimates_maps:
        return network(kspace, mask, calibration=calibration[..., centre_slice(mask.shape[-1], LINES)])
    return network(kspace, mask, maps)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("shape", [(32, 48), (35, 46)])
@torch.no_grad()
def test_real_arithmetic_is_the_same(kind, shape):
    name, settings = NETWORKS[kind]
    network = build(name, SMALL[name] | settings).eval()
    draw_weights(network, 1)  # of the proximal form, whose U-Nets begin at zero, too
    real = RealNetwork(network)
    assert real.takes_calibration == (kind == "varnet-estimated-maps")
    data = problem(shape=shape)
    result = torch.view_as_complex(real(*inputs(*data, real.takes_calibration)).contiguous())
    image = expected(network, *data, real.takes_calibration)
    assert float((result - image).abs().max()) < 1e-4 * float(image.abs().max())


def test_total_variation_cannot_be_exported():
    network = build("varnet", SMALL["varnet"] | {"form": "proximal", "total_variation": 0.001})
    with pytest.raises(InputError, match="total_variation 0"):
        RealNetwork(network)


def test_a_varnet_conditioned_on_the_noise_cannot_be_exported():
    with pytest.raises(InputError, match="conditioned on the noise level"):
        RealNetwork(build("varnet", SMALL["varnet"] | {"form": "denoising"}))


def test_maps_of_the_small_grid_cannot_be_exported():
    network = build("varnet", SMALL["varnet"] | {"sensitivity_grid": "calibration"})
    with pytest.raises(InputError, match="small grid"):
        RealNetwork(network)


@pytest.mark.parametrize(
    ("network", "settings", "sizes"),
    [
        ("cascade", {"subnetworks": 1}, [(32, 48), (35, 46)]),
        ("varnet", {"cascades": 1}, [(32, 48), (64, 32)]),
        ("unet", {"pools": 1}, [(32, 48), (30, 34)]),
    ],
)
def test_onnx_gives_the_same_images(network, settings, sizes, tmp_path):
    """For numbers of frames and coils, and sizes, that the file was not made with."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime to run ONNX files")
    pytest.importorskip("onnxscript", reason="needs onnxscript to write ONNX files")
    folder = write_small(tmp_path / "small", network, settings=settings)
    facts = export_onnx(str(folder), tmp_path / "small.onnx")
    session = runtime.InferenceSession(tmp_path / "small.onnx", providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    estimates_maps = network == "varnet"
    assert names == ["kspace", "mask", "calibration" if estimates_maps else "maps"] == list(facts["inputs"])
    stored = session.get_modelmeta().custom_metadata_map
    assert json.loads(stored["sha256"]) == facts["sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "small.onnx"]
    made = build(network, SMALL[network] | settings).eval()
    for number, shape in enumerate(sizes):
        data = problem(frames=1 + number, coils=2 + number, shape=shape, seed=number)
        arrays = inputs(*data, estimates_maps)
        (result,) = session.run(None, {name: array.numpy() for name, array in zip(names, arrays, strict=True)})
        with torch.no_grad():
            image = expected(made, *data, estimates_maps)
        difference = torch.view_as_complex(torch.from_numpy(result)) - image
        assert float(difference.abs().max()) < 1e-4 * float(image.abs().max())


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
