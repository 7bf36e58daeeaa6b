"""CP2K's real-space Kohn-Sham and overlap matrices -> eigenvalues and Loewdin weights at any k-point.

H(k) and S(k) are sums over periodic images of H(R) and S(R), each times exp(2 pi i k.R). With X = S(k)^(-1/2) the eigenvectors of
X H(k) X are those of the generalised problem in Loewdin's orthogonal orbitals (P.-O. Loewdin, J. Chem. Phys. 18, 365 (1950)), and
the squares of their components are the weights of the orbitals: never negative, and one in sum.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import HARTREE
from dosmith.dft.cp2k_kinds import section
from dosmith.errors import EngineError

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

ORBITALS = "spdfg"

SMALLEST_OVERLAP = 1e-9
"""Eigenvalue of the overlap below which the basis counts as linearly dependent."""

_RECORD = np.dtype([("head", "<i4"), ("row", "<i4"), ("column", "<i4"), ("value", "<f8"), ("tail", "<i4")])
"""One matrix element in a binary file: a Fortran record."""

_POINTS_AT_ONCE = 16


def print_sections() -> list[str]:
    """Sections of an input that have CP2K write the matrices."""
    content = ("REAL_SPACE T", "BINARY T", "UPPER_TRIANGULAR T", "THRESHOLD 1e-9")
    return [section(f"{name}_CSR_WRITE ON", *content, f"FILENAME {name.lower()}") for name in ("KS", "S")]


@dataclass(frozen=True, eq=False)
class Matrices:
    """What a self-consistent run left.

    Attributes:
        vectors: lattice vector of each periodic image, shape (R, 3).
        kohn_sham: upper triangles, eV, shape (spins, R, n, n).
        overlap: upper triangles, shape (R, n, n).
        site: of each basis function, shape (n,).
        orbital: angular momentum of each basis function, shape (n,).
    """

    vectors: FloatArray
    kohn_sham: FloatArray
    overlap: FloatArray
    site: NDArray[np.intp]
    orbital: NDArray[np.intp]

    @classmethod
    def read(cls, folder: Path, output: str, labels: tuple[str, ...], spins: int) -> Matrices:
        """The matrices of a finished run.

        Args:
            folder: of the run.
            output: of the program.
            labels: kind of each site.
            spins: one or two.

        Raises:
            EngineError: they are not complete.
        """
        vectors = _images(output)
        shells = _shells(output)
        try:
            functions = [(site, orbital) for site, label in enumerate(labels) for orbital in shells[label]]
            size = len(functions)
            kohn_sham = [_matrices(folder, f"ks-KS_SPIN_{spin}", len(vectors), size) for spin in range(1, spins + 1)]
            overlap = _matrices(folder, "s-S_SPIN_1", len(vectors), size)
        except (KeyError, OSError, ValueError, IndexError) as error:
            raise EngineError(f"CP2K wrote no complete Kohn-Sham and overlap matrices ({error})") from None
        site, orbital = np.array(functions, dtype=np.intp).T
        return cls(vectors, np.stack(kohn_sham) * HARTREE, overlap, site, orbital)

    def solve(self, points: FloatArray, groups: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues, and how much of each state lies on groups of basis functions.

        Args:
            points: in units of the reciprocal vectors, shape (P, 3).
            groups: number of the group of each basis function, shape (n,).

        Returns:
            eV, ascending along the bands, shape (spins, P, n); weights between 0 and 1 whose sum over groups is one, shape
            (spins, P, n, groups).

        Raises:
            EngineError: the basis is linearly dependent at a point.
        """
        spins, size = len(self.kohn_sham), len(groups)
        member = (groups[:, None] == np.arange(groups.max() + 1)).astype(np.float64)
        energies = np.empty((spins, len(points), size))
        weights = np.empty((spins, len(points), size, member.shape[1]))
        for first in range(0, len(points), _POINTS_AT_ONCE):
            chosen = slice(first, first + _POINTS_AT_ONCE)
            phases = np.exp(2j * np.pi * points[chosen] @ self.vectors.T)
            values, vectors = np.linalg.eigh(self._sum(phases, self.overlap), UPLO="U")
            if values.min() < SMALLEST_OVERLAP:
                raise EngineError("CP2K's overlap matrix is not positive definite at a k-point")
            orthogonal = (vectors / np.sqrt(values)[:, None, :]) @ vectors.conj().swapaxes(1, 2)
            for spin in range(spins):
                upper = self._sum(phases, self.kohn_sham[spin])
                whole = np.triu(upper) + np.triu(upper, 1).conj().swapaxes(1, 2)
                energies[spin, chosen], states = np.linalg.eigh(orthogonal @ whole @ orthogonal)
                weights[spin, chosen] = (np.abs(states) ** 2).swapaxes(1, 2) @ member
        return energies, weights

    def _sum(self, phases: ComplexArray, matrices: FloatArray) -> ComplexArray:
        flat = matrices.reshape(len(matrices), -1)
        total = phases.real @ flat + 1j * (phases.imag @ flat)
        return total.reshape(len(phases), *matrices.shape[1:])


def _images(output: str) -> FloatArray:
    """The lattice vectors of the periodic images, in order of their numbers."""
    _, _, table = output.rpartition(" S CSR write|")
    rows = re.match(r"[^\n]*\n\s*Number[^\n]*\n((?:[ \t]+\d+(?:[ \t]+-?\d+){3}[ \t]*\n)+)", table)
    if rows is None:
        raise EngineError("CP2K did not say which periodic images its matrices belong to")
    return np.array([line.split()[1:] for line in rows[1].splitlines()], dtype=np.float64)


def _shells(output: str) -> dict[str, list[int]]:
    """Angular momentum of each basis function, by kind."""
    found: dict[str, list[int]] = {}
    for part in re.split(r"^\s+\d+\. Atomic kind:", output, flags=re.MULTILINE)[1:]:
        shells = re.findall(r"^\s+(\d+)\s+(\d+)\s+\d+([spdfg])", part, flags=re.MULTILINE)
        unique = list(dict.fromkeys(shells))
        momenta = [ORBITALS.index(letter) for _, _, letter in unique]
        found[part.split()[0]] = [momentum for momentum in momenta for _ in range(2 * momentum + 1)]
    return found


def _matrices(folder: Path, stem: str, images: int, size: int) -> FloatArray:
    """The matrix of every image, shape (R, n, n)."""
    found = np.zeros((images, size, size))
    for number, matrix in enumerate(found, start=1):
        records = np.fromfile(folder / f"run-{stem}_R_{number}-1_0.csr", _RECORD)
        matrix[records["row"] - 1, records["column"] - 1] = records["value"]
    return found
