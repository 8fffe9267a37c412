"""Features of questions as numbers."""

import math

import numpy as np
import pytest

from langchain_markovscale.traces.features import columns_of, encoded


def test_strata_become_indicators_and_vectors_stay():
    records = [{"kind": "sum", "size": [1, 2.5]}, {"kind": "mod", "size": [3, 4]}]
    columns = columns_of(records)
    assert columns == (
        (".kind", "mod"),
        (".kind", "sum"),
        (".size[0]", None),
        (".size[1]", None),
    )
    assert encoded(records, columns).tolist() == [[0, 1, 1, 2.5], [1, 0, 3, 4]]


def test_bare_stratum_and_bare_vector_are_features():
    assert encoded(["a", "b"], columns_of(["b", "a"])).tolist() == [[1, 0], [0, 1]]
    assert encoded([[7, 8]], columns_of([[5, 6]])).tolist() == [[7, 8]]


def test_what_was_not_told_or_never_heard_of_is_unknown():
    columns = columns_of([{"kind": "sum", "size": 1}, {"kind": "mod", "size": 2}])
    unknown = encoded([None, {"kind": "poem", "size": 3}, {"kind": "sum", "colour": 1}], columns)
    nan = math.nan
    wanted = [[nan, nan, nan], [nan, nan, 3], [0, 1, nan]]
    np.testing.assert_array_equal(unknown, wanted)


@pytest.mark.parametrize("bad", [math.nan, math.inf, object()])
def test_feature_that_is_no_number_is_refused_by_name(bad):
    with pytest.raises(ValueError, match=r"features\.size"):
        columns_of([{"size": bad}])
