// Drives the package `cryptomus-sdk` 3.0.0 (https://www.npmjs.com/package/cryptomus-sdk).
//
// It makes an error of the answer's body without its words: what a refusal says is read here where
// the package gets it from axios.
const axios = require("axios");
const { Cryptomus } = require("cryptomus-sdk");
const { assert, BASE, RUN, WEBHOOKS, step, clientBug, wait, delivered } = require("./steps.cjs");

const MERCHANT = "8b03432e-385b-4670-8d06-064591096795";
const ADDRESS = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm";

function connect(payment = "payment-key-1", payout = "payout-key-1", merchant = MERCHANT) {
  const client = new Cryptomus(merchant, payment, payout);
  client.url = `${BASE}/v1/`;
  return client;
}

function order(suffix = "", changes = {}) {
  return {
    amount: "5",
    currency: "USDT",
    network: "TRON",
    order_id: `npm-${RUN}${suffix}`,
    address: ADDRESS,
    is_subtract: true,
    url_callback: WEBHOOKS,
    ...changes,
  };
}

let refusal;
axios.interceptors.response.use(null, (error) => {
  refusal = error.response;
  return Promise.reject(error);
});

/** Fails unless this is refused with this status and these words. */
async function refused(promise, status, words) {
  await assert.rejects(promise, { message: "[object Object]" });
  assert.equal(refusal.status, status);
  assert.match(refusal.data.message, words);
}

async function refusals(client) {
  const wrong = connect("wrong", "wrong");
  await step("wrong key", () => refused(wrong.createPayout(order("-a")), 401, /Invalid Sign\./));
  const nobody = connect(undefined, undefined, "nobody");
  await step("unknown merchant", () =>
    refused(nobody.createPayout(order("-b")), 401, /Invalid Sign\./));
  const cases = {
    "unknown currency": [{ currency: "NOSUCH" }, /The currency was not found/],
    "network that the coin is not on": [{ network: "BTC" }, /The service was not found/],
    "not enough funds": [{ amount: "5000000" }, /Not enough funds/],
    "address with a wrong checksum": [{ address: "TXguLRFtrAFrEDA17WuPfrxB84jVzJcNNV" }, /./],
  };
  for (const [name, [change, words]] of Object.entries(cases)) {
    const asked = order(`-${name.split(" ")[0]}`, change);
    await step(name, () => refused(client.createPayout(asked), 422, words));
  }
  const unknown = { order_id: `npm-none-${RUN}` };
  await clientBug("words of a refusal", "they are lost in the error", () =>
    assert.rejects(client.getPayoutInfo(unknown), { message: "[object Object]" }));
}

async function lists(client, made) {
  await step("payout list", async () => {
    const { state, result } = await client.getPayoutHistory();
    assert.equal(state, 0);
    assert.equal(result.merchant_uuid, MERCHANT);
    const item = result.items.find((it) => it.uuid === made.uuid);
    assert.equal(Number(item.amount), 5);
    assert.equal(typeof item.balance, "string");
    assert.equal(result.paginate.count, result.items.length);
    assert.equal(result.paginate.perPage, 15);
  });
  await step("payout list: a cursor that is none", () =>
    refused(client.getPayoutHistory("none"), 422, /./));
  await step("payout services", async () => {
    const { result } = await client.getPayoutServices();
    const isTron = (it) => it.currency === "USDT" && it.network.toLowerCase() === "tron";
    const tron = result.find(isTron);
    assert.equal(tron.is_available, true);
    assert.match(tron.limit.min_amount, /^\d+\.\d{8}$/);
    assert.ok(Number(tron.limit.max_amount) > Number(tron.limit.min_amount));
    assert.match(tron.commission.fee_amount, /^\d+\.\d+$/);
    assert.match(tron.commission.percent, /^\d+\.\d+$/);
  });
}

async function moves(client) {
  const usdt = async () => {
    const { result } = await client.getBalance();
    const rows = result[0].balance.merchant.filter((it) => it.currency_code === "USDT");
    return rows.reduce((sum, it) => sum + Number(it.balance), 0);
  };
  let before;
  await step("balance", async () => assert.ok((before = await usdt()) > 0));
  await step("transfer to personal and back", async () => {
    const asked = { amount: "4", currency: "USDT" };
    const { result: moved } = await client.transferToWallet("personal", asked);
    assert.ok(Number(moved.user_wallet_balance) >= 4);
    assert.equal((before - (await usdt())).toFixed(6), "4.000000");
    await client.transferToWallet("business", asked);
    assert.equal((await usdt()).toFixed(6), before.toFixed(6));
  });
}

async function main() {
  const client = connect();
  let made;
  await step("create", async () => {
    const answer = await client.createPayout(order());
    assert.equal(answer.state, 0);
    made = answer.result;
    assert.equal(made.status, "process");
    assert.equal(made.is_final, false);
    assert.equal(made.txid, null);
    assert.equal(made.amount, "5");
    assert.equal(made.payer_amount, 5);
    assert.equal(made.address, ADDRESS);
    assert.equal(typeof made.balance, "number");
  });
  await step("create again: the same payout", async () =>
    assert.equal((await client.createPayout(order())).result.uuid, made.uuid));
  await step("info by uuid", async () =>
    assert.equal((await client.getPayoutInfo({ uuid: made.uuid })).result.amount, "5"));
  await step("info by order_id", async () =>
    assert.equal((await client.getPayoutInfo({ order_id: order().order_id })).result.uuid, made.uuid));
  await refusals(client);
  await lists(client, made);
  await moves(client);
  await step("paid", async () => {
    const look = async () => (await client.getPayoutInfo({ uuid: made.uuid })).result;
    const paid = await wait("paid", async () => ((made = await look()).is_final ? made : null));
    assert.equal(paid.status, "paid");
    assert.ok(paid.txid);
  });
  await step("webhook", async () => {
    const body = JSON.parse(await delivered(made.uuid, '"status":"paid"'));
    assert.equal(body.txid, made.txid);
  });
}

main();
