"""Each defect of the reference deployment is found, at the right file and line; without one, nothing is."""

from __future__ import annotations

import pytest
from defects import DEFECTS
from reference import findings_of, reference


def expected_lines(defect, text):
    """The lines at which a person would look."""
    if "|" in defect.at:  # the second text, behind the first
        first, second = defect.at.split("|")
        start = text.index(second, text.index(first))
        return range(line_of(text, start), line_of(text, start) + 1)
    anchor = defect.at or defect.after
    start = text.index(anchor)
    first = line_of(text, start + len(anchor) - len(anchor.lstrip("\n")))
    return range(first, line_of(text, start + len(anchor.rstrip("\n"))) + 1)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def test_nothing_is_found_in_the_reference():
    """Not even what is minor."""
    assert findings_of(reference()) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_a_defect_is_found_where_it_stands(defect):
    """At least one finding names the file and the line."""
    files = reference()
    assert defect.before in files[defect.file]
    files[defect.file] = files[defect.file].replace(defect.before, defect.after, 1)
    where = defect.where or defect.file
    lines = expected_lines(defect, files[where])
    found = findings_of(files)
    hits = [finding for finding in found if finding.file == where and finding.line in lines]
    assert hits, (
        f"expected {where}:{lines.start}-{lines.stop - 1}, found {[f'{f.file}:{f.line} {f.message}' for f in found]}"
    )
