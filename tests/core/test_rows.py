"""CSV and NDJSON as the arguments of many jobs, and what is wrong in which line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobdesk_core import exact_json
from jobdesk_core.operations import RowsNotUnderstood, decoded, parse_rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}\n\n{"a": "x\u2028y"}\r\n', [(1, {"a": 1}), (3, {"a": "x\u2028y"})]),
        ("a,b\n1,x\n2,\n", [(2, {"a": 1, "b": "x"}), (3, {"a": 2})]),
        ("a;b\n1,5;007\n", [(2, {"a": "1,5", "b": "007"})]),
        ('a\tb\n"x\ny"\t2\n3\t4', [(2, {"a": "x\ny", "b": 2}), (4, {"a": "3", "b": 4})]),
        ("\ufeffa\n1e3\n-2.5\nnull\n", [(2, {"a": 1e3}), (3, {"a": -2.5}), (4, {"a": None})]),
        ("a|b\n1|x, y\n", [(2, {"a": 1, "b": "x, y"})]),
        ('"a,b";c\n1;2\n', [(2, {"a,b": 1, "c": 2})]),
        ("a;b\n1,5;2,5\n3,5;4,5\n", [(2, {"a": "1,5", "b": "2,5"}), (3, {"a": "3,5", "b": "4,5"})]),
        ("sep=;\na;b\n1;2\n", [(3, {"a": 1, "b": 2})]),
        ('[{"a": 1},\n {"a": 2.50}]\n', [(1, {"a": 1}), (2, {"a": 2.5})]),
        ('{\n "a": 1\n}\n{"a": 2}\n', [(1, {"a": 1}), (4, {"a": 2})]),
        ("[]", []),
        ('a:text,b:json,c:boolean,d:number\n1,"[1, {}]",TRUE,4', [(2, {"a": "1", "b": [1, {}], "c": True, "d": 4})]),
        ("a\n1e999\nNaN\n", [(2, {"a": "1e999"}), (3, {"a": "NaN"})]),
        ("", []),
        (" \n\t", []),
        ("a,b\n", []),
    ],
)
def test_rows_are_read(text: str, expected: list[tuple[int, dict[str, Any]]]) -> None:
    assert [(row.line, row.args) for row in parse_rows(text).rows] == expected


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ('{"a": 1}\n{"a": }\n{"a": 2}', [(2, "Column 7: a value is missing, or it is not in JSON's spelling.")]),
        ('{"a": 1, "a": 2}', [(1, 'The key "a" appears twice.')]),
        ('{"a": NaN}', [(1, "NaN is not JSON.")]),
        ("{}\n[1]", [(2, 'Arguments are a JSON object, such as {"user_id": 42}; this is a list.')]),
        ('{"a": "\\u0000"}', [(1, "PostgreSQL cannot store the character NUL (\\u0000).")]),
        ("a,b\n1,2,3\n4,5\n", [(2, "There are 3 cells for 2 columns.")]),
        ("a:number\nx\n", [(2, "a: “x” is not a number.")]),
        ("a:boolean\nperhaps\n", [(2, "a: “perhaps” is neither true nor false.")]),
        ('a:json\n"{]"\n1', [(2, "a: “{]”")]),
        ('a:json\n"1, ""b"": 2"\n', [(2, "is not JSON")]),
        ('a\n1\n"x', [(3, "The rest cannot be read")]),
        ('{"a":' * 3000, [(1, "")]),
        ("a,b\n1,2\n4\n", [(3, "There is 1 cell for 2 columns.")]),
        ("a\nx\0y\n", [(2, "NUL")]),
        ('[{"a": 1},\n{"a": 1, "a": 2}, 7]', [(2, "appears twice"), (2, "this is a number")]),
        ('[{"a": 1}', [(1, "not closed")]),
        ('[{"a": 1}] x', [(1, "follows the list")]),
    ],
)
def test_a_mistake_has_its_line(text: str, mistakes: list[tuple[int, str]]) -> None:
    found = parse_rows(text).mistakes
    assert [row.line for row in found] == [line for line, _ in mistakes]
    for row, (_, words) in zip(found, mistakes, strict=True):
        assert words in (row.problem or "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,a\n1,2", "Two columns are called a"),
        ("a,\n1,2", "Column 2 has no name"),
    ],
)
def test_what_is_no_list_of_rows_is_refused(text: str, words: str) -> None:
    with pytest.raises(RowsNotUnderstood, match=words):
        parse_rows(text)


def test_the_usual_types_of_the_arguments_decide() -> None:
    types = {"zip": "text", "tags": "list", "n": "number"}
    assert parse_rows("zip,tags,n\n12345,[1],2", types).rows[0].args == {"zip": "12345", "tags": [1], "n": 2}


def test_files_are_decoded_or_refused_with_their_line() -> None:
    assert decoded("a\nö".encode("utf-8-sig")) == "a\nö"
    assert decoded("a\nö".encode("utf-16")) == "a\nö"
    with pytest.raises(RowsNotUnderstood, match="Line 2 is not UTF-8"):
        decoded(b"a\n\xf6\n")


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    try:
        found = parse_rows(text)
    except RowsNotUnderstood:
        return
    assert all((row.args is None) == (row.problem is not None) for row in found.rows)


@pytest.mark.parametrize(
    ("cells", "kind", "values", "remark"),
    [
        (["1", "2.5", "-3"], "number", [1, 2.5, -3], ""),
        (["12345", "007", "0"], "text", ["12345", "007", "0"], "leading zeros"),
        (["+49301234", "5"], "text", ["+49301234", "5"], "plus sign"),
        (["12345678901234567890", "1"], "text", ["12345678901234567890", "1"], "many digits"),
        (["true", "FALSE"], "boolean", [True, False], ""),
        (["true", "yes", "0"], "text", ["true", "yes", "0"], "mixed (numbers and true or false and texts)"),
        (["1", "x"], "text", ["1", "x"], "mixed (numbers and texts)"),
        (["[1]", '{"a": 2}'], "json", [[1], {"a": 2}], ""),
        (["[1]", "2"], "text", ["[1]", "2"], "mixed"),
        (["2026-11-20", "2026-11-21"], "text", ["2026-11-20", "2026-11-21"], ""),
        (["null", "1"], "number", [None, 1], ""),
        (["null", "x"], "text", ["null", "x"], "null"),
        (["null"], "json", [None], ""),
        (["a", "b"], "text", ["a", "b"], ""),
        ([" 7", "8 "], "number", [7, 8], ""),
    ],
)
def test_a_column_has_one_type_and_says_when_it_is_mixed(
    cells: list[str], kind: str, values: list[Any], remark: str
) -> None:
    lines = ["zip"] + ['"' + cell.replace('"', '""') + '"' for cell in cells]
    rows = parse_rows("\n".join(lines))
    (column,) = rows.columns
    assert (column.kind, [row.args and row.args.get("zip") for row in rows.rows]) == (kind, values)
    assert remark in column.remark and bool(remark) == bool(column.remark)
    # Whatever it reads as, a chosen type is followed.
    forced = parse_rows("\n".join(lines), chosen={"zip": "text"})
    assert [row.args and row.args["zip"] for row in forced.rows] == cells


def test_every_digit_of_a_number_is_kept() -> None:
    numbers = ["1.10", "0.1234567890123456789012345", "1e999", "123456789012345"]
    rows = parse_rows("n\n" + "\n".join(numbers)).rows
    assert [exact_json.dumps(row.args) for row in rows] == [f'{{"n": {number}}}' for number in numbers]
    assert exact_json.dumps(parse_rows('[{"n": 1.10}]').rows[0].args) == '{"n": 1.10}'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_unicode_is_read_with_and_without_its_mark(encoding: str) -> None:
    assert parse_rows(decoded("a;ü\n1;x\n".encode(encoding))).rows[0].args == {"a": 1, "ü": "x"}
