"""The page, served on this machine alone."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Callable

import numpy as np

from imggen.augment import Augment, adapt, format_policy, unwrap_steps
from imggen.data import Manifest
from imggen.decode import ImageSpec
from imggen.errors import ImggenWarning, MissingExtraError, OptionError, ScanError
from imggen.studio.draft import Draft

HOST = "127.0.0.1"


def serve(
    manifest: Manifest,
    augment: Augment,
    *,
    image_size: tuple[int, int],
    port: int,
    open_browser: bool,
    started: Callable[[str], object],
) -> None:
    """Serves the page until it is interrupted.

    Args:
        manifest: The images. Those that lead to files outside its root are left out.
        augment: The policy to start from: augmentations of imggen's own and of albumentations.
        image_size: (height, width) that training would see.
        port: Where to serve, on the loopback interface only.
        open_browser: Show it at once.
        started: Called with the address once it can be asked for.

    Raises:
        MissingExtraError: NiceGUI is not installed.
        OptionError: The port is in use, an ``image_size`` that is none, or an augmentation that no
            policy file can hold.
        ScanError: No image lies below the manifest's root.

    Warns:
        ImggenWarning: Images that are left out.
    """
    try:
        from nicegui import app, ui
    except ImportError as err:
        raise MissingExtraError.of("nicegui", "studio", "imggen studio") from err
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from imggen.studio.page import Page

    ImageSpec(image_size)  # refuses sizes that are none
    draft = draft_of(augment)
    inside = only_inside(manifest)
    check_port(port)

    @ui.page("/")
    async def _page() -> None:
        await Page(inside, draft.copy(), image_size).build()

    # A page elsewhere whose name is made to lead here would else be shown the images.
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


def draft_of(augment: Augment) -> Draft:
    """The policy to start from.

    Raises:
        OptionError: An augmentation that no policy file can hold.
    """
    steps = unwrap_steps(adapt(augment))
    format_policy(steps)
    return Draft.of(steps)


def only_inside(manifest: Manifest) -> Manifest:
    """Leaves out what is not below the root of a manifest, by ``..`` or by a link.

    Raises:
        ScanError: Nothing is left.
    """
    root = os.path.realpath(manifest.root)
    inside = [
        os.path.realpath(path).startswith(os.path.join(root, "")) for path in manifest.filepaths
    ]
    num_outside = len(inside) - sum(inside)
    if num_outside == len(inside):
        raise ScanError(f"All {len(inside)} images lie outside {manifest.root!r}.")
    if num_outside:
        first = manifest.filepath(inside.index(False))
        warnings.warn(
            f"{num_outside} images lead out of {manifest.root!r} and are left out, such as "
            f"{first!r}.",
            ImggenWarning,
            stacklevel=3,
        )
        manifest = manifest.take(np.flatnonzero(inside))
    return manifest


def check_port(port: int) -> None:
    """Refuses a port that cannot be served on.

    Raises:
        OptionError: It is in use, not permitted, or no port.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((HOST, port))
    except (OSError, OverflowError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise OptionError(
            f"port={port} cannot be used: {reason.lower()}. Pass another one: --port {port + 1}."
        ) from err
