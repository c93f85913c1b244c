"""Drives the packages `onchainpay-api` 0.0.8 (https://pypi.org/project/onchainpay-api/) and
`apollopayment-api` 0.0.8 (https://pypi.org/project/apollopayment-api/).

The argument says which of the two, which differ in the host only: `onchainpay` or `apollo`.
The host is fixed in the constructor, which already asks for balances: so a subclass says where.
"""

import json
import sys
from decimal import Decimal
from importlib import import_module

from steps import APOLLO, BAD_TRON_ADDRESS, BASE, BITCOIN_ADDRESS, ONCHAINPAY, TRON_ADDRESS
from steps import WEBHOOKS
from steps import between, client_bug, delivered, equal, refused, step, wait

PACKAGE, KEYS = {
    "onchainpay": ("onchainpay_api", ONCHAINPAY),
    "apollo": ("apollopayment_api", APOLLO),
}[sys.argv[1]]
PUBLIC, PRIVATE = KEYS["public"], KEYS["private"]
Client = import_module(PACKAGE).Client
InternalSDKError = import_module(f"{PACKAGE}.error").InternalSDKError
create_signature = import_module(f"{PACKAGE}.resources.utils").create_signature


class Here(Client):
    _base_url = property(lambda self: BASE + "/api-gateway", lambda self, value: None)

    def post(self, path, **payload):
        """A call that the package has no method for, through its own `request`."""
        return self.request("post", self._base_url, path, payload=payload)


def answer(whole):
    """What a success carries."""
    equal(whole.get("success"), True, f"success of {whole}")
    return whole["response"]


def refusal(whole):
    """The name of an error."""
    equal(whole.get("success"), False, f"success of {whole}")
    error = whole["error"]
    equal((type(error["code"]), type(error["name"])), (int, str), "types")
    assert error["message"] and error["name"] != "METHOD_NOT_FOUND", error
    return error["name"]


def until(status, path, id):
    look = lambda: (it := answer(client.post(path, id=id)))["status"] == status and it
    return wait(status, look)


client = None
with step("constructor: advanced balances"):
    client = Here(PUBLIC, PRIVATE)
    assert client._advancedBalanceId, "no balance"
with step("wrong private key"), refused(InternalSDKError, "advanced balance"):
    Here(PUBLIC, "priv2==")
with step("unknown public key"), refused(InternalSDKError, "advanced balance"):
    Here("pub2==", PRIVATE)
with step("advanced balance"):
    balance = answer(client.advanced_account.get_advanced_balance())[0]
    equal(balance["advancedBalanceId"], client._advancedBalanceId, "advancedBalanceId")
    equal(balance["currency"], "USD", "currency")
    assert Decimal(balance["balance"]) >= 0, balance
with step("test signature"):
    checked = answer(client.basic_actions.check_x_api_signature())
    equal(checked["checkSignatureResult"], True, "checkSignatureResult")
    equal(json.loads(checked["receivedBody"]).keys(), {"nonce": 0}.keys(), "receivedBody")
with step("test signature with a wrong key: it reports"):
    client._private_key = "other=="
    wrong = client.basic_actions.check_x_api_signature()
    equal(answer(wrong)["checkSignatureResult"], False, "checkSignatureResult")
if client:
    client._private_key = PRIVATE

with step("available currencies"):
    coins = {it["currency"]: it for it in answer(client.basic_actions.get_currencies())}
    networks = {it["name"]: it for it in coins["USDT"]["networks"]}
    equal(coins["USDT"]["allowWithdrawal"], True, "allowWithdrawal")
    assert {"tron", "bsc", "ethereum"} <= networks.keys(), networks.keys()
    equal(type(networks["tron"]["confirmations"]), int, "type of confirmations")
    equal(networks["tron"]["underMaintenance"], False, "underMaintenance")
    assert Decimal(networks["tron"]["withdrawalFee"]) >= 0, networks["tron"]
    assert Decimal(coins["BTC"]["priceUSD"]) > 1000, coins["BTC"]
