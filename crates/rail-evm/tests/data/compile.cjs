// Compiles TestToken.sol to TestToken.hex:
//   npm install solc@0.8.37 && node compile.cjs
const solc = require('solc');
const fs = require('fs');
const path = require('path');
const file = (name) => path.join(__dirname, name);

const output = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources: { 'TestToken.sol': { content: fs.readFileSync(file('TestToken.sol'), 'utf8') } },
  settings: {
    evmVersion: 'paris',
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false },
    outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
  },
})));
for (const error of output.errors ?? []) console.error(error.formattedMessage);
const { bytecode } = output.contracts['TestToken.sol'].TestToken.evm;
fs.writeFileSync(file('TestToken.hex'), bytecode.object + '\n');
