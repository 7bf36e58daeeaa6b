"""A program that takes CP2K's input and answers as CP2K does, for a crystal whose bands are known in closed form."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = """
# A crystal with a flat band at -9 eV, the s band of an fcc lattice, and the same again 8 eV above; 100 eV more than their energy.
import re
import struct
from pathlib import Path
import numpy as np
from scipy.optimize import brentq
from scipy.special import entr, expit

text = Path("run.inp").read_text()
spins = 2 if "LSD" in text.split() else 1
width = 8.617333262e-5 * float(re.search("ELECTRONIC_TEMPERATURE .K. (.*)", text)[1])
restarted = "SCF_GUESS RESTART" in text
assert not restarted or Path("run-RESTART.kp").exists()
with CALLS.open("a") as file:
    print("restart" if restarted else "start", file=file)

def rows(word):
    return np.array([line.split()[1:] for line in text.splitlines() if line.split()[0] == word], dtype=float)

def bands(points):
    a, b, c = 2 * np.pi * points.T
    s = -0.8 * np.cos([a, b, c, a - b, b - c, c - a]).sum(axis=0)
    return np.stack([np.full(len(s), -9.0), s, s + 8], axis=1)

# The same three bands as matrices: the basis of the first is twice as long.
NEIGHBOURS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0), (0, 1, -1), (-1, 0, 1)]
IMAGES = [(0, 0, 0), *NEIGHBOURS, *(tuple(-x for x in each) for each in NEIGHBOURS)]
SITES = len(re.search(r"SCALED(.*?)&END", text, re.DOTALL)[1].split()) // 4
SCALE = np.array([2.0, 1.0, 1.0])

def matrices():
    for image in IMAGES:
        diagonal = [-9.0, 0.0, 8.0] if image == (0, 0, 0) else [0.0, -0.4, -0.4]
        overlap = [1.0, 1.0, 1.0] if image == (0, 0, 0) else [0.0, 0.0, 0.0]
        # Functions of further sites are out of reach.
        far, alone = (1e3, 1.0) if image == (0, 0, 0) else (0.0, 0.0)
        yield (
            np.diag([*(diagonal * SCALE**2), *[far] * 3 * (SITES - 1)]) / 27.211386245988,
            np.diag([*(overlap * SCALE**2), *[alone] * 3 * (SITES - 1)]),
        )

def write_matrix(name, matrix):
    with open(name, "wb") as file:
        for (row, column), value in np.ndenumerate(matrix):
            if value:
                file.write(struct.pack("<iiidi", 16, row + 1, column + 1, value, 16))

mesh = rows("KPOINT")
levels, weights = bands(mesh[:, :3]), mesh[:, 3:]
fermi = brentq(lambda level: 2 * (weights * expit((level - levels) / width)).sum() - ELECTRONS, -90, 90, xtol=1e-12)
filled = expit((fermi - levels) / width)
free = 100 + 2 * (weights * (filled * levels - width * (entr(filled) + entr(1 - filled)))).sum()
print(" CP2K| version string:                  CP2K version 2023.1")
for spin in range(spins):
    print(" Number of electrons:          ", (ELECTRONS + spins - 1 - spin) // spins)
print("     1 NoMix/Diag. 0.30E+00    0.3     0.87023696        -2.2000339493 -2.20E+00")
settled = not restarted or CALLS.read_text().split().count("restart") >= SETTLES
hasty = CALLS.read_text().split().count("start") <= HASTY and not restarted
if not hasty:
    print(f"     2 Pulay/Diag. 0.30E+00    0.3     {'0.00000060' if settled else '0.40000000'}        -2.0741598875 -2.44E-07")
if CALLS.read_text().split().count("start") >= CONVERGES and not restarted:
    print(f"  *** SCF run converged in     {1 if hasty else 2} steps ***")
print(f"  Total energy:          {free / 27.211386245988:.14f}")
if "RESTART ON" in text:
    Path("run-RESTART.kp").touch()
if "KS_CSR_WRITE" in text:
    kinds = list(dict.fromkeys(line.split()[1] for line in text.splitlines() if line.strip().startswith("&KIND")))
    for number, kind in enumerate(kinds, start=1):
        print(f"  {number}. Atomic kind: {kind}                 Number of atoms:       1", "", sep="\\n")
        for shell in (1, 2, 3):  # three functions in all, whatever they are called
            print(f"                          1       {shell}    {shell}s               10.077428      -0.684558")
    for name in ("KS", " S"):
        print(f" {name} CSR write| {len(IMAGES)} periodic images", "      Number    X      Y      Z", sep="\\n")
        for number, image in enumerate(IMAGES, start=1):
            print(f"{number:10d}{image[0]:7d}{image[1]:7d}{image[2]:7d}")
        print()
    for number, (kohn_sham, overlap) in enumerate(matrices(), start=1):
        for spin in range(1, spins + 1):
            write_matrix(f"run-ks-KS_SPIN_{spin}_R_{number}-1_0.csr", kohn_sham)
        write_matrix(f"run-s-S_SPIN_1_R_{number}-1_0.csr", overlap)
"""


def tight_binding(folder: Path, electrons: int, converges: int = 1, settles: int = 1, hasty: int = 0) -> str:
    """A program in the place of CP2K, on disk.

    It converges from its `converges`-th start on, and settles from the `settles`-th restart; `calls` in the folder tells of each. In
    its first `hasty` starts it takes the first step for the last.
    """
    constants = (
        f"from pathlib import Path\nCALLS, ELECTRONS = Path({str(folder / 'calls')!r}), {electrons}\n"
        f"CONVERGES, SETTLES, HASTY = {converges}, {settles}, {hasty}\n"
    )
    return script(folder, f"#!{sys.executable}\n{constants}{PROGRAM}")


def script(folder: Path, text: str) -> str:
    program = folder / "cp2k"
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return str(program)
