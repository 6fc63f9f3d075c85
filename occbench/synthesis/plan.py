"""The plan of a run: how its photographs fall into shards, and which of them one machine of several makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from occbench.errors import UsageError
from occbench.synthesis import recipe as recipes
from occbench.synthesis.recipe import CODE_SCHEMA, Recipe

PHOTOGRAPHS = 64  # of one shard, at most
_SHARDS = 24  # at least so many, where there are photographs enough, so that all cores have something to do until the end


@dataclass(frozen=True)
class Part:
    """One of `count` equal parts of a run, made by a machine of its own.

    Raises:
        UsageError: no such part.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise UsageError(
                f"There is no part {self.index} of {self.count}: --shard-index counts from 0 to --num-shards less one. (In a job "
                "array of Slurm, both are taken from it.)"
            )

    def of(self, shards: int) -> range:
        """Its shards, of all; neighbours, and as many as the other parts have, give or take one."""
        return range(shards * self.index // self.count, shards * (self.index + 1) // self.count)

    def photographs(self, count: int) -> int:
        """How many photographs of `count` it has."""
        each = shard_size(count)
        mine = self.of(-(-count // each))
        return min(count, mine.stop * each) - min(count, mine.start * each)


WHOLE = Part()


def shard_size(photographs: int) -> int:
    """Photographs of each shard of a run over so many."""
    return max(1, min(PHOTOGRAPHS, -(-photographs // _SHARDS)))


@dataclass(frozen=True)
class Plan:
    """What a run makes. It follows from the run's record alone, so whoever finds the record can finish the run.

    Attributes:
        record: what identifies the run, plain JSON-able data.
        photographs: how many it looks at.
        source: registry name.
        seed, recipe_fingerprint: what the manifest will say of itself.
        recipe: resolved, as `Recipe.document` gives it; None where a manifest came without.
        made_from: what `recipe.yaml` says about the origin.
    """

    record: Mapping[str, Any]
    photographs: int
    source: str
    seed: int | None
    recipe_fingerprint: str
    recipe: Mapping[str, Any] | None
    made_from: Mapping[str, Any]

    @classmethod
    def making(cls, recipe: Recipe, photographs: int, digest: str, options: Mapping[str, Any] | None = None) -> Self:
        """A plan to make pairs of `photographs` photographs, which have this digest; `options` of their source, as plain data."""
        made_from = {"photographs": {"count": photographs, "sha256": digest}, **({"options": dict(options)} if options else {})}
        return cls.of({"recipe": recipe.document(), "code_schema": CODE_SCHEMA, **made_from})

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """The plan of a run's record.

        Raises:
            UsageError: it was made by a version of occbench that draws otherwise, or is no record.
        """
        try:
            if record["code_schema"] != CODE_SCHEMA:
                raise UsageError(
                    f"This run was begun by a version of occbench that makes other pixels (code schema {record['code_schema']}, "
                    f"here {CODE_SCHEMA}): finish it with that one, or begin anew with --overwrite."
                )
            count = int(record["photographs"]["count"])
            if "rebuilt" in record:
                said = record["rebuilt"]
                fixed = (said["source"], said["seed"], said["recipe_fingerprint"], said["recipe"])
                return cls(record, count, *fixed, {"manifest": said["manifest"]})
            recipe = recipes.resolve(dict(record["recipe"]), "the run's record")
            made_from = {key: value for key, value in record.items() if key != "recipe"}
            return cls(record, count, recipe.source, recipe.seed, recipe.fingerprint(), recipe.document(), made_from)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"The record of this run cannot be understood ({error!r}): begin anew with --overwrite.") from None

    @property
    def each(self) -> int:
        """Photographs of a shard; the last has the rest."""
        return shard_size(self.photographs)

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.photographs // self.each)
