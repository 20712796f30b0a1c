"""What carries out commands, and what does so by itself: timekeeper, policies, deliveries to webhooks."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from api import compose
from api.http.cloud_events import cloud_event
from commands.application import CaselogApplication
from commands.dispatch import Commands, Dispatcher
from commands.handlers.catalogue import HANDLERS
from commands.lookups import Settings
from commands.policies.catalogue import ALL_POLICIES
from commands.ports import Clock
from infra.caretaker import Caretaker
from infra.clock import clock_channel
from infra.config import Config
from infra.leadership import Leadership
from infra.metrics.measured import MeasuredCommands
from infra.policies import PolicyRunner
from infra.projection.listening import Listener
from infra.timekeeper import Timekeeper
from infra.tracing import TracedCommands, tracer
from infra.webhooks.courier import Courier
from infra.webhooks.schedule import Schedule


def commands(app: CaselogApplication, desk_clock: Clock) -> Commands:
    """Return what carries commands out, measured, and traced where the process has a tracer."""
    measured = MeasuredCommands(Dispatcher(app, desk_clock, HANDLERS))
    made = tracer()
    return measured if made is None else TracedCommands(measured, made)


@contextmanager
def timekeeper(config: Config, url: str) -> Iterator[Caretaker]:
    """Give what runs by itself, ready to run: the timekeeper and the policies."""
    with ExitStack() as stack:
        app = stack.enter_context(compose.application(config, url))
        pool = stack.enter_context(compose.connection_pool(config, url, size=4))
        positions = stack.enter_context(compose.view_positions(config, url))
        desk_clock = compose.clock(config, pool)
        stack.enter_context(compose.traces(config, "timekeeper"))
        dispatcher = commands(app, desk_clock)
        keeper = Timekeeper(
            dispatcher=dispatcher,
            settings=Settings(app),
            clock=desk_clock,
            pool=pool,
            positions=positions,
            leadership=Leadership(url, config.schema, "timekeeper"),
            forget_answers=app.event_log.forget_answers,
        )
        policies = PolicyRunner(
            url,
            config.schema,
            ALL_POLICIES,
            application=app,
            dispatcher=dispatcher,
            pool=pool,
        )
        listeners = []
        if config.test_clock:
            listeners.append(
                Listener(
                    url,
                    config.schema,
                    [clock_channel(config.schema)],
                    refresh=lambda _: keeper.wake(),
                    notified=lambda _: keeper.wake(),
                    poll_seconds=30,  # whoever waits for it tells it again and again
                    name="test clock",
                )
            )
        yield Caretaker(keeper, policies, listeners)


@contextmanager
def courier(config: Config, url: str) -> Iterator[Courier]:
    """Give what sends events to webhooks, ready to run."""
    with ExitStack() as stack:
        app = stack.enter_context(compose.application(config, url))
        pool = stack.enter_context(compose.connection_pool(config, url, size=8))
        desk_clock = compose.clock(config, pool)
        stack.enter_context(compose.traces(config, "deliver"))
        yield Courier(
            url,
            config.schema,
            pool=pool,
            commands=commands(app, desk_clock),
            clock=desk_clock,
            body=lambda recorded: msgspec.json.encode(cloud_event(recorded)),
            schedule=Schedule(config.webhook_retry_seconds),
            allowed=config.webhook_networks,
            timeout_seconds=config.webhook_timeout_ms / 1_000,
        )
