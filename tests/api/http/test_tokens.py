"""JSON Web Tokens: only what the trusted issuer signed, for this desk, for now, with a role."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from msgspec.structs import replace

from api.http.access.tokens import Tokens
from api.http.app import create_app
from tests.api.http.conftest import Api, json_of, problem_of

ISSUER, AUDIENCE = "https://id.example", "the desk"
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
KEYS = {
    "keys": [
        {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rsa", "use": "sig", "alg": "RS256"},
        {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "ec", "use": "sig", "alg": "ES256"},
    ]
}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **claims: Any) -> str:
    """Return a sound token, but for what is said otherwise; a claim of None is left out."""
    now = int(time.time())
    sound = {"iss": ISSUER, "aud": AUDIENCE, "sub": "kim", "exp": now + 300, "caselog_role": "agent"}
    said = {name: value for name, value in (sound | claims).items() if value is not None}
    return jwt.encode(said, key, algorithm, headers={"kid": kid} if kid else None)


def client_of(api: Api, jwks: str) -> FlaskClient:
    tokens = Tokens(issuer=ISSUER, audience=AUDIENCE, jwks=jwks)
    return create_app(replace(api.services, tokens=tokens)).test_client()


def ask(client: FlaskClient, bearer: str, path: str = "/v1/queue") -> Any:
    return client.get(path, headers={"Authorization": f"Bearer {bearer}"})


@pytest.fixture(scope="module")
def client(api: Api, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    file = tmp_path_factory.mktemp("issuer") / "jwks.json"
    file.write_text(json.dumps(KEYS))
    return client_of(api, str(file))


def test_a_sound_token_lets_its_subject_in_as_what_it_says(api: Api, client: FlaskClient) -> None:
    for sound in (token(), token(EC, "ES256", "ec"), token(aud=["others", AUDIENCE])):
        assert ask(client, sound).status_code == 200
    assert problem_of(ask(client, token(), "/metrics"), 403)["code"] == "forbidden"
    assert ask(client, api.secret).status_code == 200, "keys go on to work beside tokens"


def test_a_requesters_token_shows_its_own_customer(api: Api, client: FlaskClient) -> None:
    own, other = api.customer(), api.customer()
    api.answer("/v1/customers")
    bearer = token(caselog_role="requester", caselog_customer=own)
    assert json_of(ask(client, bearer, f"/v1/customers/{own}"))["customer_id"] == own
    assert ask(client, bearer, f"/v1/customers/{other}").status_code == 404


PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signed_with_the_public_key() -> str:
    """The old trick: a token by HMAC, with the public key as secret. PyJWT refuses to make one, so by hand."""
    import hashlib
    import hmac
    from base64 import urlsafe_b64encode

    def part(value: Any) -> bytes:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = jwt.decode(token(), options={"verify_signature": False})
    text = part({"alg": "HS256", "kid": "rsa", "typ": "JWT"}) + b"." + part(claims)
    signature = urlsafe_b64encode(hmac.new(PUBLIC, text, hashlib.sha256).digest()).rstrip(b"=")
    return (text + b"." + signature).decode()


NOW = int(time.time())


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param(token(STRANGER), id="signed by somebody else"),
        pytest.param(token(kid="unknown"), id="a key that the issuer does not have"),
        pytest.param(token(kid=None), id="no key named"),
        pytest.param(token(None, "none"), id="not signed"),
        pytest.param(signed_with_the_public_key(), id="signed with the public key"),
        pytest.param(token(algorithm="RS512"), id="another algorithm"),
        pytest.param(token(exp=NOW - 3600), id="expired"),
        pytest.param(token(exp=None), id="never expires"),
        pytest.param(token(nbf=NOW + 3600), id="not valid yet"),
        pytest.param(token(iss="https://other.example"), id="another issuer"),
        pytest.param(token(aud="another desk"), id="for another"),
        pytest.param(token(aud=None), id="for nobody"),
        pytest.param(token(sub=None), id="of nobody"),
        pytest.param(token(sub="a\nb"), id="of a name that is none"),
        pytest.param(token(caselog_role=None), id="without a role"),
        pytest.param(token(caselog_role="king"), id="an unknown role"),
        pytest.param(token(caselog_role=["agent"]), id="several roles"),
        pytest.param(token(caselog_role="requester"), id="a requester of no customer"),
        pytest.param(token(caselog_customer="alpine"), id="an agent of a customer"),
        pytest.param(token()[:-4], id="cut"),
        pytest.param("a.b.c", id="rubbish"),
        pytest.param("a" * 20_000, id="far too long"),
    ],
)
def test_any_other_token_lets_nobody_in(client: FlaskClient, bearer: str) -> None:
    answer = ask(client, bearer)
    assert problem_of(answer, 401)["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


class Issuer(HTTPServer):
    """Somebody who makes tokens. `asked` counts the requests for the keys, which are answered so."""

    asked = 0
    status = 200
    body = json.dumps(KEYS).encode()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked += 1
            body = server.body
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = Issuer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_issuers_keys_are_fetched_and_kept(api: Api, issuer: Issuer) -> None:
    client = client_of(api, f"http://127.0.0.1:{issuer.server_port}/jwks")
    assert ask(client, token()).status_code == 200
    issuer.shutdown()
    assert ask(client, token()).status_code == 200, "what is known of the issuer is of use while it is away"


def test_an_issuer_that_cannot_be_reached_is_told(api: Api, issuer: Issuer, tmp_path: Path) -> None:
    port = issuer.server_port
    issuer.shutdown()
    issuer.server_close()
    for jwks in (f"http://127.0.0.1:{port}/jwks", str(tmp_path / "gone.json")):
        answer = ask(client_of(api, jwks), token())
        assert problem_of(answer, 503)["code"] == "identity_unavailable"
        assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b'{"keys": []}', b"\xff"])
def test_a_file_that_becomes_bad_is_no_fault_of_the_caller(api: Api, tmp_path: Path, spoilt: bytes) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KEYS))
    client = client_of(api, str(file))
    assert ask(client, token()).status_code == 200
    file.write_bytes(spoilt)
    for _ in range(2):
        assert problem_of(ask(client, token()), 503)["code"] == "identity_unavailable"
    file.write_text(json.dumps(KEYS))
    assert ask(client, token()).status_code == 200


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>"), (200, b'{"keys": []}'), (200, b"[]")])
def test_an_issuer_in_trouble_is_not_asked_for_every_token(api: Api, issuer: Issuer, status: int, body: bytes) -> None:
    issuer.status, issuer.body = status, body
    client = client_of(api, f"http://127.0.0.1:{issuer.server_port}/jwks")
    for _ in range(3):
        assert problem_of(ask(client, token()), 503)["code"] == "identity_unavailable"
    assert issuer.asked == 1


def test_made_up_keys_do_not_make_the_desk_ask_the_issuer_again_and_again(api: Api, issuer: Issuer) -> None:
    client = client_of(api, f"http://127.0.0.1:{issuer.server_port}/jwks")
    for number in range(5):
        assert problem_of(ask(client, token(kid=f"made up {number}")), 401)["code"] == "unauthenticated"
    assert issuer.asked <= 2
