// A client: node tronweb.mjs URL TOKEN RECIPIENT. Pays 5 TRX and 7 units of the token with the key
// 0101…01, and reads what became of it.
import assert from 'node:assert';
import path from 'node:path';
import { createRequire } from 'node:module';

const { TronWeb } = createRequire(path.join(process.cwd(), 'x.js'))('tronweb');
const [url, token, recipient] = process.argv.slice(2);
const tron = new TronWeb({ fullHost: url, privateKey: '01'.repeat(32) });
const me = tron.defaultAddress.base58;

async function receipt(id) {
  for (;;) {
    const info = await tron.trx.getTransactionInfo(id);
    if (info.id) return info;
  }
}

assert.equal(await tron.trx.getBalance(me), 1_000_000_000);
const sent = await tron.trx.sendTransaction(recipient, 5_000_000);
assert.equal(sent.result, true, JSON.stringify(sent));
const paid = await receipt(sent.txid);
assert.equal(paid.id, sent.txid);
assert.equal(paid.fee, 1_100_000);
assert.equal(await tron.trx.getBalance(recipient), 5_000_000);

const abi = [
  { type: 'function', name: 'transfer', stateMutability: 'nonpayable', inputs: [{ name: 'to', type: 'address' }, { name: 'value', type: 'uint256' }], outputs: [{ type: 'bool' }] },
  { type: 'function', name: 'balanceOf', stateMutability: 'view', inputs: [{ name: 'who', type: 'address' }], outputs: [{ type: 'uint256' }] },
];
const contract = tron.contract(abi, token);
assert.equal(await contract.balanceOf(me).call(), 1_000_000_000n);

const parameters = [{ type: 'address', value: recipient }, { type: 'uint256', value: 7 }];
const constant = await tron.transactionBuilder.triggerConstantContract(token, 'transfer(address,uint256)', {}, parameters, me);
assert.equal(constant.energy_used, 28_418);
const estimate = await tron.transactionBuilder.estimateEnergy(token, 'transfer(address,uint256)', {}, parameters, me);
assert.ok(estimate.energy_required >= 28_418);

const id = await contract.transfer(recipient, 7).send({ feeLimit: 100_000_000 });
const called = await receipt(id);
assert.equal(called.receipt.result, 'SUCCESS');
assert.equal(called.receipt.energy_usage_total, 28_418);
assert.equal(called.log.length, 1);
assert.equal(await contract.balanceOf(recipient).call(), 7n);
const block = await tron.trx.getBlockByNumber(called.blockNumber);
assert.equal(block.transactions[0].txID, id);
const confirmed = await tron.trx.getConfirmedTransaction(id);
assert.equal(confirmed.ret[0].contractRet, 'SUCCESS');
const resources = await tron.trx.getAccountResources(me);
assert.ok(resources.freeNetLimit === 600 && resources.freeNetUsed > 0);
