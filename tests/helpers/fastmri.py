"""Builders of HDF5 files in fastMRI's layout, as the paper and the project's README describe them."""

import h5py
import numpy as np

HEADER = """<?xml version="1.0" encoding="utf-8"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <acquisitionSystemInformation><systemVendor>SIEMENS</systemVendor><systemModel>Skyra</systemModel>
    <systemFieldStrength_T>2.8936</systemFieldStrength_T></acquisitionSystemInformation>
  <experimentalConditions><H1resonanceFrequency_Hz>123189000</H1resonanceFrequency_Hz></experimentalConditions>
  <encoding>
    <encodedSpace><matrixSize><x>{height}</x><y>{width}</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>{fov_x}</x><y>{fov_y}</y><z>4.5</z></fieldOfView_mm></encodedSpace>
    <reconSpace><matrixSize><x>{size}</x><y>{size}</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>{recon}</x><y>{recon}</y><z>4.5</z></fieldOfView_mm></reconSpace>
    <trajectory>cartesian</trajectory>
    <encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{last}</maximum><center>{centre}</center>
      </kspace_encoding_step_1></encodingLimits>
  </encoding>
  <sequenceParameters><TR>2800.0</TR><TE>33.0</TE></sequenceParameters>
</ismrmrdHeader>"""
SLICES, COILS, HEIGHT, WIDTH, SIZE = 3, 4, 64, 46, 32
LEFT, RIGHT = 3, 2


def numpy_fft(image):
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=axes), norm="ortho"), axes=axes)


def numpy_ifft(kspace):
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, axes=axes), norm="ortho"), axes=axes)


def fastmri_header():
    last = WIDTH - LEFT - RIGHT - 1
    return HEADER.format(
        height=HEIGHT, width=WIDTH, size=SIZE, fov_x=280, fov_y=200, recon=140, last=last, centre=WIDTH // 2 - LEFT
    )


def full_kspace(single_coil=False, seed=0):
    """Return k-space of random images with an edge; its outer columns are zero padding."""
    rng = np.random.default_rng(seed)
    shape = (SLICES, HEIGHT, WIDTH) if single_coil else (SLICES, COILS, HEIGHT, WIDTH)
    image = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    image[..., : HEIGHT // 2, :] += 20
    kspace = numpy_fft(image).astype(np.complex64)
    kspace[..., :LEFT] = kspace[..., WIDTH - RIGHT :] = 0
    return kspace


def write_fastmri(path, kspace, mask=None, reconstructions=True, xml=True):
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace
        if xml:
            file["ismrmrd_header"] = fastmri_header()
        if mask is not None:
            file["mask"] = mask
        if reconstructions:
            image = numpy_ifft(kspace)
            rss = np.abs(image) if kspace.ndim == 3 else np.sqrt((np.abs(image) ** 2).sum(axis=1))
            top, left = (HEIGHT - SIZE) // 2, (WIDTH - SIZE) // 2
            cropped = rss[:, top : top + SIZE, left : left + SIZE].astype(np.float32)
            file["reconstruction_esc" if kspace.ndim == 3 else "reconstruction_rss"] = cropped
        file.attrs.update({"acquisition": "CORPD_FBK", "max": 0.0004, "norm": 0.07, "patient_id": "abc"})
    return path
