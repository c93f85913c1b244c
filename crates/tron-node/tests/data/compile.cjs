// Compiles the contracts of the tests to .hex files beside their source:
//   npm install solc@0.8.37 && node compile.cjs
// Tether.hex is also what the library hands out: it lies in ../../src.
const solc = require('solc');
const fs = require('fs');
const path = require('path');
const source = fs.readFileSync(path.join(__dirname, 'Tokens.sol'), 'utf8');
const output = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources: { source: { content: source } },
  settings: {
    evmVersion: 'paris',
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false },
    outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
  },
})));
for (const error of output.errors ?? []) console.error(error.formattedMessage);
for (const [name, { evm }] of Object.entries(output.contracts.source)) {
  const folder = name === 'Tether' ? '../../src' : '.';
  const code = evm.bytecode.object;
  if (code !== '') fs.writeFileSync(path.join(__dirname, folder, `${name}.hex`), code + '\n');
}
