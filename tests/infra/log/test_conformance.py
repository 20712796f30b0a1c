"""The eventsourcing library's own conformance classes, unchanged, over UUIDs and over text as ids."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.tests import persistence as conformance
from eventsourcing.utils import Environment

from infra.log.factory import LogFactory
from infra.log.recorders import (
    LogAggregateRecorder,
    LogApplicationRecorder,
    LogProcessRecorder,
    LogTrackingRecorder,
)


class InFreshSchema:
    """Gives each test of a conformance class a factory over a schema of its own."""

    originator_id_type = "uuid"
    factory: LogFactory

    @pytest.fixture(autouse=True)
    def _factory(self, database: str, schema: str) -> Iterator[None]:
        self.env = Environment(
            env={
                "PERSISTENCE_MODULE": "infra.log",
                "CASELOG_DATABASE_URL": database,
                "CASELOG_SCHEMA": schema,
                "ORIGINATOR_ID_TYPE": self.originator_id_type,
            }
        )
        factory = InfrastructureFactory[Any].construct(self.env)
        assert isinstance(factory, LogFactory)
        self.factory = factory
        yield
        self.factory.close()

    def new_originator_id(self) -> UUID | str:
        return uuid4() if self.originator_id_type == "uuid" else f"ticket-{uuid4()}"


class TestAggregateRecorder(InFreshSchema, conformance.AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return self.factory.aggregate_recorder()


class TestSnapshotRecorder(InFreshSchema, conformance.AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return self.factory.aggregate_recorder(purpose="snapshots")


class TestApplicationRecorder(InFreshSchema, conformance.ApplicationRecorderTestCase[LogApplicationRecorder]):
    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = True

    def create_recorder(self) -> LogApplicationRecorder:
        return self.factory.application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(InFreshSchema, conformance.TrackingRecorderTestCase):
    def create_recorder(self) -> LogTrackingRecorder:
        return self.factory.tracking_recorder(LogTrackingRecorder)


class TestProcessRecorder(InFreshSchema, conformance.ProcessRecorderTestCase):
    def create_recorder(self) -> LogProcessRecorder:
        return self.factory.process_recorder()


class TestNonInterleavingNotificationIDs(InFreshSchema, conformance.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> LogApplicationRecorder:
        return self.factory.application_recorder()


class TestAggregateRecorderWithTextIds(TestAggregateRecorder):
    originator_id_type = "text"


class TestSnapshotRecorderWithTextIds(TestSnapshotRecorder):
    originator_id_type = "text"


class TestApplicationRecorderWithTextIds(TestApplicationRecorder):
    originator_id_type = "text"


class TestProcessRecorderWithTextIds(TestProcessRecorder):
    originator_id_type = "text"


class TestNonInterleavingNotificationIDsWithTextIds(TestNonInterleavingNotificationIDs):
    originator_id_type = "text"


class OtherTrackingRecorder(LogTrackingRecorder):
    pass


class TestInfrastructureFactory(InFreshSchema, conformance.InfrastructureFactoryTestCase[LogFactory]):
    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    def expected_aggregate_recorder_class(self) -> type[LogAggregateRecorder]:
        return LogAggregateRecorder

    def expected_application_recorder_class(self) -> type[LogApplicationRecorder]:
        return LogApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[LogTrackingRecorder]:
        return LogTrackingRecorder

    def tracking_recorder_subclass(self) -> type[LogTrackingRecorder]:
        return OtherTrackingRecorder

    def expected_process_recorder_class(self) -> type[LogProcessRecorder]:
        return LogProcessRecorder
