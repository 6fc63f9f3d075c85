"""Two public-domain portraits that installed packages carry, so that everything can be tried without a data set."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from occbench.errors import InputError
from occbench.faces import Face

_PORTRAITS = {
    "astronaut": ("eileen_collins", "skimage", "data/astronaut.png"),
    "grace_hopper": ("grace_hopper", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}  # image id to (identity, package, file)


class Sample:
    """`--source sample`. Both portraits are test photographs: nobody should train on two people.

    Args:
        root: not needed, and not looked at.
    """

    name = "sample"
    centred = False
    mean_box = None
    supplies = False
    licence = "Both portraits are works of the United States government (NASA, US Navy), in the public domain."

    def __init__(self, root: Path | None = None) -> None:
        pass

    def faces(self) -> Iterator[Face]:
        """See `Source.faces`."""
        for image_id, (identity, _, _) in sorted(_PORTRAITS.items()):
            yield Face(self.name, image_id, self.locate(image_id), identity, "test")

    def locate(self, image_id: str) -> Path:
        """See `Source.locate`."""
        if image_id not in _PORTRAITS:
            raise InputError(f"The source 'sample' has no {image_id!r}, only {' and '.join(_PORTRAITS)}.")
        _, package, file = _PORTRAITS[image_id]
        spec = importlib.util.find_spec(package)  # finds the package without importing it
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(folder) / file).is_file():
                return path
        raise InputError(f"No portrait {image_id!r}: looked for {file} in the package {package}. Install {package} again.")
