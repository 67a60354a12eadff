"""Philips' exported raw data, written line by line."""

import numpy as np

GENERAL = """# === DATA DESCRIPTION FILE ======================================================
#
# CAUTION - Investigational device.
.    0    0    0  number_of_coil_channels            :     {coils}
.    0    0    0  kx_range                           : {kx[0]}  {kx[1]}
.    0    0    0  ky_range                           : -10   9
.    0    0    0  kx_oversample_factor               :     {oversampling[0]:.4f}
.    0    0    0  ky_oversample_factor               :     {oversampling[1]:.4f}
.    0    0    0  kz_oversample_factor               :     {oversampling[2]:.4f}
.    0    0    0  Y-direction SENSE factor           :     {sense:.4f}
#
# === START OF DATA VECTOR INDEX =================================================
# typ mix dyn card echo loca chan extr1 extr2 ky kz n.a. aver sign rf grad enc rtop rr size offset
"""
COUNTERS = ("mix", "dyn", "card", "echo", "loca", "chan", "extr1", "extr2", "ky", "kz", "unused", "aver", "sign")


def vector(kind, samples, **counters):
    return kind, np.ascontiguousarray(samples, "<c8"), {"sign": 1, **counters}


def lines(kspace, places, **counters):
    """Return the standard vectors of lines (coil, line, sample) at these places of ky."""
    return [
        vector("STD", kspace[coil, index], ky=ky, chan=coil, **counters)
        for index, ky in enumerate(places)
        for coil in range(len(kspace))
    ]


def write_philips(path, vectors, kx=(-16, 15), oversampling=(2, 1, 1), sense=1.0):
    """Write the pair of files that `path` (.list) names."""
    coils = len({counters.get("chan", 0) for _, _, counters in vectors})
    text = GENERAL.format(coils=coils, kx=kx, oversampling=oversampling, sense=sense)
    content = b""
    for kind, samples, counters in vectors:
        numbers = [counters.get(name, 0) for name in COUNTERS]
        numbers += [0, 0, 0, 0, 0, samples.nbytes, len(content)]
        text += f"  {kind} {' '.join(f'{number:5d}' for number in numbers)}\n"
        content += samples.tobytes()
    path.write_text(text + "# === END OF DATA VECTOR INDEX ===\n")
    path.with_suffix(".data").write_bytes(content)
    return path
