"""RFCX tables: rows as they are, every wrong one named with its line, no crash."""

from pathlib import Path

import pytest

from nas.data.audio.dataset import EventRow
from nas.data.audio.rfcx import read_events, read_labelled_recordings, read_species, species_in
from nas.errors import NasError

HEAD = "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max\n"
SPECIES = {0: "frog", 1: "bird"}


def written(folder: Path, text: str, name: str = "train_tp.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_of_the_kaggle_table(tmp_path: Path) -> None:
    # The first rows of train_tp.csv of the data set.
    table = written(
        tmp_path,
        HEAD + "003bec244,14,1,44.544,2531.25,45.1307,5531.25\n"
        "006ab765f,23,1,39.9615,7235.16,46.0452,11283.4\n",
    )
    found = read_events(table, species_in(table))
    assert found.wrong == ()
    assert found.rows == (
        EventRow("003bec244", "s14", 44.544, 45.1307, 2531.25, 5531.25, 1, "train_tp.csv:2"),
        EventRow("006ab765f", "s23", 39.9615, 46.0452, 7235.16, 11283.4, 1, "train_tp.csv:3"),
    )


def test_frequencies_and_song_type_may_be_left_out(tmp_path: Path) -> None:
    table = written(tmp_path, "T_MAX, t_min ,species_id,recording_id\n2, 1 ,0.0,r\n\n")
    rows = read_events(table, SPECIES).rows
    assert rows == (EventRow("r", "frog", 1.0, 2.0, None, None, 1, "train_tp.csv:2"),)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",0,1,1,50,2,60", "no recording_id"),
        ("r,7,1,1,50,2,60", "no species '7'"),
        ("r,,1,1,50,2,60", "no species ''"),
        ("r,0.5,1,1,50,2,60", "no species '0.5'"),
        ("r,frog,1,1,50,2,60", "no species 'frog'"),
        ("r,0,1,,50,2,60", "t_min and t_max must both be given"),
        ("r,0,1,1", "t_min and t_max must both be given"),
        ("r,0,1,one,50,2,60", "t_min 'one' is not a number"),
        ("r,0,1,nan,50,2,60", "t_min 'nan' is not a number"),
        ("r,0,1,1,50,inf,60", "t_max 'inf' is not a number"),
        ("r,0,1,2,50,1,60", "t_min 2 and t_max 1"),
        ("r,0,1,2,50,2,60", "t_min 2 and t_max 2"),
        ("r,0,1,-1,50,2,60", "t_min -1 and t_max 2"),
        ("r,0,1,1,low,2,60", "f_min 'low' is not a number"),
        ("r,0,song,1,50,2,60", "songtype_id 'song'"),
    ],
)
def test_a_wrong_row_is_named_and_the_others_are_read(
    tmp_path: Path, row: str, reason: str
) -> None:
    table = written(tmp_path, HEAD + f"a,0,1,1,50,2,60\n{row}\nb,1,1,1,50,2,60\n")
    found = read_events(table, SPECIES)
    assert [item.recording_id for item in found.rows] == ["a", "b"]
    assert len(found.wrong) == 1
    assert found.wrong[0].startswith(f"train_tp.csv:3: {reason}")


def test_a_file_that_is_no_such_table_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"train_tp\.csv:1: no column 't_max' in the first line$"):
        read_events(written(tmp_path, "recording_id,species_id,t_min\n"), SPECIES)
    with pytest.raises(NasError, match="can't be read as a CSV file"):
        read_events(tmp_path / "none.csv", SPECIES)
    (tmp_path / "bytes.csv").write_bytes(b"recording_id\xff\xfe")
    with pytest.raises(NasError, match="can't be read as a CSV file"):
        read_events(tmp_path / "bytes.csv", SPECIES)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        # The cell that is left open is one that nobody reads.
        ('a,0,"song,1,50,2,60\nb,0,1,1,50,2,60\n', r":2: no row of a CSV .*quote left open\?"),
        ('\na,0,"1,1,50,2,60\nb,0,1",1,50,2,60\n', r":3: a row that ends in line 4 only; is a q"),
        ('a,0,"1"x,1,50,2,60\n', r":2: no row of a CSV .*quote left open\?"),
    ],
)
def test_an_open_quote_is_named_and_hides_no_row(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(NasError, match=message):
        read_events(written(tmp_path, HEAD + rows), SPECIES)


def test_a_column_that_is_there_twice_is_refused_if_it_is_read(tmp_path: Path) -> None:
    head = "recording_id,species_id,t_min,t_max,note,note"
    table = written(tmp_path, f"{head}\na,0,1,2,,\n")
    assert len(read_events(table, SPECIES).rows) == 1
    for name in ("t_max", "T_Min ", "f_min,f_min"):
        with pytest.raises(NasError, match=r"train_tp\.csv:1: 2 columns '(t_max|t_min|f_min)'"):
            read_events(written(tmp_path, f"{head},{name}\na,0,1,2,,,3,3\n"), SPECIES)


def test_species_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    table = written(tmp_path, "species_id,name\n3,toad\n0,frog\n", "species.csv")
    assert list(read_species(table).items()) == [(0, "frog"), (3, "toad")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,frog\n0,toad\n", r"species\.csv:3 species_id: species 0 is named twice"),
        ("0,frog\n1,frog\n", r"species\.csv:3 name: 'frog' names two species"),
        ("0,\n", r"species\.csv:2 name: no name"),
        ("x,frog\n", r"species\.csv:2 species_id: 'x' is not a whole number"),
        ("-1,frog\n", r"species\.csv:2 species_id: '-1' is not a whole number"),
    ],
)
def test_a_list_of_species_must_be_right(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(NasError, match=message):
        read_species(written(tmp_path, "species_id,name\n" + text, "species.csv"))


def test_species_without_names_are_numbered(tmp_path: Path) -> None:
    table = written(
        tmp_path, HEAD + "a,10,,1,,2,\na,2,,1,,2,\na,x,,1,,2,\nb,2,,1,,2,\na,-1,,1,,2,\n"
    )
    assert list(species_in(table).items()) == [(2, "s2"), (10, "s10")]


def test_labelled_recordings_are_found_with_their_lines(tmp_path: Path) -> None:
    table = written(tmp_path, "recording_id,s0,s1\na,0,1\n,0,0\nb,0,0\n", "test_labels.csv")
    assert read_labelled_recordings(table) == {"a": 2, "b": 4}
