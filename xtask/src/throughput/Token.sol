// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// A token of the usual kind for measurements, of which everybody may give to everybody.
///
/// `Token.hex` is what runs: solc 0.8.37, optimizer with 200 runs, evmVersion paris, no metadata.
contract Token {
    string public constant symbol = "USDT";
    uint8 public constant decimals = 6;

    event Transfer(address indexed sender, address indexed recipient, uint256 amount);
    event Approval(address indexed holder, address indexed spender, uint256 amount);

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function deal(address[] calldata holders, uint256 amount) external {
        for (uint256 i = 0; i < holders.length; i++) {
            balanceOf[holders[i]] += amount;
            emit Transfer(address(0), holders[i], amount);
        }
    }

    function approve(address spender, uint256 amount) external returns (bool) {
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
        balanceOf[holder] -= amount;
        balanceOf[recipient] += amount;
        emit Transfer(holder, recipient, amount);
        return true;
    }
}
