// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// A token for tests of payments in bulk, with the habits of tokens in use and of some that are
/// made to do harm.
contract BulkToken {
    enum Habit {
        ReturnsTrue, ReturnsNothing, ReturnsFalse, ReturnsTwo, ReturnsBomb, Guzzles, WantsAllGas
    }

    event Transfer(address indexed sender, address indexed recipient, uint256 amount);
    event Approval(address indexed holder, address indexed spender, uint256 amount);

    Habit public habit;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public blacklisted;

    constructor() {
        balanceOf[msg.sender] = 1e30;
    }

    function setHabit(Habit its) external {
        habit = its;
    }

    function setBlacklisted(address who, bool value) external {
        blacklisted[who] = value;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address recipient, uint256 amount) external {
        move(msg.sender, recipient, amount);
    }

    function transferFrom(address holder, address recipient, uint256 amount) external {
        uint256 allowed = allowance[holder][msg.sender];
        if (allowed != type(uint256).max) {
            allowance[holder][msg.sender] = allowed - amount;
        }
        move(holder, recipient, amount);
    }

    /// Ends the call.
    function move(address holder, address recipient, uint256 amount) private {
        require(!blacklisted[recipient], "blacklisted");
        Habit its = habit;
        if (its == Habit.Guzzles) {
            while (true) {}
        }
        if (its == Habit.WantsAllGas) {
            // Returns what it has if that is less, so that the payer could go on.
            require(gasleft() > 190_000, "not enough gas");
            its = Habit.ReturnsTrue;
        }
        if (its != Habit.ReturnsFalse) {
            balanceOf[holder] -= amount;
            unchecked {
                balanceOf[recipient] += amount;
            }
            emit Transfer(holder, recipient, amount);
        }
        assembly {
            switch its
            case 0 { mstore(0, 1) return(0, 32) }
            case 1 { return(0, 0) }
            case 2 { mstore(0, 0) return(0, 32) }
            case 3 { mstore(0, 2) return(0, 32) }
            default { mstore(0, 1) return(0, 100000) }
        }
    }
}
