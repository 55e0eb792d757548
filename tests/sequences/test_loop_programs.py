"""Random programs of loops: each complete pass is one epoch, and the next pass another one."""

import itertools
import random

import pytest

from imggen.sequences.base import EpochSequence
from imggen.workers import WorkerOptions


class Keys(EpochSequence):
    """Serves the epoch and the index of each batch."""

    def __init__(self, num_batches):
        options = WorkerOptions(0, use_multiprocessing=False, max_queue_size=10)
        super().__init__(lambda epoch, index: (epoch, index), num_batches, options)

    def _serve(self, made):
        return made


class Program:
    """Runs statements at random, and notes the passes that they complete."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.num_batches = self.rng.choice([2, 3, 4, 9])
        self.sequence = Keys(self.num_batches)
        self.passes = []
        self.run = []

    def execute(self):
        statements = [self.loop, self.loop_with_looks, self.look_first, self.break_off]
        statements += [self.iterate, self.iterate_and_break_at_the_end, self.by_next, self.zip]
        statements += [self.nested_iteration, self.nested_loop, self.look_back]
        if self.num_batches > 4:  # with few batches, a shuffled pass may be a loop
            statements.append(self.shuffled)
        for _ in range(12):
            statement = self.rng.choice(statements)
            self.run.append(statement.__name__)
            statement()
        return self.passes

    def note(self, batches):
        self.passes.append(list(batches))

    def loop(self):
        self.note([self.sequence[index] for index in range(len(self.sequence))])

    def loop_with_looks(self):
        batches = []
        for index in range(len(self.sequence)):
            batches.append(self.sequence[index])
            if self.rng.random() < 0.5:
                self.sequence[-1]
            if index and self.rng.random() < 0.5:
                self.sequence[self.rng.randint(1, index)]
        self.note(batches)

    def look_first(self):
        looked_at = self.rng.choice([0, self.num_batches - 1])
        for _ in range(self.rng.randrange(3)):
            self.sequence[-1 if self.rng.random() < 0.5 else looked_at]
        self.loop()

    def break_off(self):
        stop = self.rng.randrange(self.num_batches)
        for index in range(stop):
            self.sequence[index]
        for _ in zip(range(stop), self.sequence, strict=False):
            pass
        self.loop()

    def iterate(self):
        self.note(self.sequence)

    def iterate_and_break_at_the_end(self):
        batches = []
        for index, batch in enumerate(self.sequence):
            batches.append(batch)
            if index == self.num_batches - 1:
                break
        self.note(batches)

    def by_next(self):
        iterator = iter(self.sequence)
        self.note(next(iterator) for _ in range(self.num_batches))

    def zip(self):
        first, second = zip(*zip(self.sequence, self.sequence, strict=True), strict=True)
        assert first == second
        self.note(first)

    def nested_iteration(self):
        batches, inner = [], []
        at = self.rng.randrange(self.num_batches)
        for index in range(len(self.sequence)):
            batches.append(self.sequence[index])
            if index == at:
                inner = list(self.sequence)  # as evaluate() in mid-epoch
        assert epochs_of(inner) == epochs_of(batches) or at == self.num_batches - 1
        self.note(batches)
        if epochs_of(inner) != epochs_of(batches):
            self.note(inner)

    def nested_loop(self):
        batches, inner = [], []
        for index in range(len(self.sequence)):
            batches.append(self.sequence[index])
            if index < self.num_batches - 1:
                inner.append([self.sequence[at] for at in range(len(self.sequence))])
        self.note(batches)
        for one in inner[1:]:  # the first one is in the epoch of the outer loop
            self.note(one)

    def look_back(self):
        self.loop()
        self.sequence[self.rng.randint(1, self.num_batches - 1)]

    def shuffled(self):
        self.sequence.on_epoch_end()  # no looks at the pass before
        order = self.rng.sample(range(1, self.num_batches), self.num_batches - 1)
        order.insert(self.rng.randint(1, 3), 0)
        batches = sorted(self.sequence[index] for index in order)
        self.note(batches)


def epochs_of(batches):
    return {epoch for epoch, _ in batches}


@pytest.mark.parametrize("block", range(4))
def test_each_pass_of_a_random_program_is_an_epoch_of_its_own(block):
    for seed in range(100 * block, 100 * block + 100):
        program = Program(seed)
        passes = program.execute()
        for batches in passes:
            epochs = epochs_of(batches)
            assert len(epochs) == 1, (seed, program.num_batches, program.run, batches)
            assert [index for _, index in batches] == list(range(program.num_batches))
        epochs = [batches[0][0] for batches in passes]
        assert epochs == list(range(len(epochs))), (seed, program.num_batches, program.run, epochs)
        assert program.sequence.epoch == len(epochs)


def test_loops_that_began_with_looks_are_aligned_after_two_of_them():
    for num_batches, looks in ((2, [1]), (3, [1, 2]), (5, [4, 3, 2, 1])):
        sequence = Keys(num_batches)
        for look in looks:
            sequence[look]
        passes = [[sequence[index] for index in range(num_batches)] for _ in range(8)]
        assert all(len(epochs_of(batches)) == 1 for batches in passes[3:])
        first, *others = (batches[0][0] for batches in passes[3:])
        assert others == list(range(first + 1, first + 5))


def test_all_batches_by_negative_indices_are_an_epoch():
    sequence = Keys(3)
    for epoch in range(3):
        assert [sequence[-index][0] for index in (1, 2, 3)] == [epoch] * 3


def test_numbers_of_epochs_never_go_back():
    for seed in range(200):
        rng = random.Random(seed)
        sequence = Keys(rng.choice([1, 2, 3, 5]))
        count = len(sequence)
        epochs = []
        for _ in range(200):
            sequence[rng.randrange(-count, count)]
            epochs.append(sequence.epoch)
        assert all(one <= other <= one + 1 for one, other in itertools.pairwise(epochs))
        assert epochs[-1] > 3
