// Makes vectors.json with an independent implementation:
//   npm install ethers@6.17.0 && node vectors.mjs
import fs from 'node:fs';
import { ethers } from 'ethers';

// The first account of the well-known test mnemonic "test test ... junk".
const wallet = new ethers.Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const erc20 = new ethers.Interface(['function transfer(address,uint256)']);
const USDT = '0xdAC17F958D2ee523a2206206994597C13D831ec7';
const RECIPIENT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const MAX = 2n ** 127n - 1n;

const cases = [
  { name: 'native, all small', chain_id: 1, nonce: 0, gas_limit: 21000, max_fee: 1n, tip: 0n, token: null, amount: 1n },
  { name: 'native, ordinary', chain_id: 56, nonce: 127, gas_limit: 21000, max_fee: 30000000000n, tip: 1500000000n, token: null, amount: 10n ** 18n },
  { name: 'native, largest amount', chain_id: 11155111, nonce: 128, gas_limit: 30000, max_fee: MAX, tip: MAX, token: null, amount: MAX },
  { name: 'token, ordinary', chain_id: 1, nonce: 255, gas_limit: 81250, max_fee: 41000000001n, tip: 1000000001n, token: USDT, amount: 1500000n },
  { name: 'token, largest numbers', chain_id: 43114, nonce: 2 ** 40, gas_limit: 1000000, max_fee: 500000000000n, tip: 256n, token: USDT, amount: MAX },
];

const vectors = cases.map((it) => {
  const tx = ethers.Transaction.from({
    type: 2, chainId: it.chain_id, nonce: it.nonce, gasLimit: it.gas_limit,
    maxFeePerGas: it.max_fee, maxPriorityFeePerGas: it.tip,
    to: it.token ?? RECIPIENT, value: it.token ? 0n : it.amount,
    data: it.token ? erc20.encodeFunctionData('transfer', [RECIPIENT, it.amount]) : '0x',
  });
  const payload = tx.unsignedSerialized;
  const signature = wallet.signingKey.sign(tx.unsignedHash);
  tx.signature = signature;
  return {
    ...it, max_fee: it.max_fee.toString(), tip: it.tip.toString(), amount: it.amount.toString(),
    recipient: RECIPIENT, payload, signature: signature.r + signature.s.slice(2) + (signature.yParity ? '01' : '00'),
    raw: tx.serialized, txid: tx.hash, sender: tx.from,
  };
});
fs.writeFileSync(new URL('vectors.json', import.meta.url), JSON.stringify(vectors, null, 2) + '\n');
