// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// A token for the kill test, in which everybody may change everything. Whom it refuses is told by
/// code at addresses, which a test puts there between two blocks. `compile.cjs` in
/// crates/rail-evm/tests/data says how it is compiled.
contract Token {
    event Transfer(address indexed sender, address indexed recipient, uint256 amount);
    event Approval(address indexed holder, address indexed spender, uint256 amount);

    string public constant symbol = "TOKEN";
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    /// Refuses approvals while there is code.
    address private constant REFUSAL = 0x70e50000000000000000000000000000000000Bb;

    /// Programs of one byte, which accept nothing, are refused.
    function isBlacklisted(address who) public view returns (bool) {
        return who.code.length == 1;
    }

    function setBalance(address holder, uint256 amount) external {
        balanceOf[holder] = amount;
    }

    function setAllowance(address holder, address spender, uint256 amount) external {
        allowance[holder][spender] = amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        require(REFUSAL.code.length == 0, "no approvals");
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address recipient, uint256 amount) external returns (bool) {
        return move(msg.sender, recipient, amount);
    }

    function transferFrom(address holder, address recipient, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[holder][msg.sender];
        if (allowed != type(uint256).max) {
            allowance[holder][msg.sender] = allowed - amount;
        }
        return move(holder, recipient, amount);
    }

    function move(address holder, address recipient, uint256 amount) private returns (bool) {
        require(!isBlacklisted(recipient), "blacklisted");
        balanceOf[holder] -= amount;
        balanceOf[recipient] += amount;
        emit Transfer(holder, recipient, amount);
        return true;
    }
}
