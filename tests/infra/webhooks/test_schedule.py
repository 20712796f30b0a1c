import pytest

from infra.webhooks.schedule import LONGEST_PAUSE_SECONDS, MOST_RETRY_AFTER_SECONDS, RETRY_SECONDS, Schedule


def test_a_delivery_is_tried_ten_times_within_four_days() -> None:
    schedule = Schedule(chance=lambda: 0.0)
    pauses = [schedule.after(attempts) for attempts in range(1, schedule.attempts + 1)]
    assert pauses == [*RETRY_SECONDS, None]
    assert 3 * 86_400 < sum(RETRY_SECONDS) < 4 * 86_400
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)


def test_pauses_are_spread_by_a_fifth_at_most_and_upwards() -> None:
    assert Schedule([10], chance=lambda: 0.999_999).after(1) == pytest.approx(12, abs=0.01)
    assert len({Schedule([10]).after(1) for _ in range(20)}) > 1


def test_what_the_receiver_asks_for_lengthens_a_pause_up_to_a_day() -> None:
    schedule = Schedule([10, 20], chance=lambda: 0.0)
    assert schedule.after(1, 60) == 60
    assert schedule.after(1, 5) == 10
    assert schedule.after(1, 10**9) == MOST_RETRY_AFTER_SECONDS
    assert schedule.after(3, 60) is None


def test_a_receiver_that_takes_nothing_is_left_alone_longer_each_time() -> None:
    schedule = Schedule([5, 300], chance=lambda: 0.0)
    pauses = [schedule.pause(failures) for failures in range(2, 12)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert schedule.pause(10_000) == LONGEST_PAUSE_SECONDS
    assert Schedule([], chance=lambda: 0.0).pause(2) == RETRY_SECONDS[0]
