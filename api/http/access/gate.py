"""Every request is held against the table before anything else is done with it: who sends it, may they, how often?"""

import re

from flask import Flask, Response, g, request

from api.http.access.identity import Identity, identity, let_in
from api.http.access.table import Roles, roles_of, roles_of_command
from api.http.access.tokens import InvalidToken, IssuerUnreachable
from api.http.problems.types import IDENTITY_UNAVAILABLE, TOO_MANY_REQUESTS, UNAUTHENTICATED
from api.http.replies import ProblemRaised
from api.http.services import Services
from commands.problems import FORBIDDEN
from commands.wire.field_errors import FieldError, InvalidData
from infra.access.api_keys import PREFIX
from infra.access.rate_limits import WINDOW_SECONDS

_BEARER = re.compile(r"[Bb]earer +([!-+\--~]+)")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="caselog"'}


def guard(app: Flask, services: Services) -> None:
    """Let in only who may use a route, and as often as they may."""

    def check() -> None:
        if request.endpoint is None or request.method == "OPTIONS":
            return  # there is nothing, or nothing is done
        roles = roles_of(request.endpoint, (request.view_args or {}).get("command"))
        if roles is None:
            return
        let_in(_who(services))
        _check_role(roles)
        charge(services, 1)

    def tell(response: Response) -> Response:
        standing = g.get("standing")
        if standing is not None:
            response.headers["RateLimit-Policy"] = f'"default";q={standing.quota};w={WINDOW_SECONDS}'
            response.headers["RateLimit"] = f'"default";r={standing.left};t={standing.resets_in_seconds}'
        return response

    app.before_request(check)
    app.after_request(tell)


def check_command(command: str) -> None:
    """End the request, or its part in a batch, with 403 if its sender may not send that command."""
    _check_role(roles_of_command(command))


def charge(services: Services, requests: int) -> None:
    """Count requests of the sender; ends this one with 429 if that is more than they may make in the minute."""
    quota = _quota(services)
    if quota == 0:
        return
    standing = services.rate_limits.take(identity().caller, quota, requests)
    g.standing = standing
    if not standing.is_allowed:
        raise ProblemRaised(
            TOO_MANY_REQUESTS,
            f"{quota} requests a minute are allowed, {standing.left} are left, and this counts {requests}",
            headers={"Retry-After": str(standing.resets_in_seconds)},
        )


def charge_batch(services: Services, commands: int) -> None:
    """Count the commands of a batch, of which one was counted when the request came.

    Raises `InvalidData` if they are more than any minute takes: "come again" would be no answer.
    """
    quota = _quota(services)
    if 0 < quota < commands:
        raise InvalidData(
            [FieldError("/commands", f"must be at most {quota}, for so many requests a minute are allowed to you")]
        )
    charge(services, commands - 1)


def _quota(services: Services) -> int:
    own = identity().requests_per_minute
    return services.requests_per_minute if own is None else own


def _check_role(roles: Roles) -> None:
    who = identity()
    if who.role not in roles:
        raise ProblemRaised(
            FORBIDDEN, f"your role is {who.role}; this takes {', '.join(sorted(roles)) or 'a role that nobody has'}"
        )


def _who(services: Services) -> Identity:
    sent = request.environ.get("HTTP_AUTHORIZATION")
    if sent is None:
        raise ProblemRaised(UNAUTHENTICATED, "there is no Authorization header", headers=_CHALLENGE)
    match = _BEARER.fullmatch(sent)
    if match is None:
        raise ProblemRaised(
            UNAUTHENTICATED, "Authorization must be one header: Bearer, a space, and a key or token", headers=_CHALLENGE
        )
    bearer = match[1]
    if bearer.startswith(PREFIX) or services.tokens is None:
        return _by_key(services, bearer)
    try:
        token = services.tokens.check(bearer)
    except InvalidToken as error:
        raise ProblemRaised(UNAUTHENTICATED, str(error), headers=_CHALLENGE) from None
    except IssuerUnreachable as error:
        raise ProblemRaised(IDENTITY_UNAVAILABLE, str(error)) from error
    return Identity(
        caller=f"jwt:{services.tokens.issuer}:{token.subject}",
        actor=token.subject,
        role=token.role,
        customer_id=token.customer_id,
    )


def _by_key(services: Services, secret: str) -> Identity:
    key = services.keys.find(secret)
    if key is None:
        raise ProblemRaised(UNAUTHENTICATED, "there is no such key, or it was revoked", headers=_CHALLENGE)
    created = key.created
    return Identity(
        caller=f"key:{created.key_id}",
        actor=created.name,
        role=created.role,
        customer_id=created.customer_id,
        requests_per_minute=created.requests_per_minute,
    )