with step("price"):
    price = answer(client.basic_actions.get_currency_price("ETH", "USDT"))
    between(Decimal(100), Decimal(price), Decimal(1_000_000), "price")
with step("price of an unknown coin"):
    refusal(client.basic_actions.get_currency_price("NOSUCH", "USDT"))
with step("validate address"):
    checks = client.basic_actions.check_address_format
    equal(answer(checks(TRON_ADDRESS, "tron"))["isValid"], True, "isValid")
    equal(answer(checks(BAD_TRON_ADDRESS, "tron"))["isValid"], False, "isValid")
    equal(answer(checks(BITCOIN_ADDRESS, "tron"))["isValid"], False, "isValid")

with step("auto-swap by amountTo"):
    swap = answer(client.auto_swaps.create_swap(
        address=TRON_ADDRESS, currency="USDT", network="tron", amountTo="100", webhookUrl=WEBHOOKS
    ))
    equal(swap["status"], "PENDING", "status")
    equal((swap["currencyTo"], swap["networkTo"]), ("USDT", "tron"), "coin")
    equal(Decimal(swap["amountTo"]), Decimal(100), "amountTo")
    equal(swap["webhookUrl"], WEBHOOKS, "webhookUrl")
with step("get auto-swap"):
    found = answer(client.auto_swaps.get_swap_by_id(swap["id"]))
    equal((found["id"], found["createdAt"]), (swap["id"], swap["createdAt"]), "swap")
with step("unknown auto-swap"):
    refusal(client.auto_swaps.get_swap_by_id("00000000-0000-4000-8000-000000000000"))
with step("auto-withdrawal by amountFrom"):
    made = answer(client.post(
        "/auto-withdrawals/create",
        address=BITCOIN_ADDRESS,
        currency="BTC",
        network="bitcoin",
        amountFrom="1000",
        feeInAmount=True,
        webhookUrl=WEBHOOKS,
    ))
    equal((made["type"], made["status"], made["txId"]), ("WITHDRAWAL", "PENDING", None), "status")
    equal((made["currencyFrom"], made["networkFrom"]), ("USDT", "bsc"), "source")
    equal((made["currencyTo"], made["networkTo"]), ("BTC", "bitcoin"), "target")
    equal(made["addressTo"], BITCOIN_ADDRESS, "addressTo")
    equal(Decimal(made["amountFrom"]), Decimal(1000), "amountFrom")
    between(Decimal("0.0001"), Decimal(made["amountTo"]), Decimal("0.5"), "amountTo")
    assert Decimal(made["rate"]) > 0, made
with step("get auto-withdrawal"):
    found = answer(client.post("/auto-withdrawals/get", id=made["id"]))
    equal(found["amountFrom"], made["amountFrom"], "amountFrom")

GOOD = {"address": TRON_ADDRESS, "currency": "USDT", "network": "tron", "amountTo": "50"}
for name, change in {
    "address with a wrong checksum": {"address": BAD_TRON_ADDRESS},
    "unknown coin": {"currency": "NOSUCH"},
    "network that the coin is not on": {"network": "bitcoin"},
    "less than 20 dollars": {"amountTo": "1"},
    "more than there is": {"amountTo": "5000000"},
    "amount that is no number": {"amountTo": "much"},
}.items():
    with step(name):
        refusal(client.auto_swaps.create_swap(**{**GOOD, **change}))
with step("a nonce that was used"):
    class Again(dict):
        def update(self, _):
            super().update({"nonce": swap["id"]})

    path, base = "/advanced-balances", client._base_url
    answer(client.request("post", base, path, payload=Again(a=1)))
    refusal(client.request("post", base, path, payload=Again(a=1)))

with step("withdrawal: fee token"):
    places = answer(client.blockchain_address.get_business_addresses())
    place = next(it for it in places if (it["currency"], it["network"]) == ("USDT", "tron"))
    fee = answer(client.withdraws.get_commission_token(place["id"], "25"))
    assert fee["token"] and Decimal(fee["blockchainFee"]) >= 0, fee
    assert Decimal(fee["withdrawalMin"]) <= 25, fee
