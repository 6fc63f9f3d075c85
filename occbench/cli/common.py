"""What commands that make data sets share: progress, and saying what came out."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from occbench.synthesis.assembly import Summary
from occbench.synthesis.dataset import Share


class _Rate(ProgressColumn):
    """Photographs a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f} photographs/s")


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int, int, int], None]]:
    """A bar on stderr, in photographs, with pairs, rejects, rate and time left. Yields what to call after each shard."""
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[pairs]} pairs, {task.fields[rejects]} rejects"), _Rate(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60) as bar:
        task = bar.add_task(what, total=total, pairs=0, rejects=0)
        all_pairs = all_rejects = 0

        def step(photographs: int, pairs: int, rejects: int) -> None:
            nonlocal all_pairs, all_rejects
            all_pairs, all_rejects = all_pairs + pairs, all_rejects + rejects
            bar.update(task, advance=photographs, pairs=all_pairs, rejects=all_rejects)

        yield step


def report(made: Summary | Share, as_json: bool) -> None:
    """The result on stdout, for a person or as one JSON document."""
    if as_json:
        click.echo(json.dumps(made.document(), indent=2))
    elif isinstance(made, Share):
        click.echo(
            f"{made.counts['pairs']} pairs of {made.counts['photographs']} photographs made now, {made.rejected} rejects. Shards "
            f"{made.shards.start} to {made.shards.stop - 1} of {made.of} in {made.out} are finished. When all parts are:"
            if made.shards
            else f"Nothing to do: there are fewer shards ({made.of}) than parts. When all parts are finished:"
        )
        click.echo(f"occbench merge {shlex.quote(str(made.out))}")
    else:
        _report(made)


def _report(summary: Summary) -> None:
    document = summary.document()
    splits = ", ".join(f"{split} {count}" for split, count in summary.pairs.items())
    click.echo(f"{document['pairs']} pairs of {summary.photographs} photographs in {summary.out} ({splits or 'none'})")
    if summary.rejects:
        reasons = ", ".join(f"{reason} {count}" for reason, count in summary.rejects.items())
        click.echo(f"{document['rejects']} rejects in {summary.out / 'rejects.csv'} ({reasons})")
    click.echo(f"data fingerprint {summary.fingerprint}")
    if document["pairs"]:
        click.echo(f"contact sheet    {document['contact_sheet']}")
