"""Checks transactions.json and keys.json with an implementation that did not make them:

    pip install 'tronpy[offline]==0.6.2' && python transactions.py

Every transaction is built again from its fields, with Google's protobuf; bytes, identifiers,
signatures and signers must be the same. Exits with 1 if anything differs.
"""

import hashlib
import json
import pathlib
import sys

from google.protobuf import any_pb2
from tronpy.hdwallet import key_from_seed
from tronpy.keys import PrivateKey, PublicKey, Signature, to_base58check_address, to_raw_address
from tronpy.proto import calculate_txid_from_raw_data, tron_pb2

HERE = pathlib.Path(__file__).parent
SELECTOR = bytes.fromhex("a9059cbb")


def message(row):
    """The contract's message, and its fields as tronpy's own function wants them."""
    owner, to, amount = to_raw_address(row["owner"]), to_raw_address(row["to"]), int(row["amount"])
    if row["kind"] == "native":
        built = tron_pb2.TransferContract(owner_address=owner, to_address=to, amount=amount)
        return "TransferContract", built, {"owner_address": row["owner"], "to_address": row["to"], "amount": amount}
    data = SELECTOR + bytes(12) + to[1:] + amount.to_bytes(32, "big")
    contract = to_raw_address(row["contract"])
    built = tron_pb2.TriggerSmartContract(owner_address=owner, contract_address=contract, data=data)
    return "TriggerSmartContract", built, {"owner_address": row["owner"], "contract_address": row["contract"], "data": data.hex()}


def raw(row):
    kind, built, value = message(row)
    type_url = f"type.googleapis.com/protocol.{kind}"
    frame = {name: bytes.fromhex(row[name]) for name in ["ref_block_bytes", "ref_block_hash"]}
    numbers = {name: row[name] for name in ["expiration", "timestamp", "fee_limit"]}
    contract = tron_pb2.Transaction.Contract(
        type=tron_pb2.Transaction.Contract.ContractType.Value(kind),
        parameter=any_pb2.Any(type_url=type_url, value=built.SerializeToString()),
    )
    found = tron_pb2.Transaction.raw(**frame, **numbers, contract=[contract])
    if row["memo"] is None:
        fields = {"ref_block_bytes": row["ref_block_bytes"], "ref_block_hash": row["ref_block_hash"], **numbers}
        fields["contract"] = [{"type": kind, "parameter": {"value": value, "type_url": type_url}}]
        # It leaves out the memo, so it is right about transactions without one only.
        yield "txid of tronpy", calculate_txid_from_raw_data(fields), row["txid"]
    else:
        found.data = row["memo"].encode()
    payload = bytes.fromhex(row["raw_data_hex"])
    digest = hashlib.sha256(payload).digest()
    yield "bytes", found.SerializeToString().hex(), row["raw_data_hex"]
    yield "bytes read and written", tron_pb2.Transaction.raw.FromString(payload).SerializeToString().hex(), row["raw_data_hex"]
    yield "txid", digest.hex(), row["txid"]
    signature = Signature(bytes.fromhex(row["signature"]))
    key = PublicKey.recover_from_msg_hash(digest, signature)
    yield "signer", key.to_base58check_address(), row["owner"]
    yield "verified", key.verify_msg_hash(digest, signature), True
    yield "last byte", row["signature"][128:], ["1b", "1c"][signature.v]


def signed_again(row, keys):
    """libsecp256k1 (by way of coincurve) makes the same signature."""
    key = next(PrivateKey.fromhex(it["private_key"]) for it in keys if it["address"] == row["owner"])
    again = key.sign_msg_hash(bytes.fromhex(row["txid"]))
    yield "signature", again.hex()[:128] + ["1b", "1c"][again.v], row["signature"]


def derived(key):
    secret = PrivateKey.fromhex(key["private_key"])
    yield "address", secret.public_key.to_base58check_address(), key["address"]
    yield "spelling", to_base58check_address(to_raw_address(key["address"])), key["address"]
    if key["mnemonic"] is not None:
        seed = hashlib.pbkdf2_hmac("sha512", key["mnemonic"].encode(), b"mnemonic", 2048)
        yield "private key", key_from_seed(seed, account_path=key["key_path"]).hex(), key["private_key"]


def main():
    rows = json.loads((HERE / "transactions.json").read_text())
    keys = json.loads((HERE / "keys.json").read_text())
    different = 0
    for name, checks in [
        *((it["name"], [*raw(it), *signed_again(it, keys)]) for it in rows),
        *((it["address"], derived(it)) for it in keys),
    ]:
        for field, found, wanted in checks:
            if found != wanted:
                different += 1
                print(f"{name}: {field} is {found}, {wanted} in the file", file=sys.stderr)
    print(len(rows), "transactions,", len(keys), "keys,", different, "differences")
    sys.exit(1 if different or not rows or not keys else 0)


main()
