"""Small reconstructions that pages and figures are made of."""

from dataclasses import replace

import numpy as np
import torch

from fourfold.report.pictures import Gallery
from fourfold.scan import Geometry, Reconstruction, Record, Sampling, Source

NY, NX, FRAMES = 48, 40, 3
MASK = torch.zeros(1, NY, NX, dtype=torch.bool)
MASK[:, ::4] = True
MASK[:, NY // 2 - 4 : NY // 2 + 4] = True
MARKUP = "T1 <b>\"knee\"</b> & 'co' </script><script>alert(1)</script>"
SAMPLING = Sampling(MASK, "regular", 7, 4.0)
SOURCE = Source(path="/data/knee.h5", format="fastmri", label=MARKUP + "\x1b]0;title\x07", simulated=True)
GEOMETRY = Geometry(voxel_size=(5.0, 1.5, 1.0))


def object_image(frames=FRAMES, ny=NY, nx=NX):
    """A disc of 60 with a pattern that differs from frame to frame, inside a rim of 100."""
    y, x = np.mgrid[:ny, :nx]
    radius = np.hypot((y - ny / 2) / (0.45 * ny), (x - nx / 2) / (0.45 * nx))
    frame = np.arange(frames)[:, None, None]
    inside = 60 + 15 * np.sin(x / 2 + frame) * np.cos(y / 3)
    image = np.where(radius < 1, np.where(radius > 0.9, 100.0, inside), 0.0)
    return torch.from_numpy(image.astype(np.float32))


def reconstruction(magnitude, method, **record):
    phase = torch.exp(1j * torch.linspace(0, 3, magnitude.shape[-1]))
    fields = {"settings": {}, "seconds": 0.5, "sampling": SAMPLING.summary(), "source": SOURCE.summary(), **record}
    return Reconstruction((magnitude * phase).to(torch.complex64), Record(method, **fields), geometry=GEOMETRY)


def with_members(count=3, *, held_out=True):
    """A method whose members are the object, brighter by 0, 4, 8 … %, and what it recorded of them."""
    members = torch.stack([object_image() * (1 + 0.04 * index) for index in range(count)])
    checks = [
        {"iteration": 10 * check, "loss": 1 / check, "held_out_error": 1 / check if held_out else None}
        for check in (1, 2, 3)
    ]
    members_record = [
        {"seed": 5 + index, "chosen_iteration": 20, "iterations": 30, "curve": checks} for index in range(count)
    ]
    result = reconstruction(members.mean(dim=0), "convdecoder", details={"members": members_record, "parameters": 77})
    return replace(result, members=members.to(torch.complex64), std=members.std(dim=0, correction=min(1, count - 1)))


def gallery_of(*images, voxel=(1.0, 1.0)):
    return Gallery.of([image.numpy() for image in images], True, voxel)
