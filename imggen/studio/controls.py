"""The controls of a policy: a card for each step, with a slider or a menu for each option."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nicegui import ui

from imggen.augment import Bounds, Choice, RangeBounds
from imggen.errors import ImggenError
from imggen.studio.draft import MENU, Draft, Item, choose_scale

if TYPE_CHECKING:
    from nicegui.events import ValueChangeEventArguments

# Options in a collapsed section.
_RARE = ("fill_mode", "cval", "mask_cval")
_UNITS = {"degrees": "°", "pixels": " px", "percent": " %"}

Change = Callable[[], Awaitable[None]]


def draw_controls(draft: Draft, changed: Change, rearranged: Change) -> None:
    """Draws the controls of a policy into the current element.

    Args:
        draft: The policy, which the controls change.
        changed: Called when a value was changed.
        rearranged: Called when the steps are other ones, or in another order.
    """

    async def add(event: ValueChangeEventArguments[Any]) -> None:
        if event.value:
            draft.add(event.value)
            await rearranged()

    for item in draft.items:
        _draw_item(draft, item, changed, rearranged)
    ui.select(list(MENU), label="add an augmentation", on_change=add).props(
        "dense outlined options-dense"
    ).classes("w-full q-mt-sm bg-white").mark("add")


def _draw_item(draft: Draft, item: Item, changed: Change, rearranged: Change) -> None:
    async def switch(event: ValueChangeEventArguments[Any]) -> None:
        item.is_on = bool(event.value)
        await changed()

    async def move(places: int) -> None:
        draft.move(item, places)
        await rearranged()

    async def remove() -> None:
        draft.items.remove(item)
        await rearranged()

    with ui.card().classes("step w-full q-pa-xs gap-0").props("flat bordered"):
        with ui.row().classes("items-center w-full no-wrap gap-0 q-px-xs"):
            ui.switch(item.name, value=item.is_on, on_change=switch).props("dense").classes(
                "text-weight-medium"
            ).mark(f"switch {item.name}")
            ui.space()
            for icon, action, label in (
                ("arrow_upward", lambda: move(-1), f"Move {item.name} up"),
                ("arrow_downward", lambda: move(1), f"Move {item.name} down"),
                ("close", remove, f"Remove {item.name}"),
            ):
                button = ui.button(icon=icon, on_click=action).props("dense flat round size=xs")
                button.props["aria-label"] = label
                button.tooltip(label)
        shown = [(name, legal) for name, legal in item.options.items() if name not in _RARE]
        rare = [(name, legal) for name, legal in item.options.items() if name in _RARE]
        for option, legal in shown:
            _draw_option(item, option, legal, changed)
        if rare:
            with (
                ui.expansion("outside the image")
                .props("dense header-class='q-px-sm'")
                .classes("w-full text-xs")
            ):
                for option, legal in rare:
                    _draw_option(item, option, legal, changed)


def _draw_option(item: Item, option: str, legal: Bounds | Choice, changed: Change) -> None:
    value = getattr(item.step, option)
    name = f"{item.name} {option}"

    async def set_value(event: ValueChangeEventArguments[Any]) -> None:
        new = event.value
        if isinstance(new, dict):
            new = (new["min"], new["max"])
        try:
            item.set(option, new)
        except ImggenError as err:
            ui.notify(str(err), type="warning")
            return
        if not isinstance(legal, Choice):
            text.set_text(format_value(new, legal.unit))
        await changed()

    with ui.column().classes("option gap-0"):
        if isinstance(legal, Choice):
            with ui.row().classes("items-center w-full no-wrap gap-2"):
                ui.label(option).classes("name")
                menu = ui.select(list(legal.choices), value=value, on_change=set_value)
                menu.props("dense options-dense borderless").classes("text-xs grow").mark(name)
                menu.props["aria-label"] = name
            return
        with ui.row().classes("w-full no-wrap justify-between gap-2"):
            ui.label(option).classes("name")
            text = ui.label(format_value(value, legal.unit)).classes("value")
            text.tooltip(legal.unit or option)
        scale = choose_scale(legal, value, item.get_initial(option))
        kind: Any = ui.range if isinstance(legal, RangeBounds) else ui.slider
        start = {"min": value[0], "max": value[1]} if isinstance(legal, RangeBounds) else value
        slider = kind(min=scale.low, max=scale.high, step=scale.step, value=start)
        slider.on_value_change(set_value)
        slider.props("dense").classes("w-full").mark(name)
        slider.props["aria-label"] = name
        if isinstance(legal, RangeBounds):
            # Quasar describes a range as one slider whose value is no number, such as "-20|20".
            slider.props["role"] = "group"
            slider.props.update({f":aria-value{end}": "null" for end in ("now", "min", "max")})
            slider.props[":aria-orientation"] = "null"


def format_value(value: Any, unit: str) -> str:
    """Formats a number or a range, with its unit if that has a short sign.

    Example:
        >>> format_value((-20.0, 20.0), "degrees"), format_value(0.25, "")
        ('-20° to 20°', '0.25')
    """
    sign = _UNITS.get(unit, "")
    if isinstance(value, tuple):
        return f"{value[0]:.3g}{sign} to {value[1]:.3g}{sign}"
    return f"{value:.3g}{sign}"
