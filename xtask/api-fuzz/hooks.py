"""Makes generated requests ones that a merchant could send: signed, with a nonce of their own, and
with values here and there that exist. What is decided by chance follows from the request and its
number, so that the same seed makes the same requests."""

import base64
import hashlib
import hmac
import itertools
import random

import requests
import schemathesis

# Of so many requests, one is sent without a proof, and one with a wrong one.
UNSIGNED = 12
# Fields whose generated values stay: everything else gives way to the example now and then.
OWN = {"id", "merchant_ref", "nonce", "order_id", "uuid"}
# Those among them that name a new payout.
REFS = {"merchant_ref", "order_id"}
# Fields that name a payout which is asked about.
NAMES = {"id", "uuid"}
# How many identifiers of payouts are remembered.
MADE_MAX = 50

numbers = itertools.count(1)
made = []


def chance(*parts):
    """Random numbers that follow from what a request is, and from how many there were."""
    return random.Random(hashlib.sha256(repr((next(numbers), *parts)).encode()).digest())


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives some fields the values of the operation's example, or of payouts that exist, and the
    request a new nonce."""
    draw = chance(case.path)
    if draw.random() < 0.7:
        for name in [it for it in case.headers or {} if it.lower() == "idempotency-key"]:
            del case.headers[name]
    if case.path_parameters and "id" in case.path_parameters and made and draw.random() < 0.5:
        case.path_parameters["id"] = draw.choice(made)
    if not isinstance(case.body, dict):
        return
    known = example(case.operation)
    for name in sorted(it for it in case.body if isinstance(it, str)):
        if name in known and name not in OWN and draw.random() < 0.7:
            case.body[name] = known[name]
        elif name in REFS and draw.random() < 0.5:
            case.body[name] = f"api-fuzz-{draw.randrange(100)}"
        elif name in NAMES and made and draw.random() < 0.5:
            case.body[name] = draw.choice(made)
    if case.path.startswith("/api-gateway/") and draw.random() < 0.9:
        case.body["nonce"] = f"api-fuzz-{next(numbers)}"


def example(operation):
    """The example of an operation's body."""
    contents = operation.definition.raw.get("requestBody", {}).get("content", {}).values()
    return next((it["example"] for it in contents if isinstance(it.get("example"), dict)), {})


class Signed(requests.auth.AuthBase):
    """Signs the bytes that are sent, as the API of the path asks for it."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        draw = chance(request.path_url, body).randrange(UNSIGNED)
        headers = self.proof(request.path_url, body)
        for name, value in headers.items():
            request.headers.pop(name, None)
            if draw > 0:
                request.headers[name] = value if draw > 1 else value[::-1]
        return request

    @staticmethod
    def proof(path, body):
        """The headers that prove who asks."""
        if path.startswith("/vyplata/"):
            return {"Authorization": "Bearer sandbox-native-token"}
        if path.startswith("/v2/"):
            return {"Authorization": "Token cc-withdraw-key"}
        if path.startswith("/v1/"):
            key = "payout-key-1" if path.startswith("/v1/payout") else "payment-key-1"
            digest = hashlib.md5(base64.b64encode(body) + key.encode()).hexdigest()
            return {"merchant": "8b03432e-385b-4670-8d06-064591096795", "sign": digest}
        digest = hmac.new(b"priv==", body, hashlib.sha256).hexdigest()
        return {"x-api-public-key": "pub==", "x-api-signature": digest}


schemathesis.auth.set_from_requests(Signed())


@schemathesis.hook
def after_call(context, case, response):
    """Remembers the payouts that were made."""
    if response.status_code not in (200, 201) or case.method != "POST":
        return
    answer = response.json()
    for part in (answer, answer.get("result"), answer.get("response")):
        for name in sorted(NAMES) if isinstance(part, dict) else ():
            if isinstance(part.get(name), str) and len(made) < MADE_MAX:
                made.append(part[name])
