// Looks up payouts as any client of the network would, by TronWeb:
//   node sees.mjs URL '{"payer", "token", "payouts": [{"txid", "to", "units", "isToken"}]}'
// in a folder whose node_modules has tronweb@6.5.1. Exits with 1 if anything is not as it was said.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const { TronWeb, utils } = require('tronweb');

const [url, text] = process.argv.slice(2);
const { payer, token, payouts } = JSON.parse(text);
const tron = new TronWeb({ fullHost: url });
tron.setAddress(payer);

const held = new Map();
for (const { txid, to, units, isToken } of payouts) {
  const found = await tron.trx.getConfirmedTransaction(txid);
  assert.equal(found.txID, txid);
  assert.equal(found.ret[0].contractRet, 'SUCCESS');
  assert(utils.transaction.txCheck(found), 'its bytes are what it says');
  const signer = tron.trx.ecRecover(found);
  assert.equal(TronWeb.address.fromHex(TronWeb.address.toHex(signer)), payer);
  const info = await tron.trx.getTransactionInfo(txid);
  assert.equal(info.id, txid);
  const key = `${isToken ? 'token' : 'coins'} ${to}`;
  held.set(key, (held.get(key) ?? 0n) + BigInt(units));
  if (isToken) {
    assert.equal(info.receipt.result, 'SUCCESS');
    const [log] = info.log;
    assert.equal(`41${log.address}`, TronWeb.address.toHex(token).toLowerCase());
    assert.equal(BigInt(`0x${log.data}`), BigInt(units));
  }
}
for (const [key, units] of held) {
  const [what, to] = key.split(' ');
  let balance;
  if (what === 'coins') {
    balance = BigInt(await tron.trx.getBalance(to));
  } else {
    const contract = await tron.contract(
      [{ type: 'function', name: 'balanceOf', inputs: [{ type: 'address' }], outputs: [{ type: 'uint256' }], stateMutability: 'view' }],
      token,
    );
    balance = BigInt(await contract.balanceOf(to).call());
  }
  assert.equal(balance, units, key);
}
console.log(`${payouts.length} payouts seen`);