with step("withdrawal: make"):
    withdrawal = answer(client.withdraws.create_async_withdrawal(
        place["id"], TRON_ADDRESS, "25", fee["token"], webhookUrl=WEBHOOKS
    ))
    equal((withdrawal["currency"], withdrawal["network"]), ("USDT", "tron"), "coin")
    equal(Decimal(withdrawal["amount"]), Decimal(25), "amount")
    assert withdrawal["status"] in ("init", "pending"), withdrawal
with step("withdrawal: the same fee token again"):
    refusal(client.withdraws.create_withdrawal(place["id"], TRON_ADDRESS, "25", "no-token"))
with client_bug("withdrawal: get", "it asks with GET", InternalSDKError, "Method not allowed"):
    client.withdraws.get_withdrawal_by_id("bd6631c2-7f8f-4509-ba4c-418b899465be")
with step("withdrawal: get with POST"):
    look = lambda: answer(client.post("/get-withdrawal", withdrawalId=withdrawal["id"]))
    found = wait("processed", lambda: (it := look())["status"] == "processed" and it)
    assert found["tx"] and found["id"] == withdrawal["id"], found

with step("processed"):
    done = until("PROCESSED", "/auto-withdrawals/get", made["id"])
    assert done["txId"], done
    until("PROCESSED", "/auto-swaps/get", swap["id"])
with step("webhook passes the client's signature"):
    signature, body = delivered(made["id"], '"status":"PROCESSED"')
    equal(create_signature(PRIVATE, body), signature, "signature")
    equal(json.loads(body)["txId"], done["txId"], "txId")
    assert create_signature("other==", body) != signature
with step("approval: asked, given, paid"):
    wish = answer(client.post(
        "/auto-withdrawals/create",
        address=TRON_ADDRESS,
        currency="USDT",
        network="tron",
        amountTo="30",
        requestedClientId="user-1",
        approveUrl=WEBHOOKS,
    ))
    signature, body = delivered(wish["id"], '"status":"PENDING"')
    equal(create_signature(PRIVATE, body), signature, "signature")
    asked = json.loads(body)
    equal((asked["requestedClientId"], asked["approveResult"]), ("user-1", None), "question")
    answer(client.post("/auto-withdrawals/approve", id=wish["id"], approve=True))
    paid = until("PROCESSED", "/auto-withdrawals/get", wish["id"])["approveResult"]
    equal((paid["approve"], paid["apiKey"]["public"]), (True, PUBLIC), "approveResult")
    equal(paid["request"]["ip"], "127.0.0.1", "ip")
    assert paid["request"]["userAgent"].startswith("python-requests/"), paid
    refusal(client.post("/auto-withdrawals/approve", id=wish["id"], approve=False))
with step("operation by transaction"):
    found = answer(client.basic_actions.get_operation_by_tx_hash(done["txId"]))
    equal((found["type"], found["result"]["id"]), ("OUT", made["id"]), "operation")
with step("webhook by its name"):
    sent = answer(client.webhooks.get_webhook_by_id(made["id"] + "-0"))
    equal((sent["id"], sent["status"]), (made["id"], "WITHDRAWING"), "body")
    whole = answer(client.webhooks.get_webhook_by_id_extended(made["id"] + "-0", ["event", "responseStatus"]))
    equal(whole, {"event": "WITHDRAWAL", "responseStatus": "SUCCESS"}, "webhook")
with step("history"):
    listed = answer(client.post("/get-transaction-history", currency="BTC", network="bitcoin", limit=10))
    assert made["id"] in [it["id"] for it in listed], listed
with step("unknown webhook"):
    refusal(client.webhooks.get_webhook_by_id("00000000-0000-4000-8000-000000000000"))
with step("approval of what needs none"):
    refusal(client.post("/auto-withdrawals/approve", id=made["id"], approve=True))
