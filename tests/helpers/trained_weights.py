"""Weights of tiny networks for the tests: drawn at random, not trained."""

from fourfold.networks.build import build, complete_settings, find_network
from fourfold.networks.reconstructor import Reconstructor
from fourfold.weights.reference_output import reference_output
from fourfold.weights.state_dict import write_weights

SMALL = {
    "unet": {"channels": 4, "pools": 2},
    "resnet": {"blocks": 1, "channels": 4},
    "cascade": {"subnetworks": 2, "channels": 4, "layers": 2},
    "varnet": {"cascades": 2, "channels": 4, "pools": 2, "sensitivity_channels": 4, "sensitivity_pools": 2},
    "kspace-cnn": {"channels": 4, "layers": 2},
    "denoiser": {"channels": 4, "pools": 2},
    "vae": {"channels": 4, "latent_channels": 3, "levels": 3},
}
RECONSTRUCTORS = [name for name in SMALL if issubclass(find_network(name), Reconstructor)]


def write_small(folder, network, name="small", settings=None, **more):
    """Write weights of a small network into a folder and return the folder."""
    settings = complete_settings(network, SMALL[network] | (settings or {}))
    made = build(network, settings).eval()
    known = {
        "name": name,
        "network": network,
        "settings": settings,
        "training_data": [{"name": "nothing", "licence": "CC0-1.0", "subjects": 1}],
        "training": {"epochs": 0},
        "scores": {"psnr, nothing": 12.5},
        "licence": "Apache-2.0",
        "reference_output": reference_output(made),
    }
    write_weights(folder, made.state_dict(), known | more)
    return folder
