"""Folders that a function reads on other machines, where the same path must lead to them."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, final

from imggen.errors import WorkerError
from imggen.stores import split_archive

Item = TypeVar("Item")
T = TypeVar("T")


@final
@dataclass(frozen=True)
class SharedFolder(Generic[Item, T]):
    """A function that finds its files on another machine under the same paths.

    Attributes:
        root: The folder or archive, which must exist there; "" if it is not a local one.
        working_folder: The folder that relative paths refer to.
        fn: The function.
    """

    root: str
    working_folder: str
    fn: Callable[[Item], T]

    @classmethod
    def bind(cls, root: str, fn: Callable[[Item], T]) -> SharedFolder[Item, T]:
        """Binds a function to a folder or an archive of this machine, or to a remote one.

        Args:
            root: It; or a folder in an archive, of which the archive must exist on all machines.
            fn: The function.
        """
        member = split_archive(root)
        place = root if member is None else member.archive
        return cls(place if os.path.exists(place) else "", os.getcwd(), fn)

    def __call__(self, item: Item) -> T:
        """Calls the function in the working folder, without warnings, which nobody would see.

        Raises:
            WorkerError: The folder does not exist here.
        """
        place = os.path.join(self.working_folder, self.root)
        if self.root and not os.path.exists(place):
            raise WorkerError(
                f"{place!r} does not exist on {platform.node()!r}. Use a folder that all nodes of "
                "the cluster share, mounted at the same path."
            )
        if self.root and not os.path.isabs(self.root):
            os.chdir(self.working_folder)  # so that messages name paths as on one machine
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.fn(item)
