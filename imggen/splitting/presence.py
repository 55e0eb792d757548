"""Corrections of an assignment, so that training sees every class."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

# The units of a class that are compared; any of them will do.
_MAX_CANDIDATES = 64


def keep_classes_in_train(
    units: npt.NDArray[np.int64],
    classes: npt.NDArray[Any],
    split_of: npt.NDArray[np.int64],
    num_splits: int,
    rng: np.random.Generator,
    *,
    train: int | None,
    is_required: bool,
) -> npt.NDArray[np.int64]:
    """Reassigns units until training has every class, if possible.

    A unit is exchanged for one of similar size that training can spare, or moves alone.

    Args:
        units: The unit of each sample, from 0; shape (num_samples,).
        classes: The class of each sample, shape (num_samples,), or for several labels bool, shape
            (num_samples, num_labels).
        split_of: The split of each sample, equal within a unit.
        num_splits: The number of splits.
        rng: Selects among equal units.
        train: The split that needs every class. None: the splits are folds, each trained on all
            others, so no class of several units may be in one fold only.
        is_required: Whether a class in train matters more than the sizes of splits. Otherwise
            units are only exchanged.

    Returns:
        The split of each sample.
    """
    if classes.ndim == 1:
        rows, columns = np.arange(len(classes)), classes
    else:
        rows, columns = np.nonzero(classes)
    if not len(columns):
        return split_of
    # Most assignments need no correction, which a small table shows.
    present = np.zeros((int(columns.max()) + 1, num_splits), np.int64)
    present[columns, split_of[rows]] = 1
    missing = np.flatnonzero(_is_missing(present, train))
    if not len(missing):
        return split_of
    placement = _Placement(units, (rows, columns), split_of, num_splits, rng, train)
    for label in missing.tolist():
        placement.correct(label, is_required=is_required)
    return placement.split_of[units]


def _is_missing(counts: npt.NDArray[np.int64], train: int | None) -> npt.NDArray[np.bool_]:
    """Whether each class is missing in train, or in every fold but one.

    Args:
        counts: The units of each class in each split, shape (num_classes, num_splits).
        train: As in ``keep_classes_in_train``.
    """
    num_present = (counts > 0).sum(axis=1)
    missing: npt.NDArray[np.bool_] = num_present == 1
    if train is not None:
        missing = (num_present > 0) & (counts[:, train] == 0)
    return missing


class _Exchange(NamedTuple):
    """A unit that moves to another split, and maybe one that takes its place.

    Attributes:
        gap: The samples by which the sizes of the splits change.
        rank: Decides among equal gaps.
        unit: The unit.
        goal: Its new split.
        partner: The unit that takes its place; -1 if there is none.
    """

    gap: int
    rank: int
    unit: int
    goal: int
    partner: int


@final
class _Placement:
    """The split of each unit, and the number of units of each class in each split."""

    def __init__(
        self,
        units: npt.NDArray[np.int64],
        members: tuple[npt.NDArray[np.int64], npt.NDArray[Any]],
        split_of: npt.NDArray[np.int64],
        num_splits: int,
        rng: np.random.Generator,
        train: int | None,
    ) -> None:
        from scipy.sparse import coo_array

        self._train = train
        self._sizes = np.bincount(units)
        self._rank = rng.permutation(len(self._sizes))
        self.split_of = np.zeros(len(self._sizes), np.int64)
        self.split_of[units] = split_of
        num_classes = int(members[1].max()) + 1
        pairs = np.unique(units[members[0]] * num_classes + members[1])
        unit_of, class_of = np.divmod(pairs, num_classes)
        shape = (len(self._sizes), num_classes)
        self._classes = coo_array((np.ones(len(unit_of), np.int64), (unit_of, class_of)), shape)
        self._classes = self._classes.tocsr()
        self._counts = np.zeros((shape[1], num_splits), np.int64)
        np.add.at(self._counts, (class_of, self.split_of[unit_of]), 1)

    def correct(self, label: int, *, is_required: bool) -> None:
        """Moves a unit of a missing class to train, or to another fold."""
        if not _is_missing(self._counts[[label]], self._train)[0]:
            return  # a unit of several classes has been moved meanwhile
        is_member = self._classes[:, [label]].toarray()[:, 0] > 0
        goals = range(self._counts.shape[1]) if self._train is None else [self._train]
        exchanges = [
            exchange
            for goal in goals
            for origin in np.flatnonzero(self._counts[label]).tolist()
            if origin != goal
            for exchange in self._find_exchanges(is_member, origin, goal, is_required)
        ]
        if exchanges:
            best = min(exchanges)
            if best.partner >= 0:
                self._move(best.partner, int(self.split_of[best.unit]))
            self._move(best.unit, best.goal)

    def _find_exchanges(
        self, is_member: npt.NDArray[np.bool_], origin: int, goal: int, is_required: bool
    ) -> list[_Exchange]:
        """Lists the best exchange for each unit of a class that can move from origin to goal."""
        leaving = np.flatnonzero(is_member & self._can_move(origin, goal))
        leaving = leaving[np.lexsort([self._rank[leaving], self._sizes[leaving]])]
        if self._train is None and is_member.sum() < 2:
            return []  # one unit cannot be in two folds
        partners = np.flatnonzero(~is_member & self._can_move(goal, origin))
        can_shrink = (self.split_of == origin).sum() > 1 and (is_required or len(partners) > 0)
        found = []
        for unit in leaving[:_MAX_CANDIDATES].tolist():
            size, rank = int(self._sizes[unit]), int(self._rank[unit])
            if can_shrink:
                found.append(_Exchange(size, rank, unit, goal, -1))
            if len(partners):
                gaps = np.abs(self._sizes[partners] - size)
                best = int(np.lexsort([self._rank[partners], gaps])[0])
                found.append(_Exchange(int(gaps[best]), rank, unit, goal, int(partners[best])))
        return found

    def _can_move(self, origin: int, goal: int) -> npt.NDArray[np.bool_]:
        """Whether each unit is in origin, and train keeps its classes if it moves to goal."""
        if self._train is None:
            in_others = self._counts.sum(axis=1) - self._counts[:, goal]
            is_last = (in_others == 1) & (self._counts[:, goal] > 0)
        else:
            is_last = self._counts[:, origin] == (1 if origin == self._train else -1)
        is_free = self._classes @ is_last.astype(np.int64) == 0
        result: npt.NDArray[np.bool_] = (self.split_of == origin) & is_free
        return result

    def _move(self, unit: int, goal: int) -> None:
        here = slice(self._classes.indptr[unit], self._classes.indptr[unit + 1])
        labels = self._classes.indices[here]
        self._counts[labels, self.split_of[unit]] -= 1
        self._counts[labels, goal] += 1
        self.split_of[unit] = goal
