"""`croissant.json`: a data set described for machines, as Croissant 1.0 of MLCommons (JSON-LD)."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from occbench.digest import file_sha256
from occbench.images import write_atomic
from occbench.manifest import MANIFEST, batches, facts
from occbench.manifest.schema import SCHEMA, SPLITS

CROISSANT = "croissant.json"
_IMAGES = {
    "clean": "The ground truth: an aligned crop of a photograph, 8-bit RGB. One serves all pairs of its photograph.",
    "occluded": "The same crop with something before the face, 8-bit RGB; bit-identical to it wherever the mask is 0.",
    "mask": "8-bit alpha of what was laid over the face: 0 visible, 1 to 127 soft, 128 to 255 occluded.",
}
_KINDS = {pa.int32(): "sc:Integer", pa.int64(): "sc:Integer", pa.float32(): "sc:Float", pa.float64(): "sc:Float"}
_SEMANTIC = re.compile(r"\d+\.\d+\.\d+")
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
# What every column holds, in a sentence; `docs/manifest.md` has the whole contract.
_COLUMNS = {
    "pair_id": "Name of the pair and of its files.",
    "source": "Registry name of the source of the photograph.",
    "image_id": "The photograph inside its source.",
    "identity": "The person, unique inside the source.",
    "split": "train, val or test; nobody is in two of them.",
    "occluder": "What covers the face.",
    "variant": "Which kind of it.",
    "index": "0, 1, ... where a photograph has several pairs with the same occluder.",
    "seed": "Of the run.",
    "parameters": "JSON: all that was drawn at random or measured in the photograph.",
    "landmarks": "x and y of 68 points in iBUG order, pixels of the source photograph; 136 numbers.",
    "landmark_source": "Detector and model that gave the points.",
    "crop_matrix": "a, b, tx, c, d, ty: source pixel (x, y) goes to (ax + by + tx, cx + dy + ty).",
    "coverage": "Occluded part of the face, 0 to 1.",
    "mask_fraction": "Occluded part of the frame, 0 to 1.",
    "yaw": "Degrees; above 0 the head turns towards the image's right.",
    "pitch": "Degrees; above 0 the head looks up.",
    "roll": "Degrees; above 0 the head tilts clockwise.",
    "attributes": "JSON: what the source says about the photograph, or null.",
    "source_sha256": "sha256 of the photograph's file.",
    "clean_sha256": "sha256 of the clean image's pixels.",
    "occluded_sha256": "sha256 of the occluded image's pixels.",
    "mask_sha256": "sha256 of the mask's pixels.",
    "clean_path": "The clean image: a path of the record set clean.",
    "occluded_path": "The occluded image: a path of the record set occluded.",
    "mask_path": "The mask: a path of the record set mask.",
    "width": "Of the three images, pixels.",
    "height": "Of the three images, pixels.",
    "warnings": "Short codes: why the pair should be looked at.",
}


def write_croissant(directory: Path, *, source: str, licence: str) -> None:
    """Describe the data set in a folder. Equal manifests give equal bytes: neither dates nor places are in it.

    Args:
        directory: holds the manifest.
        source: registry name of the source of the photographs.
        licence: the terms of the photographs, in words.

    Raises:
        InputError: no usable manifest in the folder.
        RunError: the file cannot be written.
    """
    text = json.dumps(describe(directory, source=source, licence=licence), indent=1, sort_keys=True, ensure_ascii=False)
    write_atomic(directory / CROISSANT, text.encode() + b"\n")


def describe(directory: Path, *, source: str, licence: str) -> dict[str, Any]:
    """The document that `write_croissant` writes; raises as it does."""
    table = directory / MANIFEST
    pairs: Counter[str] = Counter()
    for batch in batches(table, ["split"]):
        pairs.update(batch.column("split").to_pylist())
    said = facts(table)
    counts = ", ".join(f"{split} {pairs[split]}" for split in SPLITS if pairs[split])
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"Paired face occlusions ({source})",
        "description": (
            f"{pairs.total()} pairs ({counts or 'none'}) of a clean face, the same face with something before it, and the mask of "
            f"where that is, under a manifest of occbench. The photographs are of the source {source}."
        ),
        "license": licence,
        "keywords": ["face", "occlusion", "de-occlusion", "inpainting", "synthetic"],
        "rai:personalSensitiveInformation": (
            "Photographs of people, with their names where the source gives them, facial landmarks and head pose."
        ),
        "rai:dataUseCases": "Training and comparing methods of de-occlusion. Not for recognising, finding or profiling anybody.",
        "rai:dataLimitations": (
            "Pairs that occbench made have drawn occluders, not photographed ones; of imported pairs their makers can tell. A "
            "network that takes occluders away invents the hidden part of a face; its result is no evidence of anybody's identity."
        ),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": MANIFEST,
                "name": MANIFEST,
                "description": "One row a pair.",
                "contentUrl": MANIFEST,
                "contentSize": f"{table.stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": file_sha256(table),
            },
            *(_file_set(name, description) for name, description in _IMAGES.items()),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "pairs",
                "name": "pairs",
                "description": "The manifest: one record a pair.",
                "key": {"@id": "pairs/pair_id"},
                "field": [_column(field) for field in SCHEMA],
            },
            *(_images(name, description) for name, description in _IMAGES.items()),
        ],
    }
    return document | ({"version": said.version} if _SEMANTIC.fullmatch(said.version) else {})


def _file_set(name: str, description: str) -> Mapping[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "description": description,
        "encodingFormat": "image/png",
        "includes": [f"{name}/*.png", f"{name}/**/*.png"],
    }


def _column(field: pa.Field) -> Mapping[str, Any]:
    many = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
    return {
        "@type": "cr:Field",
        "@id": f"pairs/{field.name}",
        "name": field.name,
        "description": _COLUMNS[field.name],
        "dataType": _KINDS.get(field.type.value_type if many else field.type, "sc:Text"),
        "source": {"fileObject": {"@id": MANIFEST}, "extract": {"column": field.name}},
        **({"repeated": True} if many else {}),
    }


def _images(name: str, description: str) -> Mapping[str, Any]:
    """A record set of images. The pairs name them by path and do not reference them: joining would load them all."""
    of_file = {"path": ("sc:Text", "fullpath", "As the manifest has it."), "image": ("sc:ImageObject", "content", description)}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/path"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{field}",
                "name": field,
                "description": what,
                "dataType": kind,
                "source": {"fileSet": {"@id": f"{name}-files"}, "extract": {"fileProperty": prop}},
            }
            for field, (kind, prop, what) in of_file.items()
        ],
    }
