import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from occbench.manifest import Pair
from occbench.manifest.schema import SCHEMA, canonical_json, parse_object, to_batch

COLUMNS = [
    "pair_id",
    "source",
    "image_id",
    "identity",
    "split",
    "occluder",
    "variant",
    "index",
    "seed",
    "parameters",
    "landmarks",
    "landmark_source",
    "crop_matrix",
    "coverage",
    "mask_fraction",
    "yaw",
    "pitch",
    "roll",
    "attributes",
    "source_sha256",
    "clean_sha256",
    "occluded_sha256",
    "mask_sha256",
    "clean_path",
    "occluded_path",
    "mask_path",
    "width",
    "height",
    "warnings",
]


def test_columns_are_the_contract() -> None:
    assert SCHEMA.names == COLUMNS
    assert [column.name for column in fields(Pair)] == COLUMNS


def test_only_attributes_may_be_null() -> None:
    assert [field.name for field in SCHEMA if field.nullable] == ["attributes"]


def test_landmarks_are_a_fixed_list_of_136_float32() -> None:
    kind = SCHEMA.field("landmarks").type
    assert (str(kind.value_type), kind.list_size) == ("float", 136)


def test_a_record_gives_the_pair_back(make_pair: Any) -> None:
    for pair in (make_pair(1), make_pair(5)):
        assert Pair.from_record(pair.to_record()) == pair


def test_landmarks_are_stored_as_tenths(make_pair: Any) -> None:
    pair = make_pair(landmarks=np.full((68, 2), 1.23456))
    assert set(pair.to_record()["landmarks"]) == {1.2}


def test_landmarks_survive_float32_exactly(make_pair: Any) -> None:
    points = np.rint(np.random.default_rng(0).uniform(-500, 30_000, (68, 2)) * 10) / 10
    stored = to_batch([make_pair(landmarks=points)]).column("landmarks").flatten().to_numpy()
    assert stored.dtype == np.float32
    again = Pair.from_record({**make_pair().to_record(), "landmarks": stored})
    assert np.array_equal(again.landmarks, points)


def test_json_has_one_text() -> None:
    assert canonical_json({"b": 1.5, "a": "ü"}) == '{"a":"\\u00fc","b":1.5}'


def test_pairs_with_other_values_differ(make_pair: Any) -> None:
    assert make_pair() != make_pair(seed=8)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_cannot_be_stored(make_pair: Any, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        make_pair(parameters={"x": value}).to_record()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", '{"x":NaN}', '{"x":-Infinity}', '{"x":1e999}', '{"x":' * 30_000, '{"x":' + "9" * 5000 + "}"],
    ids=lambda text: text[:12],
)
def test_json_of_others_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="parameters is not"):
        parse_object("parameters", text)
