// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

interface Pays {
    function pay(address token, uint256[] calldata payments) external payable;
}

/// A recipient of coins for tests, friendly or not.
contract BulkRecipient {
    enum Habit {
        Takes, Reverts, Guzzles, RevertsWithBomb, ReturnsBomb, ReentersContract, ReentersPayer,
        WantsAllGas
    }

    Habit private immutable habit;
    address private immutable contract_;

    constructor(Habit its, address payable its_contract) payable {
        habit = its;
        contract_ = its_contract;
    }

    receive() external payable {
        if (habit == Habit.Reverts) {
            revert("no, thanks");
        }
        if (habit == Habit.WantsAllGas) {
            // Returns what it has if that is less, so that the payer could go on.
            require(gasleft() > 51_500, "not enough gas");
        }
        if (habit == Habit.Guzzles) {
            while (true) {}
        }
        if (habit == Habit.RevertsWithBomb) {
            assembly { revert(0, 100000) }
        }
        if (habit == Habit.ReturnsBomb) {
            assembly { return(0, 100000) }
        }
        if (habit == Habit.ReentersContract) {
            // More than comes with the call, and to nobody who can take it: announces position 0
            // and 1 as unpaid, in the name of this recipient.
            uint256[] memory payments = new uint256[](2);
            payments[0] = (1000 << 160) | uint160(address(this));
            payments[1] = (1000 << 160) | uint160(address(this));
            (bool done,) = contract_.call(abi.encodeCall(Pays.pay, (address(0), payments)));
            require(done, "could not re-enter");
        }
        if (habit == Habit.ReentersPayer) {
            uint256[] memory payments = new uint256[](1);
            payments[0] = (1000 << 160) | uint160(address(this));
            (bool done,) = msg.sender.call(abi.encodeCall(Pays.pay, (address(0), payments)));
            require(!done, "re-entered");
        }
    }
}
