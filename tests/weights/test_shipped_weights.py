"""The weights that ship: whole, small, of open data, and as good as they are said to be on data not trained on."""

import json

import numpy as np
import pytest
import torch

import fourfold as ff
from fourfold import datasets
from fourfold.cli.main import main
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.methods.registry import find_method
from fourfold.metrics import score
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import undersample
from fourfold.scan import Sampling, Scan
from fourfold.simulation.sample import sample
from fourfold.weights.find import choose_weights, find_weights, shipped
from fourfold.weights.load_network import load_network
from fourfold.weights.weight_files import WEIGHTS, count_parameters, read_manifest

# No file is larger, as a repository is no place for large ones.
MEBIBYTES_EACH, MEBIBYTES = 16, 40
# Of these, by their licences, weights may be made and passed on.
OPEN = ("CC0", "CC-BY", "PDDL", "BSD", "MIT")


def psnr(image, reference):
    return score(image.abs()[None], reference.abs()[None], "psnr")


def test_shipped_weights_are_complete_and_give_the_recorded_images(capsys):
    main(["weights", "verify", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert set(result) == set(shipped())
    assert {each["reference_output"] for each in result.values()} == {"reproduced"}
    assert {each["network"] for each in result.values()} == {"cascade", "denoiser", "resnet", "vae", "varnet"}


@pytest.mark.parametrize("name", shipped())
def test_the_file_s_header_has_as_many_parameters_as_the_network(name):
    """Batch norms keep statistics beside theirs."""
    network, _ = load_network(name)
    assert count_parameters(find_weights(name)) == sum(values.numel() for values in network.parameters())


def test_shipped_weights_are_small():
    sizes = [(folder / WEIGHTS).stat().st_size for folder in shipped().values()]
    assert sum(sizes) < MEBIBYTES << 20
    assert max(sizes) < MEBIBYTES_EACH << 20


@pytest.mark.parametrize("name", shipped())
def test_manifests_name_open_data_scores_and_what_the_weights_are_for(name):
    manifest = read_manifest(find_weights(name))
    assert manifest.name == name
    assert manifest.licence == "CC-BY-4.0"
    assert manifest.scores
    if manifest.network == "denoiser":
        # It sees no scans; samplers are told its errors.
        assert len(manifest.measurements["mean_squared_error"]) == 20
    elif manifest.network == "vae":
        assert manifest.measurements["range_psnr"] > 25
    else:
        assert manifest.scan_statistics is not None
    assert all(source.licence.startswith(OPEN) for source in manifest.training_data)


def test_the_t1_cascade_is_the_default():
    assert choose_weights("cascade") == "brain-t1-cascade"
    assert ff.Cascade.from_pretrained("brain-t2-cascade").loaded[1].name == "brain-t2-cascade"


@pytest.mark.parametrize("name", shipped())
def test_no_network_knows_the_sample(name):
    source = sample().source
    subject = source.details["subject"]
    assert not any(subject in data.name for data in read_manifest(find_weights(name)).training_data)


# On data that they were not trained on


def brain(data, name):
    """Return the reference of a fully sampled head, and the scan with a quarter of its lines."""
    kspace = torch.from_numpy(np.load(data / "raw_multicoil" / f"{name}.npz")["kspace"])
    scan = undersample(Scan(kspace[None]), "random", 4, centre=0.08, seed=0)
    return root_sum_of_squares(ifft(kspace)), scan


@pytest.mark.parametrize(
    ("name", "margin"),
    [("brain8_full_T1", 1.2), ("brain8_full_T1_slice2", 1), ("head8_T1_256", 1.4), ("mprage4_T1_256", 1)],
)
def test_the_varnet_is_above_total_variation_on_raw_heads(data, name, margin):
    reference, scan = brain(data, name)
    result = find_method("varnet")()(scan)
    assert result.record.notes == ()
    assert psnr(result.image[0], reference) > psnr(find_method("tv")()(scan).image[0], reference) + margin


def held_out(data, contrast):
    """Return some slices of subjects that no cascade was trained on; crowns, all smooth, are total variation's own."""
    file = {"T1": "T1_ds002748_sub01-60", "T2": "T2_openms_p01_p03_p04"}[contrast]
    subjects = {"T1": ["sub-55", "sub-57", "sub-60"], "T2": ["p04s1"]}[contrast]
    settings = datasets.DataSettings(
        sources=[
            {
                "kind": "images",
                "path": str(data / "t1t2" / f"{file}.npz"),
                "crop": (208, 176),
                "min_object_fraction": 0.3,
            }
        ],
        split={"validation": [], "test": subjects},
        test_images=5,
        masks={"kind": "poisson-disc", "acceleration": 4},
        simulation={"coils": 1, "snr": None},
    )
    return datasets.test_set(settings)


@pytest.mark.parametrize("contrast", ["T1", "T2"])
def test_cascades_are_above_total_variation_and_wavelets_on_subjects_left_out(data, contrast):
    examples = held_out(data, contrast)
    cascade = find_method("cascade")(weights=f"brain-{contrast.lower()}-cascade")
    margins = {"tv": [], "wavelet": []}
    for index in range(len(examples)):
        example = examples[index]
        scan = Scan(example.kspace[None], Sampling(example.mask[None]))
        cascade_psnr = psnr(cascade(scan).image[0], example.reference)
        for method, gains in margins.items():
            gains.append(cascade_psnr - psnr(find_method(method)()(scan).image[0], example.reference))
    assert min(np.mean(gains) for gains in margins.values()) > 2


@pytest.mark.parametrize("organ", ["knee1_raw256", "heart_PK01", "heart_PK03", "heart_PK10"])
def test_other_organs_are_recognised_and_no_worse_than_zero_filled(data, organ):
    with np.load(data / "single_coil" / f"{organ}.npz") as file:
        image = ifft(torch.from_numpy(file["kspace"])) if "kspace" in file else torch.from_numpy(file["image"])
    full = Scan(fft(image.to(torch.complex64))[None, None])
    tasks = [("varnet", "random"), ("varnet", "poisson-disc"), ("cascade", "poisson-disc"), ("resnet", "poisson-disc")]
    if organ.startswith("heart"):  # on the knee both are alike, to 0.03 dB
        tasks.append(("resnet", "random"))
    for method, kind in tasks:
        scan = undersample(full, kind, 4, seed=0)
        result = find_method(method)()(scan)
        assert any("The scan is out of distribution" in note for note in result.record.notes), method
        assert psnr(result.image[0], image) > psnr(find_method("zero-filled")()(scan).image[0], image), (method, kind)
        if method == "varnet":
            # Told how little noise there is, it is above total variation where it was trained on nothing like it.
            assert psnr(result.image[0], image) > psnr(find_method("tv")()(scan).image[0], image), kind
