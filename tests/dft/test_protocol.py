"""Protocols: what results are called, now and when defaults have changed."""

from __future__ import annotations

from dosmith.dft.protocol import PROTOCOLS, protocol_of
from dosmith.settings import DftSettings


def test_the_defaults_are_the_newest_protocol() -> None:
    protocol = protocol_of(DftSettings())
    assert protocol is PROTOCOLS[-1]
    assert protocol.label == "converged 2"


def test_other_settings_are_nobodys() -> None:
    assert protocol_of(DftSettings(cutoff=401)) is None


def test_a_changed_default_takes_no_label_from_old_results() -> None:
    class Later(DftSettings):
        cutoff: float = 500

    assert protocol_of(Later()) is None
    assert protocol_of(Later(cutoff=400)) is PROTOCOLS[-1]
