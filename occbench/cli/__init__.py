"""The command line: options in, one call, result out. Commands are imported only when they are called."""

import importlib
import signal
import sys
import traceback
import warnings
from typing import Any

import click

from occbench import __version__
from occbench.errors import OccbenchError

COMMANDS = {
    "demo": "occbench.cli.demo:demo",
    "synth": "occbench.cli.synth:synth",
    "merge": "occbench.cli.merge:merge",
    "verify": "occbench.cli.verify:verify",
    "import": "occbench.cli.import_:import_",
    "audit": "occbench.cli.audit:audit",
    "stats": "occbench.cli.stats:stats",
    "train-baseline": "occbench.cli.train_baseline:train_baseline",
    "restore": "occbench.cli.restore:restore",
    "detect-mask": "occbench.cli.detect_mask:detect_mask",
    "score": "occbench.cli.score:score",
    "leaderboard": "occbench.cli.leaderboard:leaderboard",
    "export": "occbench.cli.export:export",
    "list": "occbench.cli.list_:list_",
    "fetch-weights": "occbench.cli.fetch_weights:fetch_weights",
    "doctor": "occbench.cli.doctor:doctor",
}
_INTERRUPTED = 130


class Commands(click.Group):
    """A group that imports a command when it is needed, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Nothing but `--debug` shows a traceback."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's polite end is an interruption too
        warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
        debug = ctx.params.get("debug", False)
        try:
            return super().invoke(ctx)
        except OccbenchError as error:
            self._say(str(error), debug)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            resumable = command is not None and any(option.name == "resume" for option in command.params)
            kept = " What is finished is kept: the same command with --resume (and without --overwrite) goes on."
            click.echo(f"Interrupted.{kept if resumable else ''}", err=True)
            ctx.exit(_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            self._say(f"{type(error).__name__}: {error}\nThis is a bug of occbench; `occbench --debug ...` shows where.", debug)
            ctx.exit(1)

    @staticmethod
    def _say(message: str, debug: bool) -> None:
        if debug:
            traceback.print_exc(file=sys.stderr)
        click.echo(f"Error: {message}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="occbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Paired face-occlusion data sets, made, rebuilt and verified; and methods that remove occlusions, trained, applied, measured.

    \b
    Examples:
      occbench demo
      occbench synth --source lfw --root ~/data/lfw --occluders mask,sunglasses --out out/lfw
      occbench verify out/lfw
      occbench train-baseline context-encoder --data out/lfw --recipe cpu --out runs/ce
      occbench restore --run runs/ce photographs/ --masks masks/ --out restored
      occbench score --data out/lfw --method telea --out results/telea
      occbench leaderboard results/* --html leaderboard.html

    \b
    Exit codes: 0 done; 1 failure at run time; 2 wrong usage or unusable input; 3 done, with rejected
    photographs listed; 4 verification or rebuild mismatch; 130 interrupted.
    """
