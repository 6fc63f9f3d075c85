"""The one loop: read a batch, run the baseline's phases, log, validate, save."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from occbench.errors import RunError
from occbench.training import Baseline, Batch, Moment, checkpoints
from occbench.training.card import write_card
from occbench.training.checkpoints import BEST, LAST, Checkpoint
from occbench.training.feed import Feed
from occbench.training.journal import GRIDS, Journal, grid
from occbench.training.means import Means
from occbench.training.recipe import Recipe
from occbench.training.share import average
from occbench.training.validation import Validation

SAID = ("psnr_mask", "ssim_mask", "iou")  # of what validation measures

_ADVICE = "Try a lower --set optimizer.lr, or --set clip=1."


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        step, total: steps done, of how many.
        epoch: the current one.
        losses: means of the weighted terms since the last report.
        rate: pairs a second.
    """

    step: int
    total: int
    epoch: int
    losses: Mapping[str, float]
    rate: float


@dataclass(frozen=True)
class Observer:
    """Who watches.

    Attributes:
        say: called with a sentence worth reading.
        decoded: called while images are decoded: what, how many, of how many.
        tell: called every `log_every` steps.
    """

    say: Callable[[str], None] = lambda sentence: None
    decoded: Callable[[str, int, int], None] = lambda what, done, total: None
    tell: Callable[[Progress], None] = lambda progress: None


