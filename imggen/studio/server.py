"""The local web server of the studio."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import numpy as np

from imggen.augment import Augment, adapt, format_policy, unwrap_steps
from imggen.core import pluralize, warn_user
from imggen.data import Manifest
from imggen.decode import ImageSize, parse_image_size
from imggen.errors import MissingExtraError, OptionError, ScanError
from imggen.studio.draft import Draft

HOST = "127.0.0.1"
_LAST_PORT = 65535


def serve(
    manifest: Manifest,
    augment: Augment,
    *,
    image_size: ImageSize,
    port: int,
    open_browser: bool,
    started: Callable[[str], object],
) -> None:
    """Serves the page until it is interrupted.

    Args:
        manifest: The images. Files outside its root are skipped.
        augment: The policy to start from: built-in augmentations and transforms of albumentations.
        image_size: (height, width) in pixels that images are resized to, or one number.
        port: The port on the loopback interface.
        open_browser: Open the page in the browser.
        started: Called with the address once the server is ready.

    Raises:
        MissingExtraError: NiceGUI is not installed.
        OptionError: The port is in use, ``image_size`` is invalid, or an augmentation cannot be
            written to a policy file.
        ScanError: No image is inside the manifest's root.

    Warns:
        ImggenWarning: Images were skipped.
    """
    try:
        from nicegui import app, ui
    except ImportError as err:
        raise MissingExtraError.of("nicegui", "studio", "imggen studio") from err
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from imggen.studio.page import Page

    size = parse_image_size(image_size)
    draft = make_draft(augment)
    inside = skip_outside(manifest)
    check_port(port)

    @ui.page("/")
    def _page() -> None:
        Page(inside, draft.copy(), size).build()

    # Without this, a page of another site could read the images (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    app.on_startup(lambda: started(f"http://{HOST}:{port}"))
    ui.run(
        host=HOST,
        port=port,
        title="imggen studio",
        show=open_browser,
        reload=False,
        show_welcome_message=False,
        uvicorn_logging_level="error",
    )


def make_draft(augment: Augment) -> Draft:
    """Creates the draft of the policy to start from.

    Raises:
        OptionError: An augmentation cannot be written to a policy file.
    """
    steps = unwrap_steps(adapt(augment))
    format_policy(steps)
    return Draft.of(steps)


def skip_outside(manifest: Manifest) -> Manifest:
    """Skips files outside the root of a manifest, reached by ``..`` or by a link.

    Raises:
        ScanError: No image is inside the root.
    """
    root = os.path.realpath(manifest.root)
    inside = [
        os.path.realpath(path).startswith(os.path.join(root, "")) for path in manifest.filepaths
    ]
    num_outside = len(inside) - sum(inside)
    if num_outside == len(inside):
        raise ScanError(
            f"All {len(inside)} images are outside {manifest.root!r}. Pass the folder that "
            "contains them."
        )
    if num_outside:
        first = manifest.filepath(inside.index(False))
        more = " ..." if num_outside > 1 else ""
        skipped = pluralize(num_outside, "image")
        warn_user(f"{skipped} skipped, outside {manifest.root!r}: {first!r}{more}.")
        manifest = manifest.take(np.flatnonzero(inside))
    return manifest


def check_port(port: int) -> None:
    """Checks that the port can be used.

    Raises:
        OptionError: The port is in use, not permitted, or not a port number.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((HOST, port))
    except (OSError, OverflowError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        other = port + 1 if port < _LAST_PORT else port - 1
        raise OptionError(
            f"port={port} cannot be used: {reason.lower()}. Pass another port: --port {other}."
        ) from err
