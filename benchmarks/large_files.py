"""Raw files of 5 GB: time, processor time, memory and bytes that are read: ``python -m benchmarks.large_files``.

A twix file of 5 GB, most of it a hole on the disk, is described (``info``), one slice of it is reconstructed (``recon
--frames 0``), and it is converted to MRD. The MRD file is described and reconstructed likewise. Each command is a
process of its own. Both files are made in a temporary folder and deleted.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tests.helpers.twix import Line, mark, protocol_bytes

from benchmarks.harness import machine
from benchmarks.table import RESULTS
from fourfold.simulation.simulate import phantom

GIGABYTES = 5
COILS, LINES, SAMPLES = 32, 256, 512
START = 10240
# The command's own process says how many bytes it has read, and how much memory it has held at most.
RUN = """
import json, resource, sys
from fourfold.cli.main import main
status = main(sys.argv[1:])
read = dict(line.split(": ") for line in open("/proc/self/io").read().splitlines())["rchar"]
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
facts = {"cpu_seconds": used.ru_utime + used.ru_stime, "read_bytes": int(read), "peak_bytes": 1024 * int(peak)}
print(json.dumps({"status": status, **facts}), file=sys.stderr)
"""


def main() -> None:
    """Measure, print and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_files", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES)
    size = int(parser.parse_args().gigabytes * 1e9)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        twix, mrd = folder / "scan.dat", folder / "scan.mrd.h5"
        slices = write_sparse_twix(twix, size)
        rows = [run("twix info", "info", str(twix)), run("twix recon of one slice", *one_slice(twix, folder))]
        rows.append(run("twix convert", "convert", str(twix), "-o", str(mrd)))
        rows += [run("MRD info", "info", str(mrd)), run("MRD recon of one slice", *one_slice(mrd, folder))]
        facts = {"slices": slices, "twix_bytes": twix.stat().st_size, "mrd_bytes": mrd.stat().st_size}
    for row in rows:
        peak, read = (row[name] / 1e6 for name in ("peak_bytes", "read_bytes"))
        times = f"{row['seconds']:8.2f} s, {row['cpu_seconds']:6.2f} s of a processor"
        print(f"{row['command']:26} {times} {peak:8.0f} MB peak {read:8.0f} MB read")
    text = json.dumps({"machine": machine(), **facts, "rows": rows}, indent=1)
    (RESULTS / "large_files.json").write_text(text + "\n", encoding="utf-8")


def one_slice(path: Path, folder: Path) -> list[str]:
    """Return the command that reconstructs the first slice."""
    output = folder / f"{path.name}.npz"
    return ["recon", str(path), "--frames", "0", "--method", "zero-filled", "--no-check-content", "-o", str(output)]


def run(title: str, *arguments: str) -> dict[str, Any]:
    """Run a command in a process of its own; return its seconds, bytes that it read and its peak of memory."""
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", RUN, *arguments], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    measured: dict[str, Any] = json.loads(result.stderr.splitlines()[-1])
    if measured.pop("status") != 0:
        raise RuntimeError(result.stderr)
    return {"command": title, "seconds": round(seconds, 2), **measured}


def write_sparse_twix(path: Path, size: int) -> int:
    """Write a twix file of about `size` bytes, of which headers and the first slice take room; return its slices."""
    changes = {
        "sKSpace.lBaseResolution": str(SAMPLES // 2),
        "sSliceArray.asSlice[0].dPhaseFOV": "256.0",
        "sSliceArray.asSlice[0].dReadoutFOV": "256.0",
    }
    header = protocol_bytes(changes, "syngo MR E11", "")
    image = np.zeros((LINES, SAMPLES), np.complex64)
    image[:, SAMPLES // 4 : 3 * SAMPLES // 4] = phantom((LINES, SAMPLES // 2)).squeeze().numpy()
    kspace = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image))).astype(np.complex64)
    empty = np.zeros((COILS, SAMPLES), np.complex64)
    line_bytes = len(Line(empty).vd(1))
    slices = max(1, (size - START - len(header)) // (LINES * line_bytes))
    with path.open("wb") as file:
        file.seek(START)
        file.write(header)
        for index in range(slices):
            for step in range(LINES):
                place = file.tell()
                samples = np.broadcast_to(kspace[step], empty.shape) if index == 0 else empty
                counters = {"lin": step, "sli": index}
                position = (0.0, 0.0, 5.0 * index)
                line = Line(samples, centre_line=LINES // 2, counters=counters, position=position)
                content = line.vd(index * LINES + step + 1)
                file.write(content if index == 0 else content[:192])
                file.seek(place + line_bytes)
        file.write(mark("ACQEND", "vd"))
        end = file.tell()
        file.seek(0)
        file.write(struct.pack("<IIIIQQ", 0, 1, 0, 1, START, end - START))
        file.truncate(end)
    return slices


if __name__ == "__main__":
    main()
