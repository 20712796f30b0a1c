"""Whether the process lives, and whether it can do its work."""

from datetime import UTC

from flask import Blueprint, Response

from api.http.replies import json_reply
from api.http.services import Services, ViewsDatabase
from infra.feed import head_position
from infra.postgres.pool import UNREACHABLE


def health_blueprint(services: Services) -> Blueprint:
    """Return the routes that whoever operates the service asks."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/health/live")
    def live() -> Response:
        return json_reply({"status": "live"})

    @blueprint.get("/health/ready")
    def ready() -> Response:
        # Any failure to ask becomes the problem document `unavailable`, with status 503.
        with services.connections.connection() as connection:
            head = head_position(connection)
        answer: dict[str, object] = {
            "status": "ready",
            "position": head,
            "now": services.clock.now().astimezone(UTC),
            "test_clock": services.test_clock is not None,
            "environment": services.environment,
        }
        if services.views_database is not None:
            # Without it, commands and all that the desk's own database shows go on: the process is ready for those.
            answer["views_database"] = "ready" if _answers(services.views_database) else "unavailable"
        return json_reply(answer)

    return blueprint


def _answers(database: ViewsDatabase) -> bool:
    try:
        with database.connections.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except UNREACHABLE:
        return False
    return True