class Loop:
    """A run while it trains.

    Args:
        recipe: of the run.
        baseline: built, on the device.
        feed: its batches.
        validation: its validation pairs, or None.
        out: folder of the run, which exists.
        facts: what its checkpoints say of it, plain JSON data.
        precision: `32` or `bf16`.
        observer: who watches.
    """

    def __init__(
        self,
        recipe: Recipe,
        baseline: Baseline,
        feed: Feed,
        validation: Validation | None,
        out: Path,
        facts: Mapping[str, Any],
        precision: str,
        observer: Observer,
    ) -> None:
        self.settings = recipe.settings
        self.measured: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self._recipe, self._baseline, self._feed, self._validation = recipe, baseline, feed, validation
        self._out, self._facts, self._precision, self._observer = out, dict(facts), precision, observer
        self._leads = feed.share.rank == 0  # one process writes
        self._optimizers = baseline.optimizers()
        self._parameters = {name: [p for g in o.param_groups for p in g["params"]] for name, o in self._optimizers.items()}
        self._rates = {name: [group["lr"] for group in o.param_groups] for name, o in self._optimizers.items()}
        self._averages: dict[str, AveragedModel] = {}
        if self.settings.ema:
            with_decay: Any = get_ema_multi_avg_fn(self.settings.ema)  # type: ignore[no-untyped-call]
            for name in baseline.restoring:
                self._averages[name] = AveragedModel(baseline.networks[name], multi_avg_fn=with_decay, use_buffers=True)
        self._means, self._epoch = Means(), Means()

    def resume(self, before: Checkpoint) -> int:
        """Take over a checkpoint.

        Returns:
            The steps that it has trained.

        Raises:
            InputError: it does not fit.
        """
        before.load_networks(self._baseline.networks)
        before.load_networks({name: averaged.module for name, averaged in self._averages.items()}, "averages")
        before.load_optimizers(self._optimizers)
        step, counts = before.count("step"), before.facts.get("averaged", {})
        for name, averaged in self._averages.items():
            averaged.n_averaged.fill_(counts.get(name, step))
        self.measured, self.best = before.facts.get("validation", {}), before.facts.get("best", {})
        self._epoch = Means.of(before.facts.get("epoch_sums", {}))
        self._facts["step"] = step
        return step

    def train(self, done: int, total: int, workers: int) -> None:
        """Train the steps after `done` up to `total`.

        Raises:
            RunError: losses or weights are not finite, or explode; or the disk is full. What was saved before is kept.
        """
        settings = self.settings
        if settings.compile:
            # Discriminators stay as they are: a gradient penalty differentiates twice, which compiled code cannot.
            for network in (
                *(self._baseline.networks[name] for name in self._baseline.restoring),
                *self._baseline.helpers.values(),
            ):
                network.compile()
        for network in self._baseline.networks.values():
            network.train()
        epoch = self._feed.iterations
        journal = Journal(self._out, done) if self._leads else None
        logged, clock = done, time.monotonic()
        for moment, parts in self._feed.batches(done + 1, total, workers):
            if moment.iteration == 1 and moment.epoch - 1 in list(self._baseline.stages.values())[:-1]:
                self._settle()
            self._step(moment, parts)
            step = moment.step
            log, save, validate, show = (
                step == total or step % every == 0
                for every in (
                    settings.log_every,
                    settings.save_every,
                    settings.validation.every or epoch,
                    settings.grid_every or epoch,
                )
            )
            end = moment.iteration == epoch
            if log or save or validate or show or end:
                losses = self._flush(moment, journal)
                if end:
                    self._end_epoch(moment, journal)
                if log and journal is not None:
                    rate = (step - logged) * settings.batch_size / max(time.monotonic() - clock, 1e-9)
                    journal.write(step, moment.epoch, "speed", {"pairs_per_second": rate})
                    self._observer.tell(Progress(step, total, moment.epoch, losses, rate))
                    logged, clock = step, time.monotonic()
                paused = time.monotonic()
                if journal is not None and (validate or show):
                    self._validate(moment, journal, show=show)
                if save or validate:
                    self._save(step)
                if self._feed.share.world > 1:
                    distributed.barrier()
                clock += time.monotonic() - paused
        if journal is not None:
            journal.close()

    def _step(self, moment: Moment, parts: Sequence[Batch]) -> None:
        shared, phases = len(parts) == 1, self._baseline.phases(moment)
        if shared:
            self._begin(parts[0], moment)
        for phase in phases:
            optimizer, own = self._optimizers[phase.optimizer], self._parameters[phase.optimizer]
            for group, rate in zip(optimizer.param_groups, self._rates[phase.optimizer], strict=True):
                group["lr"] = rate * self.settings.rate(moment.epoch)
            optimizer.zero_grad(set_to_none=True)
            for part in parts:
                if not shared:  # keeping what phases share of all parts would take the memory that parts are to save
                    part.memo.clear()
                    self._begin(part, moment)
                with self._only(own):
                    with self._autocast():
                        terms = phase.losses(part)
                    torch.autograd.backward(torch.stack([term.float() for term in terms.values()]).sum() / len(parts))
                self._means.add("loss", terms)
            average([p.grad for p in own if p.grad is not None], self._feed.share)
            if self.settings.clip:
                nn.utils.clip_grad_norm_(own, self.settings.clip)
            optimizer.step()
        for part in parts:
            self._means.add("report", part.reports)
            part.memo.clear()
        trained = {id(p) for phase in phases for p in self._parameters[phase.optimizer]}
        for name, averaged in self._averages.items():
            if any(id(p) in trained for p in self._baseline.networks[name].parameters()):
                averaged.update_parameters(self._baseline.networks[name])

    def _settle(self) -> None:
        """A new stage begins: what the one before has learnt takes its averages, so that this one builds on what will restore."""
        for name, averaged in self._averages.items():
            if averaged.n_averaged > 0:
                self._baseline.networks[name].load_state_dict(averaged.module.state_dict())

    def _begin(self, part: Batch, moment: Moment) -> None:
        torch.manual_seed(part.rng.initial_seed())  # dropout draws from torch's global generator: this step's, whatever was before
        with self._autocast():
            self._baseline.begin(part, moment)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._feed.device.type, torch.bfloat16, enabled=self._precision == "bf16")

    @contextmanager
    def _only(self, own: Sequence[nn.Parameter]) -> Iterator[None]:
        """Gradients for these parameters alone."""
        mine = {id(parameter) for parameter in own}
        others = [p for group in self._parameters.values() for p in group if id(p) not in mine]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _flush(self, moment: Moment, journal: Journal | None) -> dict[str, float]:
        """The means since the last call, logged, and held against what is sane.

        Returns:
            The loss terms.

        Raises:
            RunError: one is not finite, or too large.
        """
        self._epoch.join(self._means)
        means, self._means = self._means.taken(), Means()
        losses = {name: value for name, (kind, value) in means.items() if kind == "loss"}
        reports = {name: value for name, (kind, value) in means.items() if kind == "report"}
        if journal is not None:
            journal.write(moment.step, moment.epoch, "loss", losses)
            journal.write(moment.step, moment.epoch, "report", reports)
        for name, value in losses.items():
            if not (math.isfinite(value) and abs(value) <= self.settings.explode):
                raise RunError(
                    f"Training went wrong before step {moment.step}: the term {name} is {value:.4g}. {self._kept()} {_ADVICE}"
                )
        return losses

    def _end_epoch(self, moment: Moment, journal: Journal | None) -> None:
        """The means of a whole epoch, logged."""
        means, self._epoch = self._epoch.taken(), Means()
        if journal is not None:
            journal.write(moment.step, moment.epoch, "epoch", {name: value for name, (_, value) in means.items()})

    def _kept(self) -> str:
        if "step" not in self._facts:
            return f"There is no checkpoint in {self._out} yet."
        return f"The checkpoint of step {self._facts['step']} is kept in {self._out}."

    def _validate(self, moment: Moment, journal: Journal, *, show: bool) -> None:
        if self._validation is None:
            return
        with self._averaged():
            self.measured, shown = self._validation.measure(self._baseline, self.settings.size, self._feed.device)
            journal.write(moment.step, moment.epoch, "val", self.measured)
            if show:
                grid(self._out / GRIDS / f"{moment.step:08d}.png", shown)
            said = ", ".join(f"{name} {value:.3f}" for name, value in self.measured.items() if name in SAID)
            self._observer.say(f"step {moment.step}: validation {said}")
            if self._is_best(moment):
                self._check(moment.step)
                self.best = {"step": moment.step, **self.measured}
                networks = {name: self._baseline.networks[name] for name in self._baseline.restoring}
                facts = {**self._facts, "step": moment.step, "stage": self._stage(moment), "validation": self.measured}
                checkpoints.save(self._out / BEST, self._recipe, facts, networks)

    def _stage(self, moment: Moment) -> str:
        """The stage that a step belongs to; "" where there is but one."""
        return next((name for name, last in self._baseline.stages.items() if moment.epoch <= last), "")

    def _is_best(self, moment: Moment) -> bool:
        judge = self._baseline.judge(moment)
        if judge != self._baseline.judge(self._feed.moment(int(self.best.get("step", moment.step)))):
            return True
        return self.measured.get(judge, -math.inf) > self.best.get(judge, -math.inf)

    def _save(self, step: int) -> None:
        if not self._leads:
            return
        self._check(step)
        self._facts |= {
            "step": step,
            "stage": self._stage(self._feed.moment(step)),
            "validation": self.measured,
            "best": self.best,
            "threads": torch.get_num_threads(),
            "epoch_sums": self._epoch.document(),
            "averaged": {name: int(averaged.n_averaged) for name, averaged in self._averages.items()},
        }
        averages = {name: averaged.module for name, averaged in self._averages.items()}
        checkpoints.save(self._out / LAST, self._recipe, self._facts, self._baseline.networks, averages, self._optimizers)
        write_card(self._out, self._recipe, self._facts, self._baseline)

    def _check(self, step: int) -> None:
        for name, network in self._baseline.networks.items():
            for key, value in network.state_dict().items():
                if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                    raise RunError(f"Training went wrong before step {step}: {name}.{key} is not finite. {self._kept()} {_ADVICE}")

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Restoring networks with their moving averages, for a while."""
        own = {name: copy.deepcopy(self._baseline.networks[name].state_dict()) for name in self._averages}
        for name, averaged in self._averages.items():
            self._baseline.networks[name].load_state_dict(averaged.module.state_dict())
        try:
            yield
        finally:
            for name, state in own.items():
                self._baseline.networks[name].load_state_dict(state)
