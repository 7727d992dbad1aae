"""Packets come out in the order of their sequence numbers, and what never came is counted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp.reorder import DROPOUT, WINDOW, Sequence

quick = settings(max_examples=100, deadline=None, derandomize=True)


def ordered(numbers: list[int]) -> list[tuple[int, int]]:
    """What comes out, (lost before it, number), for numbers as they come."""
    sequence = Sequence[int]()
    out = [one for number in numbers for one in sequence.put(number & 0xFFFF, number)]
    return out + list(sequence.flush())


def test_packets_in_order_are_not_held() -> None:
    sequence = Sequence[int]()
    for number in range(3):
        list(sequence.put(number, number))

    assert [list(sequence.put(number, number)) for number in (3, 4)] == [[(0, 3)], [(0, 4)]]


def test_the_first_packets_may_be_out_of_order() -> None:
    assert ordered([65537, 65535, 65536, 65538]) == [(0, 65535), (0, 65536), (0, 65537), (0, 65538)]


def test_a_stream_of_one_packet_and_of_none() -> None:
    assert ordered([7]) == [(0, 7)]
    assert ordered([]) == []


def test_reordered_and_repeated_packets() -> None:
    assert ordered([0, 1, 2, 5, 3, 3, 4, 5, 2, 6]) == [(0, number) for number in range(7)]
    assert ordered([*range(90), 3, 4, 5, 90]) == [(0, number) for number in range(91)]


def test_a_missing_packet_is_waited_for_and_then_lost() -> None:
    numbers = [0, 1, 2, *range(4, 4 + WINDOW), 3, 4 + WINDOW]  # 3 comes when the window is full, in time
    assert ordered(numbers) == [(0, number) for number in range(5 + WINDOW)]

    numbers = [0, 1, 2, *range(4, 5 + WINDOW), 3, 5 + WINDOW]  # and here too late
    assert ordered(numbers) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 4),
        *((0, number) for number in range(5, 6 + WINDOW)),
    ]


def test_a_sender_that_begins_anew_is_believed_at_its_second_packet() -> None:
    assert ordered([0, 1, 2, 4, 30000, 30001, 30002]) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 4),
        (0, 30000),
        (0, 30001),
        (0, 30002),
    ]


def test_stray_packets_are_left_out() -> None:
    assert ordered([0, 1, 2, 30000, 3, 50000, 4]) == [(0, number) for number in range(5)]
    assert ordered([40000, 0, 1, 2, 3])[1:] == [(0, number) for number in range(4)]


@quick
@given(numbers=st.lists(st.integers(0, 0xFFFF) | st.integers(100, 160), max_size=300))
def test_any_numbers_come_out_at_most_once_each_and_few_are_held(numbers: list[int]) -> None:
    sequence = Sequence[int]()
    taken = 0
    for put, number in enumerate(numbers, start=1):
        for lost, _ in sequence.put(number, put):
            taken += 1
            assert 0 <= lost < DROPOUT
        assert len(sequence._held) <= WINDOW
    left = list(sequence.flush())

    assert taken + len(left) <= len(numbers)


@quick
@given(
    start=st.integers(0, 0xFFFF),
    keys=st.lists(st.integers(0, 20), min_size=10, max_size=200),
)
def test_packets_within_the_window_are_reordered(start: int, keys: list[int]) -> None:
    moved = sorted(range(len(keys)), key=lambda index: index + keys[index])
    first = [index for index in moved[:3] if index < 3]
    if len(first) < 3:
        moved = [0, 1, 2, *(index for index in moved if index > 2)]

    assert ordered([start + index for index in moved]) == [(0, start + index) for index in range(len(keys))]
