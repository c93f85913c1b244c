// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.0;

/// A token for tests, with the habits of tokens in use.
contract TestToken {
    enum Habit { ReturnsTrue, ReturnsNothing, ReturnsFalseAndMovesNothing }

    event Transfer(address indexed sender, address indexed recipient, uint256 amount);

    string public constant symbol = "TOKEN";
    uint8 public constant decimals = 6;
    Habit public immutable habit;
    bool public paused;
    mapping(address => uint256) public balanceOf;
    mapping(address => bool) public blacklisted;

    constructor(Habit itsHabit, uint256 supply) {
        habit = itsHabit;
        balanceOf[msg.sender] = supply;
    }

    function setPaused(bool value) external {
        paused = value;
    }

    function setBlacklisted(address who, bool value) external {
        blacklisted[who] = value;
    }

    function transfer(address recipient, uint256 amount) external {
        require(!paused, "paused");
        require(!blacklisted[recipient], "blacklisted");
        bool moves = habit != Habit.ReturnsFalseAndMovesNothing;
        if (moves) {
            balanceOf[msg.sender] -= amount;
            balanceOf[recipient] += amount;
            emit Transfer(msg.sender, recipient, amount);
        }
        if (habit == Habit.ReturnsNothing) {
            return;
        }
        assembly {
            mstore(0, moves)
            return(0, 32)
        }
    }
}
