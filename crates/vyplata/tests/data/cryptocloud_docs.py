"""The Python class that CryptoCloud's documentation prints, word for word, and a test around it.

The class: https://docs.cryptocloud.plus/ru/api-reference-v2/withdrawals
"""

import os

import requests
from typing import Optional


class PayoutAPIClient:
    def __init__(self, api_key: str):
        self.api_key = api_key
        self.base_url = 'https://api.cryptocloud.plus'
        self.headers = {
            'Authorization': f'Token {self.api_key}',
            'Content-Type': 'application/json'
        }

    def create_payout(self, currency_code: str, to_address: str, amount: float) -> dict:
        """
        Creates a withdrawal request.

        :param currency_code: Currency code (e.g. “BTC”, “ETH”, “USDT”, “LTC”).
        :param to_address: Recipient's address.
        :param amount: Amount to send.
        :return: API response in dict format.
        """
        url = f"{self.base_url}/v2/invoice/api/out/create"
        payload = {
            "currency_code": currency_code,
            "to_address": to_address,
            "amount": amount
        }

        response = requests.post(url, json=payload, headers=self.headers)

        if response.status_code == 200:
            return response.json()
        else:
            raise PayoutAPIError(response.status_code, response.json())


class PayoutAPIError(Exception):
    def __init__(self, status_code: int, error_data: Optional[dict] = None):
        self.status_code = status_code
        self.error_data = error_data or {}
        message = f"API Request failed with status {status_code}: {self.error_data}"
        super().__init__(message)


# What follows is ours. Nothing of the class is changed but the host.
def client(key):
    made = PayoutAPIClient(key)
    made.base_url = os.environ["BASE"]
    return made


def refused(key, *arguments):
    try:
        client(key).create_payout(*arguments)
    except PayoutAPIError as error:
        return error.status_code, error.error_data["result"]
    raise SystemExit("not refused")


ADDRESS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
KEY = "cc-withdraw-key"
answer = client(KEY).create_payout(currency_code="BTC", to_address=ADDRESS, amount=0.00023)
assert answer["status"] == "success" and answer["result"]["amount"] == 0.00023, answer
# Small floats are sent with an exponent.
small = client(KEY).create_payout("BTC", ADDRESS, 0.00001)
assert small["data"]["amount"] == 0.00001, small
assert refused("bad-key-entirely", "BTC", ADDRESS, 1.0) == (
    400,
    {"authorization": "Unauthorized request."},
)
assert list(refused(KEY, "BTC", "x", 1.0)[1]) == ["network"]
assert list(refused(KEY, "XBT", ADDRESS, 1.0)[1]) == ["currency_code"]
assert list(refused(KEY, "BTC", ADDRESS, 0.0)[1]) == ["uncorrected_amount"]
assert list(refused(KEY, "BTC", ADDRESS, 0.1 + 0.2)[1]) == ["uncorrected_amount"]
print(answer["result"]["uuid"])
print(small["result"]["uuid"])
