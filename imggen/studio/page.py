"""The web page: controls for each step on the left, variants of images on the right."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
from nicegui import run, ui

from imggen.augment import Bounds, Choice, Pipeline, RangeBounds, Sample, adapt
from imggen.core import printable
from imggen.data import Manifest
from imggen.errors import ImggenError
from imggen.loading import BatchMaker, default_label_mode
from imggen.preview import Row, draw_sample, find_readable, make_row
from imggen.reports import make_data_uri
from imggen.sequences import ImageSequence
from imggen.studio.draft import MENU, Draft, Item, choose_scale

if TYPE_CHECKING:
    from nicegui.events import ValueChangeEventArguments

_CELL = 176
# Seconds that a slider must rest before the variants are drawn again.
_PAUSE = 0.15
_MAX_IMAGES = 12
# Options in a collapsed section.
_RARE = ("fill_mode", "cval", "mask_cval")


@final
class Page:
    """One open page, with its own policies and settings."""

    def __init__(self, manifest: Manifest, draft: Draft, image_size: tuple[int, int]) -> None:
        self._manifest = manifest
        self._image_size = image_size
        self._drafts = {"A": draft, "B": draft.copy()}
        self._shown = "A"
        self._compare = False
        self._seed = 0
        self._variants = 4
        self._images = 4
        self._first = 0
        self._version = 0
        # By the source size of the first augmentation if it crops, else -1.
        self._sequences: dict[int | None, ImageSequence] = {}

    async def build(self) -> None:
        """Builds the page."""
        ui.colors(primary="#0969da")
        ui.add_css(".q-drawer .q-item { min-height: 0 } img { border-radius: 4px }")
        with ui.header().classes("items-center bg-white text-black shadow-1 q-py-sm"):
            ui.label("imggen studio").classes("text-lg font-bold")
            ui.label(printable(self._manifest.root)).classes("text-grey-7 text-sm")
            ui.space()
            self._status = ui.label().classes("text-grey-7 text-sm").mark("status")
            self._spinner = ui.spinner(size="sm")
            ui.button("Export", icon="download", on_click=self._export).props("dense no-caps")
        with (
            ui.left_drawer(fixed=True, bordered=True)
            .props("width=360 breakpoint=0")
            .classes("bg-grey-1")
        ):
            with ui.row().classes("items-center w-full no-wrap"):
                ui.toggle(["A", "B"], value="A", on_change=self._switch).props("dense no-caps")
                ui.switch("compare", on_change=self._set_compare).props("dense")
                ui.space()
                ui.button("B := A", on_click=self._copy).props("dense flat no-caps size=sm")
            self._controls = ui.column().classes("w-full gap-1")
        with ui.column().classes("w-full"):
            with ui.row().classes("items-center gap-6"):
                self._number("seed", 0, 2**31, "_seed")
                self._number("variants", 1, 12, "_variants")
                self._number("images", 1, _MAX_IMAGES, "_images")
                ui.button("next images", icon="shuffle", on_click=self._next).props(
                    "dense flat no-caps"
                )
            self._rows = ui.column().classes("w-full gap-4")
        self._draw_controls()
        await self._refresh()

    def _number(self, label: str, low: int, high: int, name: str) -> None:
        def is_legal(value: float | None) -> bool:
            return value is not None and value == int(value) and low <= value <= high

        async def changed(event: ValueChangeEventArguments[Any]) -> None:
            if is_legal(event.value):
                setattr(self, name, int(event.value))
                await self._refresh()

        ui.number(
            label,
            value=getattr(self, name),
            min=low,
            max=high,
            on_change=changed,
            validation={f"{low} to {high}": is_legal},
        ).props("dense debounce=200").classes("w-24").mark(label)

    # The policy

    @property
    def _draft(self) -> Draft:
        return self._drafts[self._shown]

    async def _switch(self, event: ValueChangeEventArguments[Any]) -> None:
        self._shown = event.value
        self._draw_controls()
        await self._refresh()

    async def _set_compare(self, event: ValueChangeEventArguments[Any]) -> None:
        self._compare = bool(event.value)
        await self._refresh()

    async def _copy(self) -> None:
        self._drafts["B"] = self._drafts["A"].copy()
        self._draw_controls()
        await self._refresh()

    async def _next(self) -> None:
        self._first += 1
        await self._refresh()

    def _draw_controls(self) -> None:
        self._controls.clear()
        with self._controls:
            for item in self._draft.items:
                self._draw_item(item)
            ui.select(list(MENU), label="add an augmentation", on_change=self._add).props(
                "dense outlined options-dense"
            ).classes("w-full q-mt-sm").mark("add")

    def _draw_item(self, item: Item) -> None:
        async def switch(event: ValueChangeEventArguments[Any]) -> None:
            item.is_on = bool(event.value)
            await self._refresh()

        async def move(places: int) -> None:
            self._draft.move(item, places)
            self._draw_controls()
            await self._refresh()

        async def remove() -> None:
            self._draft.items.remove(item)
            self._draw_controls()
            await self._refresh()

        with ui.card().classes("w-full q-pa-sm gap-0").props("flat bordered"):
            with ui.row().classes("items-center w-full no-wrap gap-0"):
                ui.switch(item.name, value=item.is_on, on_change=switch).props("dense").mark(
                    f"switch {item.name}"
                )
                ui.space()
                for icon, action in (
                    ("arrow_upward", lambda: move(-1)),
                    ("arrow_downward", lambda: move(1)),
                    ("close", remove),
                ):
                    ui.button(icon=icon, on_click=action).props("dense flat round size=xs")
            shown = [(name, legal) for name, legal in item.options.items() if name not in _RARE]
            rare = [(name, legal) for name, legal in item.options.items() if name in _RARE]
            for option, legal in shown:
                self._draw_option(item, option, legal)
            if rare:
                with ui.expansion("outside the image").props("dense").classes("w-full text-xs"):
                    for option, legal in rare:
                        self._draw_option(item, option, legal)

    def _draw_option(self, item: Item, option: str, legal: Bounds | Choice) -> None:
        value = getattr(item.step, option)

        async def changed(event: ValueChangeEventArguments[Any]) -> None:
            new = event.value
            if isinstance(new, dict):
                new = (new["min"], new["max"])
            try:
                item.set(option, new)
            except ImggenError as err:
                ui.notify(str(err), type="warning")
                return
            text.set_text(_format_value(new))
            await self._refresh()

        with ui.row().classes("w-full items-center no-wrap gap-2 q-pl-sm"):
            ui.label(option).classes("text-xs text-grey-8").style("width: 74px")
            if isinstance(legal, Choice):
                ui.select(list(legal.choices), value=value, on_change=changed).props(
                    "dense options-dense borderless"
                ).classes("text-xs")
                text = ui.label()
                return
            scale = choose_scale(legal, value, item.get_initial(option))
            kind: Any = ui.range if isinstance(legal, RangeBounds) else ui.slider
            start = {"min": value[0], "max": value[1]} if isinstance(legal, RangeBounds) else value
            kind(
                min=scale.low, max=scale.high, step=scale.step, value=start, on_change=changed
            ).props(f'dense aria-label="{item.name} {option}"').classes("grow").mark(
                f"{item.name} {option}"
            )
            text = ui.label(_format_value(value)).classes("text-xs text-grey-7")
            text.style("width: 92px; text-align: right").tooltip(legal.unit or option)

    async def _add(self, event: ValueChangeEventArguments[Any]) -> None:
        if event.value:
            self._draft.add(event.value)
            self._draw_controls()
            await self._refresh()

    def _export(self) -> None:
        draft = self._draft
        with ui.dialog() as dialog, ui.card().classes("w-full").style("max-width: 760px"):
            ui.label(f"Policy {self._shown}").classes("text-lg font-bold")
            with ui.tabs() as tabs:
                ui.tab("YAML")
                ui.tab("Python")
            with ui.tab_panels(tabs, value="YAML").classes("w-full"):
                for name, text, file in (
                    ("YAML", draft.as_yaml(), "policy.yaml"),
                    ("Python", draft.as_python(), "policy.py"),
                ):
                    with ui.tab_panel(name):
                        ui.code(text, language=name.lower()).classes("w-full")
                        ui.button(
                            f"Save {file}",
                            icon="download",
                            on_click=lambda text=text, file=file: ui.download.content(text, file),
                        ).props("no-caps")
            ui.label("imggen.ImageSequence(..., augment='policy.yaml'), or augment=augment")
        dialog.open()

    # The pictures

    async def _refresh(self) -> None:
        """Redraws the variants, unless another change follows first."""
        self._version += 1
        version = self._version
        await asyncio.sleep(_PAUSE)
        if version != self._version:
            return
        self._spinner.set_visibility(True)
        names = ["A", "B"] if self._compare else [self._shown]
        policies = {name: self._drafts[name].steps for name in names}
        try:
            made = await run.io_bound(self._make, policies)
        except ImggenError as err:
            # Remove the pictures, which show the previous settings.
            self._rows.clear()
            with self._rows:
                ui.label(printable(str(err))).classes("text-negative").mark("error")
            self._status.set_text("")
            self._spinner.set_visibility(False)
            return
        if made is None or version != self._version:  # None: the page was closed
            return
        self._spinner.set_visibility(False)
        shown = [one for rows in made.values() for row in rows for one in row.variants]
        wrong = sum(bool(one.warnings) for one in shown)
        self._status.set_text(f"warnings: {wrong} of {len(shown)} variants" if wrong else "")
        self._rows.clear()
        with self._rows:
            for place in range(len(next(iter(made.values())))):
                for name in names:
                    self._draw_row(made[name][place], name if self._compare else "")

    def _make(self, policies: dict[str, list[Any]]) -> dict[str, list[Row]]:
        makers = {name: self._maker(steps) for name, steps in policies.items()}
        chosen, _ = find_readable(next(iter(makers.values())), self._order_samples(), self._images)
        return {
            name: [make_row(maker, index, self._variants) for index in chosen]
            for name, maker in makers.items()
        }

    def _maker(self, steps: list[Any]) -> BatchMaker:
        """Returns the batch maker of a sequence with these steps; images are cached in RAM."""
        pipeline = Pipeline(adapt(steps))
        source_size = pipeline.crop.source_size if pipeline.crop is not None else -1
        if source_size not in self._sequences:
            self._sequences[source_size] = ImageSequence(
                self._manifest,
                image_size=self._image_size,
                label_mode=default_label_mode(self._manifest),
                augment=steps,
                on_error="substitute",
                cache="ram",
                workers=0,
            )
        maker = self._sequences[source_size].batch_maker
        sampler = dataclasses.replace(maker.sampler, seed=self._seed)
        return dataclasses.replace(maker, pipeline=pipeline, seed=self._seed, sampler=sampler)

    def _order_samples(self) -> npt.NDArray[np.int64]:
        """Orders all samples: one of each class in turn, rotated to the requested images."""
        labels = self._manifest.labels
        if labels is None:
            rows = np.arange(len(self._manifest))
        else:  # the first of each class, then the second of each, ...
            order = np.argsort(labels, kind="stable")
            starts = np.searchsorted(labels[order], labels[order])
            rows = order[np.argsort(np.arange(len(order)) - starts, kind="stable")]
        shift = self._first * self._images % len(rows)
        return np.roll(rows, -shift)

    def _draw_row(self, row: Row, name: str) -> None:
        with ui.column().classes("gap-1 w-full"):
            label = "" if row.label is None else f"{row.label} · "
            which = f"{name} · " if name else ""
            caption = printable(f"{which}{label}{os.path.basename(row.path)}")
            ui.label(caption).classes("text-sm text-grey-8")
            with ui.row().classes("gap-2 no-wrap overflow-auto").style("max-width: 100%"):
                names = row.variants[0].explanation.box_class_names
                _picture(row.before, names, "original", (), [])
                for variant in row.variants:
                    explanation = variant.explanation
                    drawn = [str(step) for step in explanation.steps if step.parameters is not None]
                    epoch = f"epoch {explanation.epoch}"
                    _picture(explanation.after, names, epoch, variant.warnings, drawn)


def _picture(
    sample: Sample,
    box_class_names: tuple[str, ...],
    caption: str,
    warnings: tuple[str, ...],
    drawn: list[str],
) -> None:
    with ui.column().classes("gap-0"):
        drawing = draw_sample(sample, _CELL, box_class_names)
        uri = make_data_uri(drawing, lossless=2 * max(sample.size) < _CELL)
        picture = ui.image(uri).style(f"width: {drawing.width}px")
        picture.props("no-spinner no-transition")
        if warnings:
            picture.style("outline: 3px solid #bf8700; outline-offset: -3px")
        if drawn:
            with picture, ui.tooltip().classes("text-xs"):
                for line in drawn:
                    ui.label(line)
        ui.label(", ".join((caption, *warnings))).classes(
            "text-xs " + ("text-orange-9" if warnings else "text-grey-7")
        ).style(f"max-width: {_CELL}px")


def _format_value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:.3g} to {value[1]:.3g}"
    return f"{value:.3g}" if isinstance(value, int | float) else ""
