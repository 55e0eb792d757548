"""What ``bench`` found: as numbers, as a table and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from imggen.preview import Bar, Section, draw_chart

if TYPE_CHECKING:
    from PIL import Image

_COLOURS = {
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
_MOST_TIMES = 8


@final
@dataclass(frozen=True)
class BenchReport:
    """What ``bench`` found; ``print`` it, or look at its ``picture()``.

    Attributes:
        subject: What was timed, in words.
        stages: What is done to an image, in order, to milliseconds of one thread: "read", "decode"
            and "resize" (or "load" with a loader of your own, or "cache"), "augment", and "encode":
            into the batch, as its dtype, and the targets. Where OpenCV resizes ("nearest"), that is
            part of "decode".
        workers: The workers of the sequence.
        cores: The cores that may be used.
        num_timed: How many images were timed, stage by stage.
        unreadable: The files that could not be read, of those that were tried.
        images_per_second: What the sequence serves to someone who takes each batch at once.
        machine_images_per_second: What as many threads as cores load, if that is all they do.
        cached_images_per_second: What is served if images need not be loaded; None if they come
            from a cache.
        model_images_per_second: How many images the model takes; None without a model.
        model_timed_by: "train_on_batch" or, where that could not be tried, "predict_on_batch".
        advice: What to change, what gains most first.
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
        """Milliseconds that one thread takes for an image: the sum of the stages."""
        return sum(self.stages.values())

    @property
    def threads(self) -> int:
        """How many workers can be busy at once: no more than there are cores, and at least one."""
        return min(max(self.workers, 1), self.cores)

    @property
    def wait(self) -> float:
        """Milliseconds an image that work does not explain.

        The time from image to image as they are served, less ``work / threads``; never below 0.
        """
        return max(0.0, 1000 / self.images_per_second - self.work / self.threads)

    @property
    def waiting_share(self) -> float | None:
        """The share of training that the model waits for images; None without a model.

        Model and sequence are timed one after the other. Where they share cores, both are slower.
        """
        if self.model_images_per_second is None:
            return None
        return max(0.0, 1 - self.images_per_second / self.model_images_per_second)

    def __str__(self) -> str:
        lines, served = [self.subject, ""], 1000 / self.images_per_second
        for name, taken in self.stages.items():
            share = taken / self.work
            lines.append(f"{name:8} {as_ms(taken):>12} {share:>5.0%}  {'█' * round(30 * share)}")
        lines += [
            f"{'work':8} {as_ms(self.work):>12}        an image, on one thread",
            f"{'served':8} {as_ms(served):>12}        an image, by {self.threads} at a time",
            f"{'wait':8} {as_ms(self.wait):>12}        of that is not explained by the work",
            "",
        ]
        lines += [
            f"{name:8} {as_rate(rate):>10} images/s  {what}" for name, rate, what in self._rates
        ]
        if self.unreadable:
            lines += ["", f"{counted(len(self.unreadable), 'file')} could not be read, first"]
            lines.append(f"  {self.unreadable[0]}")
        return "\n".join([*lines, "", *(f"- {advice}" for advice in self.advice)])

    def picture(self) -> Image.Image:
        """Draws the stages of an image and the rates as bars.

        Returns:
            An RGB picture.
        """
        parts = [(_COLOURS[name], name, taken) for name, taken in self.stages.items()]
        served = [(colour, taken / self.threads) for colour, _, taken in parts]
        served.append((_COLOURS["wait"], self.wait))
        parts.append((_COLOURS["wait"], "wait", self.wait))
        time_of_image = Section(
            "Where the time of an image goes",
            [
                Bar(
                    "work, 1 thread", [(colour, t) for colour, _, t in parts[:-1]], as_ms(self.work)
                ),
                Bar(f"served by {self.threads}", served, as_ms(1000 / self.images_per_second)),
            ],
            [(colour, name, as_ms(taken)) for colour, name, taken in parts],
        )
        # What is served from memory may be so much more that nothing else would be seen.
        most = _MOST_TIMES * max(self.images_per_second, self.machine_images_per_second)
        rates = [
            Bar(
                f"{label}, at most" if label == "cached" else label,
                [(_NOW if label == "now" else _OTHER, min(rate, most))],
                as_rate(rate),
                is_cut=rate > most,
            )
            for label, rate, _ in self._rates
        ]
        # Pillow's font does not have this letter.
        subject = self.subject.replace("×", "x")
        return draw_chart(subject, [time_of_image, Section("Images a second", rates)])

    @property
    def _rates(self) -> list[tuple[str, float, str]]:
        rates = [
            ("now", self.images_per_second, "as served"),
            ("machine", self.machine_images_per_second, "loaded from files by all cores"),
            ("cached", self.cached_images_per_second, "at most, if nothing had to be loaded"),
            ("model", self.model_images_per_second, f"{self.model_timed_by}"),
        ]
        return [(name, rate, what) for name, rate, what in rates if rate is not None]


def as_ms(milliseconds: float) -> str:
    """More digits the less it is, and none of what is hundreds, or nothing."""
    digits = 0 if milliseconds >= 100 or milliseconds == 0 else 2 if milliseconds >= 0.1 else 3
    return f"{milliseconds:,.{digits}f} ms"


def as_rate(rate: float) -> str:
    """Three digits: no more of them would be the same in the next run."""
    return f"{float(f'{rate:.3g}'):,.0f}" if rate >= 100 else f"{rate:.3g}"


def counted(count: int, noun: str) -> str:
    """A number and its noun, in the plural but for one."""
    if noun == "process":
        return "1 process" if count == 1 else f"{count:,} processes"
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
