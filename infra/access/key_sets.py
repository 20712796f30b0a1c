"""An issuer's set of public keys (JWKS, RFC 7517) as text: is it one that a token can be checked with?"""

import jwt

_SIGNING = ("RSA", "EC")


def key_set_of(text: str) -> jwt.PyJWKSet:
    """Return the keys of a set. Raises `ValueError` where there is none that a token can name and be signed with."""
    try:
        keys = jwt.PyJWKSet.from_json(text)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
        raise ValueError("it is no JSON object with `keys` of the form that RFC 7517 says") from None
    if not any(key.key_id and key.key_type in _SIGNING for key in keys):
        raise ValueError("none of its keys has a `kid` and is RSA or EC")
    return keys
