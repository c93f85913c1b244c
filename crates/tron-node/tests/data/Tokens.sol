// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.0;

/// What the tokens below share. Everybody may change everything.
abstract contract Plain {
    event Transfer(address indexed from, address indexed to, uint256 value);

    string public constant name = "Tether USD";
    string public constant symbol = "USDT";
    uint8 public constant decimals = 6;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    constructor() {
        issue(msg.sender, 10 ** 15);
    }

    function issue(address to, uint256 value) public {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function move(address from, address to, uint256 value) internal {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

/// As Tether's on Tron: `transfer` is said to return a bool, and returns false although it moved
/// the coins. It has a blacklist of senders, a pause, and a fee that is off.
contract Tether is Plain {
    address public owner = msg.sender;
    bool public paused;
    uint256 public basisPointsRate;
    mapping(address => bool) public isBlackListed;
    mapping(address => mapping(address => uint256)) public allowance;

    function setPaused(bool value) external {
        paused = value;
    }

    function setFee(uint256 value) external {
        basisPointsRate = value;
    }

    function setBlackListed(address who, bool value) external {
        isBlackListed[who] = value;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        pay(msg.sender, to, value);
        return false;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        pay(from, to, value);
        return false;
    }

    function pay(address from, address to, uint256 value) internal {
        require(!paused && !isBlackListed[from]);
        uint256 fee = value * basisPointsRate / 10_000;
        if (fee > 0) {
            move(from, owner, fee);
        }
        move(from, to, value - fee);
    }
}

/// Returns true, refuses both sides whom it has blacklisted, and says why.
contract Standard is Plain {
    mapping(address => bool) public isBlackListed;

    function setBlackListed(address who, bool value) external {
        isBlackListed[who] = value;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        require(!isBlackListed[msg.sender] && !isBlackListed[to], "blacklisted");
        move(msg.sender, to, value);
        return true;
    }
}

/// Keeps one in a hundred.
contract TakesFee is Plain {
    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, address(this), value / 100);
        move(msg.sender, to, value - value / 100);
        return true;
    }
}

/// Never pays: it reverts, or ends in other ways.
contract Stubborn is Plain {
    enum Ending { Reverts, Loops, Invalid, FalseWithoutMoving }

    Ending public ending;

    function setEnding(Ending value) external {
        ending = value;
    }

    function transfer(address, uint256) external view returns (bool) {
        require(ending != Ending.Reverts, "stubborn");
        while (ending == Ending.Loops) {}
        if (ending == Ending.Invalid) {
            assembly {
                invalid()
            }
        }
        return false;
    }
}

/// Calls others and creates contracts, to see how the machine counts that.
contract Caller {
    mapping(uint256 => uint256) public slots;
    address public made;

    constructor() payable {}

    receive() external payable {}

    function pay(address payable to, uint256 value) external returns (bool ok) {
        (ok, ) = to.call{value: value}("");
    }

    function set(uint256 slot, uint256 value) external {
        slots[slot] = value;
    }

    function clearAndSet(uint256 slot, uint256 value) external {
        slots[slot] = 0;
        slots[slot] = value;
    }

    function callAndForgive(address to, bytes calldata data) external returns (bool ok) {
        (ok, ) = to.call(data);
    }

    function create() external {
        made = address(new TakesFee());
    }

    function recover(bytes32 hash, uint8 v, bytes32 r, bytes32 s) external pure returns (address) {
        return ecrecover(hash, v, r, s);
    }

    function digest(bytes calldata data) external pure returns (bytes32) {
        return sha256(data);
    }

    function deep(uint256 levels) external returns (uint256) {
        return levels == 0 ? 0 : 1 + this.deep(levels - 1);
    }

    function when() external view returns (uint256, uint256, uint256) {
        return (block.number, block.timestamp, block.chainid);
    }
}
