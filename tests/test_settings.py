"""Settings: defaults, then the file, then the environment; names and values that are none are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from dosmith.errors import DosmithError, NotFoundError, SettingsError
from dosmith.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _no_user_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / "config" / name)


def toml(folder: Path, text: str, name: str = "own.toml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def one_line(error: DosmithError) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_without_a_file_and_environment_the_defaults_hold() -> None:
    settings = load_settings(environ={})
    assert settings == Settings()
    spectra = settings.spectra
    assert (spectra.lower, spectra.upper, spectra.points, spectra.zero) == (-7.5, 7.5, 151, "auto")
    assert (settings.design.top, settings.design.metric) == (5, "cosine")


def test_every_setting_says_what_it_means() -> None:
    for section in Settings.model_fields.values():
        for name, field in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert field.description, name


def test_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().spectra.broadening = 0.3  # type: ignore[misc]


def test_a_file_wins_over_the_defaults(tmp_path: Path) -> None:
    file = toml(tmp_path, "[spectra]\nbroadening = 0.2\n[design]\ntop = 9\n")
    settings = load_settings(file, environ={})
    assert (settings.spectra.broadening, settings.design.top) == (0.2, 9)
    assert settings.spectra.points == 151


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, "[spectra]\nbroadening = 0.2\nlevels = 301\n")
    settings = load_settings(
        str(file), environ={"DOSMITH_SPECTRA__BROADENING": "0.25", "DOSMITH_DESIGN__METRIC": "tanimoto", "PATH": "/"}
    )
    assert (settings.spectra.broadening, settings.spectra.points, settings.design.metric) == (0.25, 301, "tanimoto")


def test_the_environment_may_name_the_file_and_an_argument_wins(tmp_path: Path) -> None:
    named = toml(tmp_path, "[design]\ntop = 7\n", "named.toml")
    given = toml(tmp_path, "[design]\ntop = 8\n", "given.toml")
    environ = {"DOSMITH_SETTINGS": str(named)}
    assert load_settings(environ=environ).design.top == 7
    assert load_settings(given, environ=environ).design.top == 8


def test_the_users_own_file_is_found(tmp_path: Path) -> None:
    toml(tmp_path / "config" / "dosmith", "[design]\ntop = 6\n", "settings.toml")
    assert load_settings(environ={}).design.top == 6


def test_a_variable_without_a_section_is_refused() -> None:
    with pytest.raises(SettingsError, match="DOSMITH_HOME is not a setting"):
        load_settings(environ={"DOSMITH_HOME": "/nowhere"})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[spectra]\nbroadning = 0.2\n", "spectra.broadning"),
        ("[spectrum]\nlevels = 3\n", "spectrum"),
        ("broadening = 0.2\n", "broadening"),
    ],
)
def test_unknown_names_in_a_file_are_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(SettingsError, match="no such setting") as refusal:
        load_settings(toml(tmp_path, text), environ={})
    assert name in one_line(refusal.value)


@pytest.mark.parametrize(
    "variable", ["DOSMITH_SPECTRA__BROADNING", "DOSMITH_SPECTRUM__LEVELS", "DOSMITH_SPECTRA", "DOSMITH_BROADENING", "DOSMITH_"]
)
def test_unknown_names_in_the_environment_are_refused(variable: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(environ={variable: "3"})
    assert "setting" in one_line(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DOSMITH_SPECTRA__BROADENING", "wide"),
        ("DOSMITH_SPECTRA__BROADENING", "0"),
        ("DOSMITH_SPECTRA__BROADENING", "nan"),
        ("DOSMITH_SPECTRA__LEVELS", "1"),
        ("DOSMITH_SPECTRA__LEVELS", "12.5"),
        ("DOSMITH_SPECTRA__ZERO", "vacuum"),
        ("DOSMITH_SPECTRA__MIN_COVERAGE", "1.5"),
        ("DOSMITH_FILES__MAX_MEBIBYTES", "0"),
        ("DOSMITH_DESIGN__METRIC", "euclid"),
        ("DOSMITH_DESIGN__TOP", "0"),
        ("DOSMITH_DESIGN__TOP", ""),
    ],
)
def test_impossible_values_are_refused_and_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(environ={variable: value})
    assert variable.removeprefix("DOSMITH_").lower().replace("__", ".") in one_line(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DOSMITH_SPECTRA__LOWER", "-inf"),
        ("DOSMITH_SPECTRA__LOWER", "nan"),
        ("DOSMITH_SPECTRA__LOWER", "9"),
        ("DOSMITH_PAPER__KERNEL_SIZE", "4"),
    ],
)
def test_impossible_windows_and_kernels_are_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(environ={variable: value})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for options in ({"path": tmp_path / "gone.toml"}, {"environ": {"DOSMITH_SETTINGS": str(tmp_path / "gone.toml")}}):
        with pytest.raises(NotFoundError) as refusal:
            load_settings(**{"environ": {}} | options)  # type: ignore[arg-type]
        assert "gone.toml" in one_line(refusal.value)


@pytest.mark.parametrize("content", [b"spectra: {broadening: 0.2}\n", b"[spectra\n", b"\xff\xfe\x00", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="not TOML") as refusal:
        load_settings(file, environ={})
    assert "own.toml" in one_line(refusal.value)


def test_a_section_that_is_no_table_is_refused(tmp_path: Path) -> None:
    file = toml(tmp_path, "spectra = 3\n")
    for environ in ({}, {"DOSMITH_SPECTRA__LEVELS": "5"}):
        with pytest.raises(SettingsError) as refusal:
            load_settings(file, environ=environ)
        one_line(refusal.value)


def test_the_older_name_of_the_number_of_grid_points_is_understood(tmp_path: Path) -> None:
    assert load_settings(toml(tmp_path, "[spectra]\nlevels = 301\n"), environ={}).spectra.points == 301
    assert load_settings(environ={"DOSMITH_SPECTRA__LEVELS": "201"}).spectra.points == 201
