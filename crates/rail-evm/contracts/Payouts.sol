// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// Pays many recipients in one transaction. It has no owner and no storage, cannot be changed, and
/// holds nothing between two transactions.
///
/// An account uses it in one of two ways:
///
/// - It calls the contract. Tokens are taken from it by `transferFrom`, so it has approved the
///   contract before; coins come with the call, and what was not paid of them is returned.
/// - It runs the contract's code as its own (EIP-7702), and calls itself. Tokens are paid by
///   `transfer`, and coins out of its balance.
///
/// A payment that fails is left out and announced; the others are made all the same.
///
/// Re-entrancy is harmless. A recipient (or a token) that calls `pay` again is another
/// `msg.sender`: of tokens it can move only what it approved itself; of coins only what came with
/// its own call, because coins are counted in `left`, which lives on the stack of one call, and
/// the contract's balance is never looked at. It cannot make an account that runs this code pay,
/// because such an account listens to itself alone, and what it calls itself are tokens (with
/// `transfer`, which this code does not have) and recipients (without data). There is no storage
/// that could be seen half changed. And what it makes the contract announce carries its own
/// address as `payer`, so that it cannot pass for what became of somebody else's payments.
contract Payouts {
    /// This payment of `payer` was not made; the first has position 0.
    event Unpaid(address indexed payer, uint256 indexed position);

    /// So many payments of `payer` were made. Comes once, last: a call that this code did not
    /// serve (the account does not run it, nobody put it there) announces nothing.
    event Paid(address indexed payer, uint256 count);

    /// How much gas a recipient of coins may use; 2,300 more come with the coins. Wallets that
    /// are programs take less than half of it. Whoever burns all of it costs the payer no more.
    uint256 private constant COIN_GAS = 50_000;

    /// How much gas a token may use. USDC, a proxy, takes less than a third.
    uint256 private constant TOKEN_GAS = 200_000;

    /// How much gas must be left before a call, so that the network hands over all of the above:
    /// it keeps one part in 64 of what is left (EIP-150) after the call's own price, which is at
    /// most 9,000 for coins and twice 2,600 for cold code and what it delegates to (EIP-2929,
    /// EIP-7702); the 25,000 of a new account do not count, since it has no code that could fail.
    /// Both have a margin for networks that change these prices. Without, a payer's gas limit, or
    /// the search of `eth_estimateGas`, could make payments fail one by one while the transaction
    /// succeeds.
    uint256 private constant COIN_GAS_LEFT = 80_000;
    uint256 private constant TOKEN_GAS_LEFT = 220_000;

    /// The contract's own address. Code that runs elsewhere runs for an account that delegates.
    address private immutable SELF = address(this);

    /// Coins sent here would be lost; an account that delegates takes them as any other does.
    receive() external payable {
        require(address(this) != SELF, "coins would be lost here");
    }

    /// Pays `payments` of one token, or of the network's coin if `token` is zero. Each is one
    /// word: the recipient in the low 160 bits, the amount in the high 96.
    ///
    /// Returns the positions of the payments that were not made, in order.
    function pay(address token, uint256[] calldata payments)
        external
        payable
        returns (uint256[] memory unpaid)
    {
        bool delegated = address(this) != SELF;
        require(!delegated || msg.sender == address(this), "not the account itself");
        require(token == address(0) || token.code.length != 0, "the token has no code");
        require(token == address(0) || msg.value == 0, "coins beside a token");
        // What may still be paid of the coins. An account's own balance sets its own limit.
        uint256 left = delegated ? type(uint256).max : msg.value;
        unpaid = new uint256[](payments.length);
        uint256 failed = 0;
        // Positions, counts, and `left` after the comparison cannot run over.
        unchecked {
            for (uint256 position = 0; position < payments.length; ++position) {
                // A number, because what is above an address's 160 bits is not always zero.
                uint256 recipient = payments[position] & type(uint160).max;
                uint256 amount = payments[position] >> 160;
                bool paid = false;
                if (token != address(0)) {
                    paid = payToken(token, recipient, amount, delegated);
                } else if (amount <= left) {
                    paid = payCoin(recipient, amount);
                    if (paid && !delegated) left -= amount;
                }
                if (!paid) {
                    unpaid[failed++] = position;
                    emit Unpaid(msg.sender, position);
                }
            }
            emit Paid(msg.sender, payments.length - failed);
        }
        assembly ("memory-safe") {
            mstore(unpaid, failed)
        }
        if (!delegated && left != 0) {
            (bool returned,) = msg.sender.call{value: left}("");
            require(returned, "the rest cannot be returned");
        }
    }

    /// Calls with no room for an answer: what a recipient returns is not even copied.
    function payCoin(uint256 recipient, uint256 amount) private returns (bool paid) {
        require(gasleft() >= COIN_GAS_LEFT, "too little gas");
        assembly ("memory-safe") {
            paid := call(COIN_GAS, recipient, amount, 0, 0, 0, 0)
        }
    }

    /// Calls with room for one word of the answer, which must be `true`, or nothing at all, as
    /// USDT answers.
    function payToken(address token, uint256 recipient, uint256 amount, bool delegated)
        private
        returns (bool paid)
    {
        require(gasleft() >= TOKEN_GAS_LEFT, "too little gas");
        assembly ("memory-safe") {
            // Above the free memory pointer, which stays where it is.
            let data := mload(0x40)
            let size := 0x44
            switch delegated
            case 0 {
                size := 0x64
                // transferFrom(address,address,uint256)
                mstore(data, shl(224, 0x23b872dd))
                mstore(add(data, 0x04), caller())
                mstore(add(data, 0x24), recipient)
                mstore(add(data, 0x44), amount)
            }
            default {
                // transfer(address,uint256)
                mstore(data, shl(224, 0xa9059cbb))
                mstore(add(data, 0x04), recipient)
                mstore(add(data, 0x24), amount)
            }
            paid := call(TOKEN_GAS, token, 0, data, size, 0, 0x20)
            let yes := and(eq(returndatasize(), 0x20), eq(mload(0), 1))
            paid := and(paid, or(yes, iszero(returndatasize())))
        }
    }
}
