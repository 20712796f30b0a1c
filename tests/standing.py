"""A whole desk with a test clock in this process: log, views, write side, and what happens by itself."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from api import compose, compose_commands, compose_http
from commands.dispatch import Request
from commands.policies.policy import POLICIES
from infra.config import Config
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from tests.desk import PERSON, body_of

MONDAY = datetime(2037, 11, 2, 17, 0, tzinfo=UTC)
"""10:00 in Denver on a working day that no system's clock has reached."""


class Standing:
    """A whole desk with a test clock, its caretaker in a thread that can be stopped and started."""

    def __init__(self, dsn: str, schema: str, stack: ExitStack) -> None:
        self.environment = {
            "CASELOG_DATABASE_URL": dsn,
            "CASELOG_SCHEMA": schema,
            "CASELOG_TEST_CLOCK": "1",
            "CASELOG_POOL_SIZE": "4",
        }
        self._config = Config.from_environment(self.environment)
        self._dsn = dsn
        compose.prepare(self._config, dsn)
        projector = Projector(dsn, schema, VIEWS, poll_seconds=0.1)
        projector.start()
        stack.callback(projector.stop)
        self.application = stack.enter_context(compose.application(self._config, dsn))
        self._services = stack.enter_context(compose_http.api_services(self._config, dsn))
        self._caretaker = ExitStack()
        stack.callback(self.rest)

    def work(self) -> None:
        """Let what happens by itself happen."""
        caretaker = self._caretaker.enter_context(compose_commands.timekeeper(self._config, self._dsn))
        thread = threading.Thread(target=caretaker.run)
        thread.start()
        self._caretaker.callback(thread.join)
        self._caretaker.callback(caretaker.request_stop)

    def rest(self) -> None:
        self._caretaker.close()

    def at(self, instant: datetime) -> None:
        """Set the clock."""
        assert self._services.test_clock is not None
        self._services.test_clock.set(instant)

    def everybody_has_seen_the_log(self) -> bool:
        """Whether the views and the policies are at its end now."""
        head = self.application.recorder.max_notification_id() or 0
        return self._services.views.wait_for([*(view.name for view in VIEWS), POLICIES], head, 0)

    def send(self, command: str, **data: Any) -> Any:
        request = Request(
            command=command, data=data, fingerprint="", caller="test", actor="test", correlation_id="a test"
        )
        return body_of(self._services.commands.execute(request))

    def customer(self, **terms: Any) -> str:
        customer_id: str = self.send("register-customer", name="Alpine", contacts=[PERSON], products=["website"])[
            "result"
        ]["customer_id"]
        self.send(
            "start-subscription",
            customer_id=customer_id,
            plan="standard",
            starts_on=MONDAY.date().replace(day=1),
            terms=terms,
        )
        return customer_id

    def ticket(self, customer_id: str) -> str:
        asked = {"category": "how_to", "subject": "Rates", "description": "How?", "requester": PERSON}
        ticket_id: str = self.send("open-ticket", customer_id=customer_id, **asked)["result"]["ticket_id"]
        return ticket_id

    def of(self, stream_id: str, kind: type[Any]) -> list[Any]:
        return [each.event for each in self.application.read(stream_id) if isinstance(each.event, kind)]

    def subscription(self, customer_id: str) -> str:
        stream_id = self.application.event_log.holder("live_subscription", customer_id)
        assert stream_id is not None
        return stream_id
