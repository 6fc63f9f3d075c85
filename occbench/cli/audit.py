"""`occbench audit`."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from occbench.audit.audit import EVIDENCE, PROOF, RELATIONS, Finding, Report
from occbench.audit.audit import audit as audit_folders
from occbench.stats.tables import Table, printable, text

_MISMATCH = 4
_SHOWN = 20


@click.command(short_help="Find people and photographs in two splits, and near-duplicates.")
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR [DIR...]"
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; default: all cores. The result is the same.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout; lists 100 findings of each kind, counts all.")
@click.pass_context
def audit(context: click.Context, folders: tuple[Path, ...], workers: int | None, as_json: bool) -> None:
    """Look through data sets and natural sets for what a test split must not share with a training split.

    \b
    Looked for, inside each DIR and across all of them:
      * an identity that is in two splits, and a name that two sources share;
      * a photograph, or clean pixels, in two splits, under two identities, or there twice;
      * near-duplicates among the clean images: the same photograph cropped or compressed again.

    \b
    Examples:
      occbench audit out/lfw
      occbench audit out/vggface2 out/lfw out/rof --json > audit.json

    \b
    Exit codes: 0 nothing is in two splits; 4 something is; 2 unusable input. Equal names alone are told, and count for nothing.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking at images", total=None)
        report = audit_folders(folders, workers, lambda done, total: bar.update(task, completed=done, total=total))
    click.echo(json.dumps(report.document(), indent=2) if as_json else _summary(report))
    if report.leaks:
        context.exit(_MISMATCH)


def _summary(report: Report) -> str:
    """What a person reads: counts, then some findings of each kind."""
    lines = [f"{report.photographs} photographs of {report.people} people: {report.leaks or 'no'} leaks across splits."]
    if report.unseen:
        lines.append(f"{report.unseen} clean images could not be read, so near-duplicates among them are not found.")
    counts = tuple(
        (about, *(report.counts[evidence, relation] for relation in RELATIONS))
        for evidence, about in EVIDENCE.items()
        if any(report.counts[evidence, relation] for relation in RELATIONS)
    )
    if counts:
        lines += ["", text(Table("Found", ("what", *RELATIONS.values()), counts))]
    shown = _first(report.findings)
    for finding in shown:
        likeness = "" if finding.similarity is None else f", similarity {finding.similarity:.4f}"
        weight = "leak" if finding.relation == "splits" and finding.evidence in PROOF else "note"
        lines += ["", f"{weight}: {EVIDENCE[finding.evidence]}, {RELATIONS[finding.relation]}{likeness}"]
        lines += [f"  {p['split']:<5}  {_name(p)}" for p in finding.photographs]
        more = finding.size - len(finding.photographs)
        lines += [f"  … and {more} more"] if more > 0 else []
    more = report.counts.total() - len(shown)
    return "\n".join([*lines, "", f"… and {more} more findings; --json lists more of them"] if more > 0 else lines)


def _first(findings: list[Finding]) -> list[Finding]:
    """So many of each kind that all kinds have room."""
    kinds = {(finding.evidence, finding.relation) for finding in findings}
    room = max(1, _SHOWN // max(1, len(kinds)))
    seen = dict.fromkeys(kinds, 0)
    shown = []
    for finding in findings:
        seen[finding.evidence, finding.relation] += 1
        if seen[finding.evidence, finding.relation] <= room:
            shown.append(finding)
    return shown


def _name(photograph: dict[str, str]) -> str:
    return printable(f"{photograph['source']}/{photograph['identity']}  {photograph['image_id']}  ({photograph['folder']})")
