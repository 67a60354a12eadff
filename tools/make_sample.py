"""Cuts the head slice that ships as fourfold's sample out of the source distribution of pycortex 1.4.0.

    pip download --no-deps --no-binary :all: pycortex==1.4.0
    python tools/make_sample.py pycortex-1.4.0.tar.gz

writes src/fourfold/data/sample_head.npz and the licence beside it. Needs nibabel. The volume is the T1-weighted
head of subject S1, 256×256×256 voxels of 1 mm with 8 bits, as FreeSurfer conformed it. Its voxel axes run to the left,
down and to the front; the slice is shown as radiologists do: nose up, the patient's right on the left.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

import nibabel
import numpy as np

RELEASE = "pycortex-1.4.0"
VOLUME = f"{RELEASE}/filestore/db/S1/anatomicals/raw.nii.gz"
LICENCE = f"{RELEASE}/LICENSE"
FOLDER = Path(__file__).parents[1] / "src" / "fourfold" / "data"

# Through the eyes, the brain stem and the cerebellum; the head with a margin of about 20 mm.
SLICE = 154
ROWS = slice(16, 256)
COLUMNS = slice(25, 225)


def main(archive: Path) -> None:
    """Write the slice and its licence into the package."""
    with tarfile.open(archive) as release:
        volume = read_member(release, VOLUME)
        licence = read_member(release, LICENCE)
    with tempfile.NamedTemporaryFile(suffix=".nii.gz") as file:
        file.write(volume)
        file.flush()
        image = nibabel.load(file.name)
        if nibabel.aff2axcodes(image.affine) != ("L", "I", "A"):
            sys.exit(f"{VOLUME} is not oriented as this program expects")
        head = np.asarray(image.dataobj)
    # (left, front) becomes rows from the front to the back and columns from right to left.
    axial = head[:, SLICE, ::-1].T[ROWS, COLUMNS].astype(np.uint16)
    np.savez_compressed(FOLDER / "sample_head.npz", image=axial)
    (FOLDER / "sample_head_LICENSE.txt").write_bytes(licence)


def read_member(release: tarfile.TarFile, name: str) -> bytes:
    """Return the content of a file in the archive."""
    file = release.extractfile(name)
    if file is None:
        sys.exit(f"{name} is not a file in the archive")
    return file.read()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
