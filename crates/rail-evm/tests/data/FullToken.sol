// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.0;

/// A token with all that tokens in use have, for tests of a lane that pays many. Everybody may
/// change everything.
contract FullToken {
    event Transfer(address indexed sender, address indexed recipient, uint256 amount);
    event Approval(address indexed holder, address indexed spender, uint256 amount);

    string public constant symbol = "TOKEN";
    uint8 public constant decimals = 6;
    bool public paused;
    uint256 public basisPointsRate;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public isBlacklisted;
    /// As the list above, but nobody is told who is on it.
    mapping(address => bool) private barred;

    constructor() {
        balanceOf[msg.sender] = 1e32;
    }

    function setPaused(bool value) external {
        paused = value;
    }

    function setFee(uint256 value) external {
        basisPointsRate = value;
    }

    function setBlacklisted(address who, bool value) external {
        isBlacklisted[who] = value;
    }

    function setBarred(address who, bool value) external {
        barred[who] = value;
    }

    function setBalance(address who, uint256 value) external {
        balanceOf[who] = value;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address recipient, uint256 amount) external returns (bool) {
        return move(msg.sender, recipient, amount);
    }

    function transferFrom(address holder, address recipient, uint256 amount)
        external
        returns (bool)
    {
        uint256 allowed = allowance[holder][msg.sender];
        if (allowed != type(uint256).max) {
            allowance[holder][msg.sender] = allowed - amount;
        }
        return move(holder, recipient, amount);
    }

    function move(address holder, address recipient, uint256 amount) private returns (bool) {
        require(!paused, "paused");
        // As Tether's, it does not mind where coins go; they are frozen there.
        require(!isBlacklisted[holder], "blacklisted");
        require(!barred[recipient], "barred");
        uint256 fee = amount * basisPointsRate / 10_000;
        balanceOf[holder] -= amount;
        balanceOf[recipient] += amount - fee;
        emit Transfer(holder, recipient, amount - fee);
        if (fee > 0) {
            balanceOf[address(this)] += fee;
            emit Transfer(holder, address(this), fee);
        }
        return true;
    }
}
