"""JSON Web Tokens of an issuer that the desk trusts, for people and services that have an identity elsewhere."""

from pathlib import Path
from time import monotonic
from typing import Any, cast, get_args
from urllib.parse import urlsplit

import jwt
import msgspec

from domain.api_key import Role
from infra.access.key_sets import key_set_of

ALGORITHMS = ("RS256", "ES256")
ROLE = "caselog_role"
CUSTOMER = "caselog_customer"

LEEWAY_SECONDS = 10
JWKS_SECONDS = 300
FETCH_SECONDS = 3
FAILED_SECONDS = 5.0
"""How long an issuer that could not be reached is not asked again: a thread that waits for it serves nobody."""
LONGEST_TOKEN = 8_192


class InvalidToken(Exception):
    """The token is not one that lets somebody in; the message says why."""


class IssuerUnreachable(Exception):
    """The issuer's keys cannot be had now, so nobody can tell whether the token is sound."""


class Token(msgspec.Struct, frozen=True):
    """What a sound token says."""

    subject: str
    role: Role
    customer_id: str | None


class Tokens:
    """Checks tokens: signature by a key of the issuer's set, issuer, audience, times, role.

    Safe to use from many threads. `jwks` is the address of the set (https or http) or the path of a file with it.
    """

    def __init__(self, *, issuer: str, audience: str, jwks: str) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys: _KeysOfAnAddress | _KeysOfAFile = (
            _KeysOfAnAddress(jwks, lifespan=JWKS_SECONDS, timeout=FETCH_SECONDS)
            if urlsplit(jwks).scheme in ("http", "https")
            else _KeysOfAFile(Path(jwks))
        )

    @property
    def issuer(self) -> str:
        """Who made the tokens."""
        return self._issuer

    def check(self, text: str) -> Token:
        """Return what a token says. Raises `InvalidToken` or `IssuerUnreachable`."""
        if len(text) > LONGEST_TOKEN:
            raise InvalidToken(f"the token is longer than {LONGEST_TOKEN} characters")
        try:
            if jwt.get_unverified_header(text).get("alg") not in ALGORITHMS:
                raise InvalidToken(f"the token is not signed by {' or '.join(ALGORITHMS)}")
            claims: dict[str, Any] = jwt.decode(
                text,
                self._keys.get_signing_key_from_jwt(text),
                algorithms=list(ALGORITHMS),
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWKClientConnectionError, OSError) as error:
            raise IssuerUnreachable("the issuer's keys cannot be had now") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise InvalidToken(f"the token is not valid: {str(error) or type(error).__name__}") from None
        return _token(claims)


class _KeysOfAnAddress(jwt.PyJWKClient):
    """The issuer's keys by HTTP. One thread fetches them and the others wait for it, but not for one failure each."""

    _failed_at = float("-inf")

    def fetch_data(self) -> Any:
        """Return the set. Raises `PyJWKClientConnectionError` where it cannot be had, and for a while after that."""
        if monotonic() - self._failed_at < FAILED_SECONDS:
            raise jwt.PyJWKClientConnectionError("the issuer was not reached a moment ago")
        try:
            return super().fetch_data()
        except (jwt.PyJWTError, ValueError) as error:  # not reached, no JSON, or no set of keys
            self._failed_at = monotonic()
            raise jwt.PyJWKClientConnectionError("the issuer has no sound set of keys") from error


class _KeysOfAFile:
    """The issuer's keys in a file, which may be replaced while the desk runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[int, jwt.PyJWKSet] | None = None

    def get_signing_key_from_jwt(self, text: str) -> jwt.PyJWK:
        """Return the key that a token names.

        Raises `OSError` or `PyJWKClientConnectionError` where the file has no sound set now, or another `PyJWTError`.
        """
        changed = self._path.stat().st_mtime_ns
        if self._read is None or self._read[0] != changed:
            try:
                self._read = changed, key_set_of(self._path.read_text(encoding="utf-8"))
            except ValueError as error:  # half written, or of another kind: no fault of whoever shows a token
                raise jwt.PyJWKClientConnectionError("the issuer's file has no sound set of keys") from error
        named = jwt.get_unverified_header(text).get("kid")
        for key in self._read[1].keys:
            if named is not None and key.key_id == named:
                return key
        raise jwt.PyJWKClientError(f"the issuer has no key {named!r}")


def _token(claims: dict[str, Any]) -> Token:
    role, customer, subject = claims.get(ROLE), claims.get(CUSTOMER), claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= 200 or not subject.isprintable():
        raise InvalidToken("the token's sub is no name of 1 to 200 characters")
    if role not in get_args(Role):
        raise InvalidToken(f"the token's {ROLE} is none of {', '.join(get_args(Role))}")
    if (role == "requester") != isinstance(customer, str):
        raise InvalidToken(f"a requester's token, and no other, names its customer in {CUSTOMER}")
    return Token(subject, cast("Role", role), customer)
