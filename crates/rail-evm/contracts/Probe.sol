// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.0;

interface Token {
    function balanceOf(address holder) external view returns (uint256);
}

/// Put in the place of a lane for one `eth_call`, to see what a transfer from there moves. It is
/// never on a chain.
contract Probe {
    /// Transfers, and tells whether the call went through, what it returned, how much more the
    /// recipient holds, and how much less this account does.
    function probe(Token token, address recipient, uint256 amount)
        external
        returns (bool went, bytes memory returned, uint256[4] memory balances)
    {
        balances[0] = token.balanceOf(recipient);
        balances[1] = token.balanceOf(address(this));
        (went, returned) = address(token).call(
            abi.encodeWithSignature("transfer(address,uint256)", recipient, amount)
        );
        balances[2] = token.balanceOf(recipient);
        balances[3] = token.balanceOf(address(this));
    }
}
