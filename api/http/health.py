"""Whether the process lives, and whether it can do its work."""

from datetime import UTC

from flask import Blueprint, Response

from api.http.replies import json_reply
from api.http.services import Services
from infra.feed import head_position


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
        answer = {
            "status": "ready",
            "position": head,
            "now": services.clock.now().astimezone(UTC),
            "test_clock": services.test_clock is not None,
            "environment": services.environment,
        }
        return json_reply(answer)

    return blueprint
