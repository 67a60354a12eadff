"""Builders of MRD (ISMRMRD) files, written with the ismrmrd package, which fourfold itself does not use."""

import dataclasses

import numpy as np
import pytest

ismrmrd = pytest.importorskip("ismrmrd", reason="needs the ismrmrd package to write test files")

SPACE = """<{name}><matrixSize><x>{n[0]}</x><y>{n[1]}</y><z>{n[2]}</z></matrixSize>
<fieldOfView_mm><x>{f[0]}</x><y>{f[1]}</y><z>{f[2]}</z></fieldOfView_mm></{name}>"""
LIMITS = "<{name}><minimum>0</minimum><maximum>{last}</maximum><center>{centre}</center></{name}>"
STEPS = ("kspace_encoding_step_1", "kspace_encoding_step_2")


@dataclasses.dataclass
class MrdHeader:
    """The header values of a test file; x is the oversampled readout."""

    matrix: tuple = (32, 20, 1)
    fov: tuple = (128.0, 60.0, 5.0)
    recon_matrix: tuple = (16, 20, 1)
    recon_fov: tuple = (64.0, 60.0, 5.0)
    centre: tuple = (10, 0)
    trajectory: str = "cartesian"
    calibration_mode: str | None = None
    vendor: str = "ACME"
    encodings: int = 1

    def xml(self):
        encoded = SPACE.format(name="encodedSpace", n=self.matrix, f=self.fov)
        recon_space = SPACE.format(name="reconSpace", n=self.recon_matrix, f=self.recon_fov)
        last_indices = self.matrix[1] - 1, self.matrix[2] - 1
        limits = "".join(
            LIMITS.format(name=name, last=last, centre=centre)
            for name, last, centre in zip(STEPS, last_indices, self.centre, strict=True)
        )
        parallel = f"<parallelImaging><accelerationFactor><{STEPS[0]}>2</{STEPS[0]}><{STEPS[1]}>1</{STEPS[1]}>"
        parallel += f"</accelerationFactor><calibrationMode>{self.calibration_mode}</calibrationMode></parallelImaging>"
        encoding = (
            f"<encoding>{encoded}{recon_space}<encodingLimits>{limits}</encodingLimits>"
            f"<trajectory>{self.trajectory}</trajectory>{parallel if self.calibration_mode else ''}</encoding>"
        )
        return (
            '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><acquisitionSystemInformation>'
            f"<systemVendor>{self.vendor}</systemVendor></acquisitionSystemInformation><experimentalConditions>"
            "<H1resonanceFrequency_Hz>1</H1resonanceFrequency_Hz></experimentalConditions>"
            f"{encoding * self.encodings}</ismrmrdHeader>"
        )


def mrd_line(samples, ky=0, kz=0, *, flags=(), centre=None, geometry=None, **fields):
    """Return one acquisition of samples (coil, x)."""
    acquisition = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples, np.complex64))
    acquisition.center_sample = samples.shape[1] // 2 if centre is None else centre
    acquisition.idx.kspace_encode_step_1 = ky
    acquisition.idx.kspace_encode_step_2 = kz
    acquisition.sample_time_us = fields.pop("dwell", 5.0)
    geometry = {"position": (0, 0, 0), "read_dir": (1, 0, 0), "phase_dir": (0, 1, 0), "slice_dir": (0, 0, 1)} | (
        geometry or {}
    )
    for name, value in geometry.items():
        getattr(acquisition, name)[:] = value
    for flag in flags:
        acquisition.setFlag(flag)
    for name, value in fields.items():
        setattr(acquisition if hasattr(type(acquisition), name) else acquisition.idx, name, value)
    return acquisition


def write_mrd(path, header, lines, group="dataset"):
    with ismrmrd.Dataset(str(path), group) as dataset:
        dataset.write_xml_header(header.xml())
        for acquisition in lines:
            dataset.append_acquisition(acquisition)
    return path


def numpy_fft(image, axes=(-2, -1)):
    return np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(image, axes=axes), axes=axes, norm="ortho"), axes=axes)


def make_image(shape, seed=0):
    """Return a random image without symmetry whose outer half along the readout is empty."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    quarter = shape[-1] // 4
    image[..., :quarter] = image[..., -quarter:] = 0
    return image.astype(np.complex64)


def cropped(image):
    quarter = image.shape[-1] // 4
    return image[..., quarter:-quarter]


def slice_lines(image, **fields):
    """Return the lines of one slice's coil images (coil, y, x)."""
    kspace = numpy_fft(image)
    return [mrd_line(kspace[:, ky], ky, **fields) for ky in range(image.shape[1])]


def volume_header(**changes):
    return MrdHeader(
        **{
            "matrix": (32, 20, 12),
            "fov": (128.0, 60.0, 36.0),
            "recon_matrix": (16, 20, 8),
            "recon_fov": (64.0, 60.0, 24.0),
            "centre": (10, 6),
        }
        | changes
    )


def volume_lines(image, pattern, **fields):
    """Return the lines of a volume (coil, z, y, x) where `pattern` (z, y) is set."""
    kspace = numpy_fft(image, (-3, -2, -1))
    places = zip(*np.nonzero(pattern), strict=True)
    return [mrd_line(kspace[:, kz, ky], int(ky), int(kz), **fields) for kz, ky in places]
