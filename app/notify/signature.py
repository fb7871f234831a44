"""How a webhook is signed: Standard Webhooks 1.0.0, symmetric, version v1."""

import base64
import binascii
import hashlib
import hmac
from typing import Dict, Sequence

MOST_SECRETS = 4
START = b"whsec_"
LENGTHS = (24, 64)  # bytes of a secret, as the standard recommends


def read_secret(line: bytes) -> bytes:
    """The key in whsec_<base64>. Raises ValueError, which shows nothing of it."""
    line = line.strip()
    try:
        key = base64.b64decode(line[len(START) :], validate=True) if line.startswith(START) else b""
    except binascii.Error:
        key = b""
    if not LENGTHS[0] <= len(key) <= LENGTHS[1]:
        raise ValueError(
            "is no secret: it should be whsec_ and {} to {} bytes in base64; to make one: "
            "echo whsec_$(openssl rand -base64 32)".format(*LENGTHS)
        )
    return key


def headers(keys: Sequence[bytes], identifier: str, timestamp: int, body: bytes) -> Dict[str, str]:
    """The headers of one attempt.

    keys: with several, during a change of secrets, there is a signature by each. identifier: of the message, the same
    in all attempts. timestamp: of this attempt, in seconds since 1970.
    """
    found = {"webhook-id": identifier, "webhook-timestamp": str(timestamp)}
    signed = f"{identifier}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    if signatures:
        found["webhook-signature"] = " ".join("v1," + signature for signature in signatures)
    return found
