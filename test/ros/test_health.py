"""Errors are said at once, then seldom, and all of them are counted."""
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_occpose.ros import health
from ros2_occpose.ros.health import Faults, Health, StageTimes


def test_times_of_stages_are_those_of_the_last_images() -> None:
    times = StageTimes()
    for ms in [1000.0] * 50 + list(range(200)):
        times.add({'detection': ms, 'lifting': 2.0})
    p50_ms, p95_ms = times.percentiles(['lifting', 'detection'])
    assert p50_ms == [2.0, pytest.approx(99.5)]
    assert p95_ms == [2.0, pytest.approx(189.05)]
    assert StageTimes().percentiles([]) == ([], [])


class Log(list):
    error = list.append


def test_the_same_fault_is_said_seldom_and_another_at_once(
        monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(health, 'monotonic', lambda: now)
    log = Log()
    faults = Faults(log)
    for i in range(30):                          # 3 s at 10 Hz: one wording, changing numbers
        faults('image', f'expected 3 bytes, got {i}.5')
        now += 0.1
    faults('image', 'expected a picture')
    assert log == ['expected 3 bytes, got 0.5', 'expected a picture']
    assert faults.counts == {'image': 31}
    now += 5.0
    faults('image', 'expected 3 bytes, got 7')
    assert log[-1] == 'expected 3 bytes, got 7 (29 more since the last time)'
    assert faults.recent == 'expected 3 bytes, got 7'
    now += 60.0
    assert faults.recent is None


def test_what_is_not_as_asked_for_is_a_warning_and_a_fault_is_more() -> None:
    faults = Faults(Log())
    healthy = Health('/occpose', faults)

    def verdict(state: str, warning: str) -> tuple[bytes, str]:
        (status,) = healthy.diagnostics(0, state, {}, warning).status
        return status.level, status.message

    assert verdict('active', '')[0] == DiagnosticStatus.OK
    assert verdict('active', 'no GPU') == (DiagnosticStatus.WARN, 'no GPU')
    assert verdict('inactive', 'no GPU') == (DiagnosticStatus.WARN, 'The node is inactive.')
    faults('image', 'cut short')
    assert verdict('active', 'no GPU') == (DiagnosticStatus.ERROR, 'cut short')


@pytest.mark.parametrize(('latency_s', 'said'), [
    (0.05, ''), (8.0, ''), (-0.1, ''), (float('nan'), ''),
    (86400.0, 'stamps that are 86400.0 s in the past: with a bag, play it with --clock'),
    (-2.0, 'stamps that are 2.0 s in the future')])
def test_stamps_of_another_clock_are_noticed(latency_s: float, said: str) -> None:
    healthy = Health('/occpose', Faults(Log()))
    for _ in range(3):
        healthy.answered(latency_s)
    assert said in healthy.wrong_clock()
    assert bool(healthy.wrong_clock()) == bool(said)
    (status,) = healthy.diagnostics(0, 'active', {}).status
    assert status.level == (DiagnosticStatus.WARN if said else DiagnosticStatus.OK)
