"""The web page: controls for each step on the left, variants of images on the right."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
from nicegui import run, ui

from imggen.augment import Pipeline, adapt
from imggen.core import printable
from imggen.data import Manifest
from imggen.errors import ImageError, ImggenError
from imggen.loading import BatchMaker, ImageBatches, default_label_mode
from imggen.preview import find_readable, make_row
from imggen.studio.controls import draw_controls
from imggen.studio.draft import Draft
from imggen.studio.gallery import Gallery, PictureRow, draw_row
from imggen.studio.style import MAX_VARIANTS, make_style

if TYPE_CHECKING:
    from nicegui.events import ValueChangeEventArguments

# Seconds that a slider must rest before the variants are drawn again.
_PAUSE = 0.15
_MAX_IMAGES = 12
_USE_YAML = "Train with it: imggen.ImageSequence(..., augment='policy.yaml')"
_USE_PYTHON = "Train with it: imggen.ImageSequence(..., augment=augment)"


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
        self._batches: dict[int | None, ImageBatches] = {}

    def build(self) -> None:
        """Builds the page, which asks for its pictures once it is open in the browser."""
        ui.colors(primary="#0969da")
        ui.add_css(make_style())
        ui.add_head_html('<script>document.documentElement.lang = "en"</script>')
        with ui.header().classes("items-center no-wrap bg-white text-black shadow-1 q-py-sm"):
            title = ui.label("imggen studio").classes("text-lg font-bold whitespace-nowrap")
            title.props("role=heading aria-level=1")
            root = ui.label(printable(self._manifest.root))
            root.classes("text-grey-8 text-sm ellipsis").style("min-width: 0")
            ui.space()
            self._spinner = ui.spinner(size="sm")
            self._status = ui.label().classes("text-sm whitespace-nowrap").mark("status")
            ui.button("Export", icon="download", on_click=self._export).props(
                "dense no-caps no-wrap"
            )
        with ui.element().classes("studio"):
            with ui.element("aside").classes("panel"):
                self._build_policy_choice()
                self._controls = ui.column().classes("w-full gap-2")
            with ui.element().classes("gallery"):
                with ui.row().classes("items-center gap-x-6 gap-y-1"):
                    self._number("seed", 0, 2**31, "_seed")
                    self._number("variants", 1, MAX_VARIANTS, "_variants")
                    self._number("images", 1, _MAX_IMAGES, "_images")
                    ui.button("Next images", icon="shuffle", on_click=self._next).props(
                        "dense flat no-caps"
                    )
                self._gallery = Gallery()
        self._draw_controls()
        ui.timer(0, self._refresh, once=True)

    def _build_policy_choice(self) -> None:
        with ui.row().classes("items-center w-full q-mb-sm gap-2"):
            choice = ui.toggle(["A", "B"], value="A", on_change=self._switch)
            choice.props("dense no-caps padding='2px 10px'").props["aria-label"] = "policy"
            ui.switch("compare", on_change=self._set_compare).props("dense")
            ui.space()
            self._copy_button = ui.button(on_click=self._copy).props("dense outline no-caps")
            self._copy_button.classes("whitespace-nowrap q-px-sm")

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

    @property
    def _other(self) -> str:
        return "B" if self._shown == "A" else "A"

    async def _copy(self) -> None:
        self._drafts[self._other] = self._draft.copy()
        ui.notify(f"{self._other} is now the same as {self._shown}.", timeout=2000)
        await self._refresh()

    async def _next(self) -> None:
        self._first += 1
        await self._refresh()

    def _draw_controls(self) -> None:
        self._copy_button.set_text(f"Copy {self._shown} to {self._other}")
        self._controls.clear()
        with self._controls:
            draw_controls(self._draft, self._refresh, self._rearrange)

    async def _rearrange(self) -> None:
        self._draw_controls()
        await self._refresh()

    def _export(self) -> None:
        draft = self._draft
        with ui.dialog() as dialog, ui.card().classes("w-full").style("max-width: 760px"):
            ui.label(f"Policy {self._shown}").classes("text-lg font-bold")
            with ui.tabs().props("no-caps") as tabs:
                ui.tab("YAML")
                ui.tab("Python")
            with ui.tab_panels(tabs, value="YAML").classes("w-full"):
                for name, text, file, use in (
                    ("YAML", draft.as_yaml(), "policy.yaml", _USE_YAML),
                    ("Python", draft.as_python(), "policy.py", _USE_PYTHON),
                ):
                    with ui.tab_panel(name).classes("q-px-none"):
                        ui.code(text, language=name.lower()).classes("w-full")
                        ui.label(use).classes("text-sm text-grey-8 q-my-sm")
                        ui.button(
                            f"Save {file}",
                            icon="download",
                            on_click=lambda text=text, file=file: ui.download.content(text, file),
                        ).props("no-caps")
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
            if version != self._version:
                return
            # Remove the pictures, which show the previous settings.
            self._gallery.show_error(printable(str(err)))
            self._status.set_text("")
            self._spinner.set_visibility(False)
            return
        if made is None or version != self._version:  # None: the page was closed
            return
        self._spinner.set_visibility(False)
        variants = [picture for row in made for picture in row.pictures[1:]]
        wrong = sum(picture.is_damaged for picture in variants)
        self._status.set_text(f"Damaged: {wrong} of {len(variants)} variants" if wrong else "")
        self._gallery.show(made)

    def _make(self, policies: dict[str, list[Any]]) -> list[PictureRow]:
        """Makes the pictures; of two policies, the rows of an image are below each other."""
        makers = {name: self._maker(steps) for name, steps in policies.items()}
        maker, rows = next(iter(makers.values())), self._order_samples()
        chosen, unread = find_readable(maker, rows, self._images)
        if not chosen:
            raise ImageError.of_file(unread[0].path, unread[0].reason)
        return [
            draw_row(make_row(maker, index, self._variants), name if len(makers) > 1 else "")
            for index in chosen
            for name, maker in makers.items()
        ]

    def _maker(self, steps: list[Any]) -> BatchMaker:
        """Returns a batch maker with these steps; images are cached in RAM."""
        pipeline = Pipeline(adapt(steps))
        source_size = pipeline.crop.source_size if pipeline.crop is not None else -1
        if source_size not in self._batches:
            self._batches[source_size] = ImageBatches(
                self._manifest,
                image_size=self._image_size,
                label_mode=default_label_mode(self._manifest),
                augment=steps,
                on_error="substitute",
                cache="ram",
                workers=0,
            )
        maker = self._batches[source_size].batch_maker
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
