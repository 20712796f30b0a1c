"""`POST /v1/test-clock`: the desk's clock, set forward by a test."""

from flask import Blueprint, Response

from api.http.problems.types import CLOCK_BACKWARDS, CLOCK_STILL_BEHIND
from api.http.replies import JSON, ProblemRaised, json_reply
from api.http.requests import check_acceptable, read_json
from api.http.services import SettableClock
from commands.wire.fields import Instant
from commands.wire.headers import LONGEST_BODY
from commands.wire.schema import WireSchema, load
from infra.awaited_clock import StillBehind
from infra.clock import ClockBackwards


class TestClockSetting(WireSchema):
    """The instant that the desk is to take for now."""

    __test__ = False  # no test class, in spite of its name

    now = Instant(required=True)


_SETTING = TestClockSetting()


def test_clock_blueprint(clock: SettableClock) -> Blueprint:
    """Return the route; it is there only where the desk runs with a test clock."""
    blueprint = Blueprint("test_clock", __name__)

    @blueprint.post("/v1/test-clock")
    def set_test_clock() -> Response:
        check_acceptable(JSON)
        instant = load(_SETTING, read_json(LONGEST_BODY))["now"]
        try:
            clock.set(instant)
        except ClockBackwards as error:
            raise ProblemRaised(CLOCK_BACKWARDS, str(error)) from None
        except StillBehind as error:
            raise ProblemRaised(CLOCK_STILL_BEHIND, str(error)) from None
        return json_reply({"now": instant})

    return blueprint
