"""A slip of the hand gets one line that says what may have been meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from dosmith import formulas
from dosmith.cli import _usage, main, program
from dosmith.cli.groups import EXAMPLES_OF, OPTIONS, PURPOSES
from dosmith.errors import FormulaError, did_you_mean

WORDS = {
    "desing Pt3Ni": "Did you mean 'design'? See 'dosmith --help'.",
    "data ad x": "Did you mean 'add'? See 'dosmith data --help'.",
    "design Pt3Ni --metrics x": "No such option: --metrics. Did you mean --metric? See 'dosmith design --help'.",
    "design Pt3Ni --metric cosin": "did you mean 'cosine'?",
    "design Pt3Nii": "did you mean Pt3Ni?",
    "design PT3NI": "did you mean Pt3Ni or Pt3NI?",
    "design Pt3Ni --elements Platinum": "did you mean Pt?",
    "design Pt3Ni --exclude pt": "did you mean Pt?",
    "design Pt3Ni --crystal-system cubik": "did you mean 'cubic'?",
    "design Pt3Ni --model dosmit": "did you mean 'dosmith'?",
    "design Pt3Ni --avoid scarse": "did you mean 'scarce'?",
    "design Pt3Ni --rank-by idenity": "did you mean 'identity'?",
    "design Pt3Ni --elements Ni,Xy": "did you mean Xe?",
    "design": "there is no target; name a formula, an id or a file, or a gap alone with --gap 2:4",
    "design Pt3Ni --format xml": "'xml' is not one of 'table', 'json', 'csv'. See",
}


@pytest.mark.parametrize("written", WORDS)
def test_a_slip_is_told_with_what_may_have_been_meant(
    written: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dosmith", *written.split()])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2 and WORDS[written] in said and said.count("\n") == 1
    assert not re.search(r"[?.!:;,][.;,?!]", said.replace("...", ""))


def test_an_id_of_a_database_is_not_taken_for_a_slip_in_a_formula() -> None:
    with pytest.raises(FormulaError, match="'mp-999999' is not a formula; no library or atlas that was given holds this id"):
        formulas.parse("mp-999999")


def test_small_letters_are_understood_where_there_is_one_way() -> None:
    result = CliRunner().invoke(program(), ["similar", "pt3ni", "--top", "1", "--format", "csv"])
    assert "Pt3Ni-L1_2" in result.stdout
    assert formulas.typed("al3zr") == formulas.parse("Al3Zr")
    with pytest.raises(FormulaError, match="did you mean Co2 or CO2"):
        formulas.typed("co2")
    assert formulas.typed("co2", lambda each: each == formulas.parse("CO2")) == formulas.parse("CO2")


@given(st.lists(st.sampled_from(["Pt", "Ni", "O", "Zr", "S", "Co", "C"]), min_size=1, max_size=3, unique=True), st.integers(1, 9))
def test_what_small_letters_mean_is_among_their_readings(symbols: list[str], count: int) -> None:
    formula = "".join(f"{symbol}{count if count > 1 else ''}" for symbol in symbols)
    wanted = formulas.parse(formula)
    assert formulas.typed(formula.lower(), lambda each: each == wanted) == wanted
    assert formulas.typed(formula) == wanted


@given(st.text(max_size=30))
def test_any_text_is_a_formula_or_an_error_of_one_line(text: str) -> None:
    try:
        assert formulas.typed(text)
    except FormulaError as error:
        assert "\n" not in str(error)


def test_names_of_files_are_not_read_as_small_formulas() -> None:
    assert formulas.in_name("total-dos.in") is None and not formulas.looks_like_formula("sn")


def test_far_words_are_not_suggested() -> None:
    assert did_you_mean("euclid", ["cosine", "tanimoto"]) == ""


def test_usage_ends_with_one_mark() -> None:
    assert (
        _usage("No such command 'x'. Did you mean 'y'?", None) == "No such command 'x'. Did you mean 'y'? See 'dosmith --help'."
    )
    assert _usage("Missing argument.", None) == "Missing argument. See 'dosmith --help'."


def test_help_has_every_command_under_one_purpose_with_its_whole_sentence() -> None:
    grouped = [name for names in PURPOSES.values() for name in names]
    assert sorted(grouped) == sorted(get_command(program()).commands)  # type: ignore[attr-defined]
    text = CliRunner().invoke(program(), ["--help"], env={"COLUMNS": "80"}).stdout
    assert all(f"\n{purpose}:\n" in text for purpose in PURPOSES)
    assert "..." not in text.replace("[ARGS]...", "") and "\nExamples:\n  dosmith design Pt3Ni" in text
    assert text.index("dosmith design vasprun.xml --out answer") > 0


def test_many_options_are_grouped_by_purpose_with_examples() -> None:
    help_of = {name: CliRunner().invoke(program(), [name, "--help"], env={"COLUMNS": "80"}).stdout for name in EXAMPLES_OF}
    assert "tetragonal" in help_of["design"]
    for purpose, options in OPTIONS.items():
        section = help_of["design"].partition(f"\n{purpose}:\n")[2].partition("\n\n")[0]
        assert all(f"\n  {option}" in f"\n{section}" for option in options.split())
    for name, examples in EXAMPLES_OF.items():
        assert len(examples) == 2 and "\nExamples:\n" in help_of[name]
        for example, _ in examples:
            assert all(f"\n  {word}" in help_of[name] for word in example.split() if word.startswith("--"))
        assert max(map(len, help_of[name].splitlines())) <= 80


def test_predict_takes_a_folder_and_leaves_out_what_is_no_crystal(tmp_path: Path, open_set) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("chgnet")
    folder = tmp_path / "crystals"
    (folder / "deeper").mkdir(parents=True)
    open_set.material("Pt3Ni-L1_2").structure.to(filename=str(folder / "b.cif"))
    open_set.material("AlN-B3").structure.to(filename=str(folder / "deeper" / "POSCAR"), fmt="poscar")
    (folder / "broken.cif").write_text("data_nothing")
    (folder / "notes.txt").write_text("no crystal")
    (folder / ".dosmith.json").write_text("{}")  # as dosmith leaves one in folders that it writes
    result = CliRunner().invoke(program(), ["predict", str(folder), "--format", "json"])
    import json

    assert [each["formula"] for each in json.loads(result.stdout)] == ["Pt3Ni", "AlN"]
    assert "broken.cif is left out" in result.stderr and "notes.txt" not in result.stderr and ".dosmith" not in result.stderr


def test_a_folder_without_crystals_is_told(tmp_path: Path) -> None:
    from dosmith.crystals.find import expanded
    from dosmith.errors import NotFoundError
    from dosmith.library import MemoryLibrary

    with pytest.raises(NotFoundError, match="no structure file"):
        expanded([str(tmp_path)], MemoryLibrary([]))
    assert expanded(["Pt3Ni", "x.cif"], MemoryLibrary([])) == ["Pt3Ni", "x.cif"]


def test_only_the_called_command_is_made() -> None:
    whole = get_command(program()).commands  # type: ignore[attr-defined]
    for called in ("design", "data", "atlas"):
        made = get_command(program(called)).commands  # type: ignore[attr-defined]
        assert list(made) == [called]
        assert [each.name for each in made[called].params] == [each.name for each in whole[called].params]
        assert list(getattr(made[called], "commands", ())) == list(getattr(whole[called], "commands", ()))
    for word in (None, "desing", "--settings", ""):
        assert list(get_command(program(word)).commands) == list(whole)  # type: ignore[attr-defined]
