"""Figures for those who watch over the service."""

from flask import Blueprint, Response

from api.http.services import Services

TEXT = "text/plain; version=1.0.0; charset=utf-8"


def metrics_blueprint(services: Services) -> Blueprint:
    """Return the route that Prometheus asks."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(services.metrics.text(), content_type=TEXT)

    return blueprint
