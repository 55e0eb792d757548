"""The number of threads that make batches, by clocks of the test's own."""

import pytest

from imggen.workers import Prefetcher, WorkerOptions
from imggen.workers.pace import Pace
from tests.helpers.cases import each_case


class Clocks:
    """Time that only passes where a test lets it pass."""

    def __init__(self):
        self.now = self.cpu = 0.0

    def pace(self, max_threads=8, batch_size=10):
        return Pace(max_threads, batch_size, lambda: self.now, lambda: self.cpu)

    def work(self, cpu, waiting=0.0):
        self.cpu += cpu
        self.now += cpu + waiting


def after(batches, *, pause=1.0, num_beside=0, **options):
    """The pace after batches that take these (cpu, waiting) milliseconds."""
    clocks = Clocks()
    pace = clocks.pace(**options)
    for cpu, waiting in batches:
        pace.note_request()
        pace.measure_batch(
            lambda *_, ms=(cpu, waiting): clocks.work(ms[0] / 1e3, ms[1] / 1e3), (0, 0), num_beside
        )
        pace.note_served()
        clocks.now += pause / 1e3
    return pace


@each_case(
    ("batches", "beside", "threads"),
    [
        ([], 0, 8),
        ([(0.02, 0)] * 3, 0, 1),  # a cached sample: 2 µs
        ([(0.9, 0)] * 3, 0, 1),  # a small gray PNG: 90 µs
        ([(1.8, 0)] * 3, 0, 2),  # a small JPEG: 180 µs
        ([(19.0, 0)] * 3, 0, 8),  # a photograph
        ([(19.0, 0)], 0, 8),
        # The caller and the other threads hold the lock meanwhile.
        ([(1.2, 1.2)] * 3, 1, 1),
        ([(1.2, 2.4)] * 3, 2, 1),
        # Longer than that: a slow disk.
        ([(1.2, 7.0)] * 3, 1, 5),
        # One slow batch, or the cold start of the first one, is an exception.
        ([(0.9, 0), (90.0, 0), (0.9, 0)], 0, 1),
        ([(90.0, 0), (0.9, 0), (0.9, 0)], 0, 1),
        # Epoch 0 decodes, and later ones find a cache.
        ([(19.0, 0)] * 9 + [(0.02, 0)] * 3, 0, 1),
    ],
)
def test_there_is_one_thread_per_eighty_microseconds_of_a_sample(batches, beside, threads):
    assert after(batches, num_beside=beside).num_threads == threads


def test_costs_near_a_limit_do_not_change_the_number_back_and_forth():
    clocks = Clocks()
    pace = clocks.pace()
    seen = []
    for cpu in [2.1] * 5 + [1.9] * 5 + [2.1] * 5 + [1.9] * 5 + [1.5] * 5:
        pace.measure_batch(lambda *_, cpu=cpu: clocks.work(cpu / 1e3), (0, 0), 0)
        seen.append(pace.num_threads)
    assert seen == [3] * 22 + [2] * 3


@each_case(
    ("cpu", "pause", "batch_size", "max_threads", "is_in_place"),
    [
        (0.1, 5.0, 32, 4, True),  # a cached batch
        (5.0, 0.0, 64, 4, True),  # small images in a bare loop
        (5.0, 1.0, 64, 4, False),  # the same in training
        (5.0, 1.0, 64, 1, False),
        (60.0, 0.0, 32, 4, False),  # photographs
        (60.0, 0.0, 32, 1, True),
    ],
)
def test_the_caller_makes_what_a_single_thread_would_not_make_sooner(
    cpu, pause, batch_size, max_threads, is_in_place
):
    pace = after([(cpu, 0)] * 3, pause=pause, batch_size=batch_size, max_threads=max_threads)
    assert pace.is_in_place() == is_in_place


def test_the_caller_makes_what_a_single_thread_could_only_make_while_it_waits():
    pace = after([(5.0, 0)] * 3, batch_size=64)
    assert not pace.is_in_place()
    assert pace.is_in_place(in_turns=True)
    assert not after([(60.0, 0)] * 3, batch_size=64).is_in_place(in_turns=True)


def test_a_batch_of_no_samples_says_nothing():
    pace = Clocks().pace()
    pace.record(1e-3, 10)
    pace.record(1.0, 0)
    assert pace.num_threads == 1


def test_a_slower_caller_is_noticed_although_few_cheap_batches_are_measured():
    clocks = Clocks()
    pace = clocks.pace()
    measured = []
    for number in range(60):
        if not pace.skips_measuring():
            measured.append(number)
            pace.note_request()
            pace.measure_batch(lambda *_: clocks.work(9e-4), (0, 0), 0)
        pace.note_served()
        clocks.now += 1e-5 if number < 30 else 1e-2
    assert measured[:6] == [0, 1, 2, 3, 4, 12]
    # From the third slow measurement on, a thread makes every batch.
    assert measured[6:9] == [20, 28, 36]
    assert measured[-8:] == list(range(52, 60))
    assert not pace.is_in_place()


def serve(prefetcher, num_batches=40):
    keys = [(0, index) for index in range(num_batches)]
    return [prefetcher.get(key, keys[place + 1 :]) for place, key in enumerate(keys)]


@pytest.mark.parametrize("seconds", [1e-6, 1.0])
def test_cheap_batches_are_handed_to_no_thread_and_costly_ones_to_all(monkeypatch, seconds):
    """Counts the batches that a thread was handed; the results are the same."""
    prefetcher = Prefetcher(lambda *key: key, WorkerOptions(2, False, 3), batch_size=4)
    ticks = iter(range(1_000_000))
    prefetcher._pace._clock = prefetcher._pace._cpu_clock = lambda: next(ticks) * seconds
    submitted = []
    pool = prefetcher._get_pool()
    submit = pool.submit
    monkeypatch.setattr(pool, "submit", lambda key: submitted.append(key) or submit(key))

    assert serve(prefetcher) == [(0, index) for index in range(40)]
    prefetcher.close()
    assert len(submitted) == 40 if seconds == 1.0 else len(submitted) <= 10


def test_no_clock_is_read_without_threads():
    prefetcher = Prefetcher(lambda *key: key, WorkerOptions(0, False, 3))
    prefetcher._pace._clock = prefetcher._pace._cpu_clock = None
    assert len(serve(prefetcher)) == 40
