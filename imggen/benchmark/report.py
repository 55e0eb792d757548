"""The results of ``bench``: as numbers, as a table and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from imggen.core import (
    COLORS,
    NEUTRAL,
    Number,
    format_block,
    format_html_table,
    format_paragraph,
    pluralize,
)
from imggen.core import Bar as TableBar
from imggen.preview import Bar, Section, draw_chart

if TYPE_CHECKING:
    from PIL import Image

_COLORS = {
    "read": "#80ccff",
    "decode": "#218bff",
    "resize": "#0a3069",
    "load": "#218bff",
    "cache": "#1b7c83",
    "augment": "#d4631a",
    "encode": "#8250df",
    "wait": "#d0d7de",
}
_NOW, _OTHER = "#218bff", "#afb8c1"
_MAX_TIMES = 8


@final
@dataclass(frozen=True)
class BenchReport:
    """The results of ``bench``; ``print`` it, or draw its ``picture()``.

    Attributes:
        subject: A description of what was timed.
        stages: Milliseconds per image on one thread, by stage, in order: "read", "decode" and
            "resize" (or "load" with a custom loader, or "cache"), "augment", and "encode": copying
            into the batch, conversion to its dtype, and the targets. Where OpenCV resizes
            ("nearest"), resizing is included in "decode".
        workers: The number of workers of the sequence.
        cores: The number of usable CPU cores.
        num_timed: The number of images that were timed stage by stage.
        unreadable: The files that were tried and cannot be read.
        images_per_second: The rate at which the sequence serves images if each batch is taken as
            soon as it is ready.
        machine_images_per_second: The rate at which one thread per core loads images and does
            nothing else.
        cached_images_per_second: The rate at which images are served if they need not be loaded;
            None if they come from a cache.
        model_images_per_second: The rate at which the model processes images; None without one.
        model_timed_by: "train_on_batch" or, where that is not possible, "predict_on_batch".
        advice: Recommended changes, sorted by how much they gain.
    """

    subject: str
    stages: dict[str, float]
    workers: int
    cores: int
    num_timed: int
    unreadable: tuple[str, ...]
    images_per_second: float
    machine_images_per_second: float
    cached_images_per_second: float | None = None
    model_images_per_second: float | None = None
    model_timed_by: str | None = None
    advice: tuple[str, ...] = ()

    @property
    def work(self) -> float:
        """Milliseconds per image on one thread: the sum of the stages."""
        return sum(self.stages.values())

    @property
    def threads(self) -> int:
        """The number of workers that can be busy at once: at least one, at most one per core."""
        return min(max(self.workers, 1), self.cores)

    @property
    def wait(self) -> float:
        """Milliseconds per image that the work does not explain.

        The time between served images minus ``work / threads``; never below 0.
        """
        return max(0.0, 1000 / self.images_per_second - self.work / self.threads)

    @property
    def waiting_share(self) -> float | None:
        """The fraction of training time that the model waits for images; None without a model.

        Model and sequence are timed one after the other. If they share cores, both are slower.
        """
        if self.model_images_per_second is None:
            return None
        return max(0.0, 1 - self.images_per_second / self.model_images_per_second)

    def __str__(self) -> str:
        lines, served = [self.subject, ""], 1000 / self.images_per_second
        for name, taken in self.stages.items():
            share = taken / self.work
            lines.append(
                f"{name:8} {format_ms(taken):>12} {share:>5.0%}  {'█' * round(30 * share)}"
            )
        lines += [
            f"{'work':8} {format_ms(self.work):>12}        per image, on one thread",
            f"{'served':8} {format_ms(served):>12}        per image, with {self.threads} at a time",
            f"{'wait':8} {format_ms(self.wait):>12}        per image, not explained by the work",
            "",
        ]
        lines += [
            f"{name:8} {format_rate(rate):>10} images/s  {what}" for name, rate, what in self._rates
        ]
        if self.unreadable:
            lines += ["", f"{pluralize(len(self.unreadable), 'file')} could not be read, such as"]
            lines.append(f"  {self.unreadable[0]}")
        return "\n".join([*lines, "", *(f"- {advice}" for advice in self.advice)])

    def __repr__(self) -> str:
        rates = [f"{name} {format_rate(rate)} images/s" for name, rate, _ in self._rates]
        stages = [f"{name} {format_ms(taken)}" for name, taken in self.stages.items()]
        return f"BenchReport({self.subject}; {', '.join(rates)}; {', '.join(stages)})"

    def _repr_html_(self) -> str:
        longest = max([*self.stages.values(), self.wait]) or 1
        fastest = max(rate for _, rate, _ in self._rates)
        stages = [
            (name, Number(format_ms(taken)), TableBar([(color, taken / longest)]))
            for (name, taken), color in zip(self.stages.items(), COLORS, strict=False)
        ]
        rates = [
            (name, Number(format_rate(rate)), TableBar([(NEUTRAL, rate / fastest)]), what)
            for name, rate, what in self._rates
        ]
        unreadable = pluralize(len(self.unreadable), "file")
        wait = TableBar([(NEUTRAL, self.wait / longest)])
        stages.append(("wait", Number(format_ms(self.wait)), wait))
        return format_block(
            "BenchReport",
            [self.subject],
            format_html_table(("stage", "per image", ""), stages),
            format_html_table(("rate", "images/s", "", ""), rates),
            format_paragraph(f"{unreadable} could not be read, such as {self.unreadable[0]}")
            if self.unreadable
            else "",
            *map(format_paragraph, self.advice),
        )

    def picture(self) -> Image.Image:
        """Draws the stages and the rates as bars.

        Returns:
            An RGB picture.
        """
        parts = [(_COLORS[name], name, taken) for name, taken in self.stages.items()]
        served = [(color, taken / self.threads) for color, _, taken in parts]
        served.append((_COLORS["wait"], self.wait))
        parts.append((_COLORS["wait"], "wait", self.wait))
        time_per_image = Section(
            "Time per image",
            [
                Bar(
                    "work, 1 thread",
                    [(color, t) for color, _, t in parts[:-1]],
                    format_ms(self.work),
                ),
                Bar(f"served by {self.threads}", served, format_ms(1000 / self.images_per_second)),
            ],
            [(color, name, format_ms(taken)) for color, name, taken in parts],
        )
        # The rate from memory may be so high that the other bars would be too short to see.
        most = _MAX_TIMES * max(self.images_per_second, self.machine_images_per_second)
        rates = [
            Bar(
                f"{label}, at most" if label == "cached" else label,
                [(_NOW if label == "now" else _OTHER, min(rate, most))],
                format_rate(rate),
                is_cut=rate > most,
            )
            for label, rate, _ in self._rates
        ]
        # Pillow's default font lacks this character.
        subject = self.subject.replace("×", "x")
        return draw_chart(subject, [time_per_image, Section("Images per second", rates)])

    @property
    def _rates(self) -> list[tuple[str, float, str]]:
        rates = [
            ("now", self.images_per_second, "as served"),
            ("machine", self.machine_images_per_second, "loaded from files by all cores"),
            ("cached", self.cached_images_per_second, "at most, if nothing has to be loaded"),
            ("model", self.model_images_per_second, f"{self.model_timed_by}"),
        ]
        return [(name, rate, what) for name, rate, what in rates if rate is not None]


def format_ms(milliseconds: float) -> str:
    """Formats milliseconds, with more digits for smaller numbers."""
    digits = 0 if milliseconds >= 100 or milliseconds == 0 else 2 if milliseconds >= 0.1 else 3
    return f"{milliseconds:,.{digits}f} ms"


def format_rate(rate: float) -> str:
    """Formats a rate with three significant digits; more would differ from run to run."""
    return f"{float(f'{rate:.3g}'):,.0f}" if rate >= 100 else f"{rate:.3g}"
