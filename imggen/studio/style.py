"""The style sheet of the page."""

from imggen.reports import make_variant_style

MAX_VARIANTS = 12

_STYLE = """
.nicegui-content { padding: 0; gap: 0; }
.studio { display: grid; grid-template-columns: clamp(300px, 30vw, 400px) minmax(0, 1fr);
  width: 100%; }
.panel { height: calc(100vh - 57px); position: sticky; top: 57px; overflow-y: auto; padding: 12px;
  background: #f6f8fa; border-right: 1px solid #d8dee4; }
.gallery { padding: 12px 20px 40px; min-width: 0; overflow-wrap: anywhere; }
.step.q-card { padding: 8px 6px; }
.step .q-toggle__label { font-size: 13px; overflow: hidden; text-overflow: ellipsis; }
.step .q-toggle { min-width: 0; }
.step .q-expansion-item__content { padding: 0; }
.option { width: 100%; padding: 2px 10px 0; }
.option .name, .option .value { font-size: 12px; line-height: 18px; white-space: nowrap; }
.option .name { color: #1f2328; }
.option .value { color: #656d76; font-variant-numeric: tabular-nums; }
.variants .q-img { width: 100%; border-radius: 4px; background: #f6f8fa; }
.variants .damaged .q-img::after { content: ""; position: absolute; inset: 0; z-index: 1;
  border: 3px solid #bf8700; border-radius: 4px; }
.caption { font-size: 12px; line-height: 16px; color: #656d76; margin-top: 3px; }
.caption b { color: #1f2328; }
.caption .damage { color: #9a6700; font-weight: 600; }
.q-menu .q-item { min-height: 0; }
@media (max-width: 640px) {
  .studio { grid-template-columns: minmax(0, 1fr); }
  .panel { position: static; height: 46vh; border-right: 0; border-bottom: 1px solid #d8dee4; }
}
"""


def make_style() -> str:
    """Returns the style sheet."""
    return _STYLE + make_variant_style(range(1, MAX_VARIANTS + 1))
