"""The API as it is served, with a second address that does all of a command but decide and append: the peer."""

from flask import Flask

from api.http.access.table import OTHERS, STAFF
from api.http.commands import commands_blueprint
from api.http.services import Services
from api.http.worker import build_worker_app as build_product_app
from commands.answers import Answer
from commands.dispatch import Request

VALIDATE = "/validate"
"""What comes before the address of a command that is only checked."""

_ANSWER = (
    b'{"stream_id":"ticket-01a217f2-492f-749e-aa97-a5d69f99860b","version":3,"position":12345,"events":[{"stream_id":'
    b'"ticket-01a217f2-492f-749e-aa97-a5d69f99860b","type":"StaffReplied.v1","version":3,"position":12345}],"result":{}}'
)


class ValidateOnly:
    """In place of the dispatcher: takes a request that has been read, checked by its schema and fingerprinted."""

    def execute(self, request: Request) -> Answer:
        """Answer as a command would."""
        return Answer(
            status=200, body=_ANSWER, etag_version=3, location=f"/v1/tickets/{request.command}", replayed=False
        )


def build_worker_app() -> Flask:
    """Return the application of a worker, with the peer beside it."""
    app = build_product_app()
    services = Services(
        commands=ValidateOnly(),  # it has what the routes of commands call
        connections=None,  # type: ignore[arg-type]  # these are not asked for
        views=None,  # type: ignore[arg-type]
        clock=None,  # type: ignore[arg-type]
        metrics=None,  # type: ignore[arg-type]
        keys=None,  # type: ignore[arg-type]
        rate_limits=None,  # type: ignore[arg-type]
        test_clock=None,
        environment="development",
    )
    app.register_blueprint(commands_blueprint(services), name="validate", url_prefix=VALIDATE)
    OTHERS["validate.one_command"] = STAFF
    return app
