"""`occbench export`."""

import json
from pathlib import Path

import click


@click.command(short_help="A trained run for other programs.")
@click.option("--run", required=True, type=click.Path(path_type=Path), metavar="RUN", help="A trained run or a checkpoint.")
@click.option("--onnx", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The file to write.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(run: Path, onnx: Path, as_json: bool) -> None:
    """Write the networks of a run as one ONNX file, and compare what ONNX Runtime makes of it with torch.

    Inputs: occluded (B, 3, S, S) RGB in [0, 1] and, for baselines that are given it, mask (B, 1, S, S), 1 = to be filled. Outputs:
    restored (B, 3, S, S) and, where networks predict it, occlusion (B, 1, S, S). Needs `pip install 'occbench[onnx]'`.

    \b
    Examples:
      occbench export --run runs/ce --onnx ce.onnx
      occbench export --run runs/ce/last.safetensors --onnx last.onnx --json

    \b
    Exit codes: 0 done; 1 the file would compute something else; 2 no usable run, or packages missing.
    """
    from occbench.restoration.export import export_onnx  # here, because it brings torch along

    document = export_onnx(run, onnx)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{document['file']}: {', '.join(document['inputs'])} to {', '.join(document['outputs'])}")
    click.echo(f"largest difference from torch {document['difference']:.2g}")
