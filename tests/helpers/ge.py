"""GE P-files of revision 26.002, written byte by byte."""

import struct

import numpy as np

HEADER_BYTES = 213_684
SLICES, EXAM, IMAGE = 36864, 193660, 198180


def write_pfile(path, kspace, places=None, sample_bytes=2, revision=26.002, **changes):
    """Write whole numbers of k-space (slice, coil, ky, kx); `places` says where each slice stands in the file."""
    slices, coils, ny, nx = kspace.shape
    places = list(range(slices)) if places is None else places
    values = {
        140: 1,
        144: slices,
        146: 1,
        150: ny,
        154: 0,
        158: sample_bytes,
        178: nx,
        180: ny + 1,
        264: 0,
        266: coils - 1,
    }
    header = bytearray(HEADER_BYTES)
    struct.pack_into("<f", header, 0, revision)
    for place, value in ((4, HEADER_BYTES), (16, SLICES), (32, EXAM), (40, IMAGE)):
        struct.pack_into("<i", header, place, value)
    for place, value in (values | {int(key[1:]): value for key, value in changes.items()}).items():
        struct.pack_into("<h", header, place, value)
    header[110:120] = b"GE_MED_NMR"
    for index, place in enumerate(places):
        struct.pack_into("<hhfff", header, SLICES + 72 * index, 0, place + 1, 10.0, 6.0 * index, 5.0)
    struct.pack_into("<i", header, EXAM + 572, 30000)
    struct.pack_into("<ff", header, IMAGE + 304, 2.0 * nx, 1.5 * ny)
    struct.pack_into("<f", header, IMAGE + 316, 3.0)
    struct.pack_into("<ixxxxi", header, IMAGE + 1056, 250000, 5100)
    header[IMAGE + 1632 : IMAGE + 1638] = b"2dfast"
    stored = np.zeros((coils, slices, ny + 1, nx, 2), f"<i{sample_bytes}")
    signs = np.where(np.arange(ny) % 2, -1, 1)[:, None]
    for index, place in enumerate(places):
        stored[:, place, 1:, :, 0] = signs * kspace[index].real
        stored[:, place, 1:, :, 1] = signs * kspace[index].imag
    path.write_bytes(bytes(header) + stored.tobytes())
    return path
