"""Siemens twix files, written byte by byte."""

import struct
from dataclasses import dataclass, field

import numpy as np

FLAGS = {
    "ACQEND": 0,
    "RTFEEDBACK": 1,
    "ONLINE": 3,
    "SYNCDATA": 5,
    "PHASCOR": 21,
    "PATREFSCAN": 22,
    "PATREFANDIMASCAN": 23,
    "REFLECT": 24,
    "NOISEADJSCAN": 25,
}
COUNTERS = ("lin", "ave", "sli", "par", "eco", "phs", "rep", "set", "seg", "ida", "idb", "idc", "idd", "ide")
# A turn by 90° about the slice axis: the readout runs to the right (-x), the phase encoding to the back (y).
QUATERNION = (0.70710678, 0.0, 0.0, 0.70710678)


@dataclass
class Line:
    """One line of samples (coil, sample)."""

    samples: np.ndarray
    flags: tuple = ()
    centre_column: int | None = None
    centre_line: int = 10
    centre_partition: int = 0
    cutoff: tuple = (0, 0)
    position: tuple = (0.0, 0.0, 0.0)
    quaternion: tuple = QUATERNION
    channels: tuple | None = None
    counters: dict = field(default_factory=dict)
    packed: bool = False

    def mask(self):
        return sum(1 << FLAGS[flag] for flag in (*self.flags, "ONLINE"))

    def middle(self):
        coils, samples = self.samples.shape
        column = samples // 2 if self.centre_column is None else self.centre_column
        counters = struct.pack("<14H", *(self.counters.get(name, 0) for name in COUNTERS))
        start = struct.pack("<QHH", self.mask(), samples, coils) + counters
        return start + struct.pack(
            "<HHHHfIHH", *self.cutoff, column, 0, 0.0, 0, self.centre_line, self.centre_partition
        )

    def place(self):
        return struct.pack("<7f", *self.position, *self.quaternion)

    def numbers(self):
        return self.channels or tuple(range(len(self.samples)))

    def vd(self, counter):
        each = [np.ascontiguousarray(row, "<c8").tobytes() for row in self.samples]
        length = 192 + sum(32 + len(content) for content in each)
        # EPI's packed files state a length of their own, with a flag in its highest bit.
        stated = (1 << 31) | 640 if self.packed else length
        header = struct.pack("<IiIII", stated, 1, counter, 0, 0) + bytes(20) + self.middle() + self.place() + bytes(64)
        blocks = (
            struct.pack("<IiIiIIHHI", 0, 1, counter, 0, 0, 0, number, 0, 0) + content
            for number, content in zip(self.numbers(), each, strict=True)
        )
        return header + b"".join(blocks)

    def vb(self, counter):
        content = b""
        for number, row in zip(self.numbers(), self.samples, strict=True):
            samples = np.ascontiguousarray(row, "<c8").tobytes()
            start = struct.pack("<IiIII", 128 + len(samples), 1, counter, 0, 0)
            content += start + self.middle() + bytes(16) + self.place() + struct.pack("<HH", number, 0) + samples
        return content


def mark(flag, version, size=160):
    """Return an end mark, or a block of other data."""
    start = struct.pack("<IiIII", size, 1, 0, 0, 0) + (b"" if version == "vb" else bytes(20))
    header = start + struct.pack("<Q", 1 << FLAGS[flag])
    return header + bytes(max(size, 128 if version == "vb" else 192) - len(header))


PROTOCOL = {
    "tProtocolName": '"a test"',
    "tSequenceFileName": '"%SiemensSeq%\\gre"',
    "lContrasts": "1",
    "sRXSPEC.alDwellTime[0]": "5000",
    "alTR[0]": "2000000",
    "alTE[0]": "4500",
    "adFlipAngleDegree[0]": "15.0",
    "sSliceArray.lSize": "1",
    "sSliceArray.asSlice[0].dThickness": "5.0",
    "sSliceArray.asSlice[0].dPhaseFOV": "60.0",
    "sSliceArray.asSlice[0].dReadoutFOV": "48.0",
    "sKSpace.lBaseResolution": "16",
    "sKSpace.ucTrajectory": "0x1",
    "sKSpace.ucDimension": "0x2",
    "sPat.ucRefScanMode": "0x1",
}
PARAMETERS = """<ParamString."ManufacturersModelName"> { "Skyra" }
<ParamString."tPatientPosition"> { "HFS" }
<ParamDouble."flMagneticFieldStrength"> { <Precision> 6 2.893620 }
<ParamDouble."flReadoutOSFactor"> { <Precision> 6 2.000000 }
"""


def protocol_bytes(changes, software, parameters):
    """Return the header of a measurement."""
    values = {name: value for name, value in (PROTOCOL | changes).items() if value is not None}
    body = "\n".join(f"{name}\t = \t{value}" for name, value in values.items())
    dicom = PARAMETERS + f'<ParamString."SoftwareVersions"> {{ "{software}" }}\n'
    buffers = {
        "Config": "",
        "Dicom": dicom,
        "Meas": parameters,
        "MeasYaps": f"### ASCCONV BEGIN object=MrProtDataImpl@MrProtocolData ###\n{body}\n### ASCCONV END ###\n",
    }
    content = b"".join(
        name.encode() + b"\0" + struct.pack("<I", len(text)) + text.encode() for name, text in buffers.items()
    )
    return struct.pack("<II", 8 + len(content), len(buffers)) + content


def measurement_bytes(lines, version="vd", changes=None, software="syngo MR E11", parameters="", ended=True):
    """Return a measurement: its protocol, then its lines; bytes among them are taken as they are."""
    content = protocol_bytes(changes or {}, software, parameters)
    for counter, line in enumerate(lines):
        content += line if isinstance(line, bytes) else getattr(line, version)(counter + 1)
    return content + (mark("ACQEND", version) if ended else b"")


def write_twix(path, *measurements, version="vd", **options):
    """Write a file of measurements, each given as its lines or as its bytes."""
    contents = [
        each if isinstance(each, bytes) else measurement_bytes(each, version, **options) for each in measurements
    ]
    if version == "vb":
        path.write_bytes(contents[0])
        return path
    table, body = struct.pack("<II", 0, len(contents)), b""
    for number, content in enumerate(contents):
        start = 10240 + len(body)
        table += struct.pack("<IIQQ", number, 1, start, len(content)) + bytes(128)
        body += content + bytes(-len(content) % 512)
    path.write_bytes(table + bytes(10240 - len(table)) + body)
    return path


def slice_lines(kspace, steps=None, **fields):
    """Return the lines of k-space (coil, ky, kx); `steps` chooses some of them."""
    counters = fields.pop("counters", {})
    steps = range(kspace.shape[1]) if steps is None else steps
    return [Line(kspace[:, step], counters={"lin": step, **counters}, **fields) for step in steps]
