// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.0;

/// What the tokens below share. Everybody may change everything.
abstract contract Plain {
    event Transfer(address indexed sender, address indexed recipient, uint256 amount);

    mapping(address => uint256) public balanceOf;

    constructor() {
        balanceOf[msg.sender] = 1_000_000;
    }

    function decimals() external view virtual returns (uint8) {
        return 6;
    }

    function move(address recipient, uint256 amount) internal virtual {
        balanceOf[msg.sender] -= amount;
        balanceOf[recipient] += amount;
        emit Transfer(msg.sender, recipient, amount);
    }
}

/// Like Tether's: returns nothing, takes a fee if told to, has a blacklist and a pause. What it
/// says of itself can be changed too, as in a contract behind a proxy.
contract UsdtLike is Plain {
    string public symbol = "TOKEN";
    bool public paused;
    bool public idle;
    uint256 public basisPointsRate;
    mapping(address => bool) public isBlackListed;

    function setSymbol(string calldata value) external {
        symbol = value;
    }

    function setPaused(bool value) external {
        paused = value;
    }

    function setIdle(bool value) external {
        idle = value;
    }

    function setFee(uint256 value) external {
        basisPointsRate = value;
    }

    function setBlacklisted(address who, bool value) external {
        isBlackListed[who] = value;
    }

    /// As Tether's, it does not mind where coins go.
    function transfer(address recipient, uint256 amount) external {
        require(!paused && !isBlackListed[msg.sender]);
        if (idle) {
            return;
        }
        uint256 fee = amount * basisPointsRate / 10_000;
        move(recipient, amount - fee);
        if (fee > 0) {
            move(address(this), fee);
        }
    }
}

/// Like Circle's: returns true, and refuses whom it has blacklisted.
contract UsdcLike is Plain {
    string public constant symbol = "TOKEN";
    bool public paused;
    mapping(address => bool) public isBlacklisted;

    function setPaused(bool value) external {
        paused = value;
    }

    function setBlacklisted(address who, bool value) external {
        isBlacklisted[who] = value;
    }

    function transfer(address recipient, uint256 amount) external returns (bool) {
        require(!paused, "Pausable: paused");
        require(!isBlacklisted[msg.sender], "Blacklistable: account is blacklisted");
        require(!isBlacklisted[recipient], "Blacklistable: account is blacklisted");
        move(recipient, amount);
        return true;
    }
}

/// Tells its symbol in the old way, in 32 bytes.
contract MkrLike is Plain {
    bytes32 public constant symbol = "TOKEN";

    function transfer(address recipient, uint256 amount) external returns (bool) {
        move(recipient, amount);
        return true;
    }
}

/// Takes a fee on top of what it is asked to move.
contract FeeOnTop is Plain {
    string public constant symbol = "TOKEN";

    function transfer(address recipient, uint256 amount) external returns (bool) {
        move(recipient, amount);
        move(address(this), 1);
        return true;
    }
}

/// Moves the coins and says that it did not.
contract SaysFalse is Plain {
    string public constant symbol = "TOKEN";

    function transfer(address recipient, uint256 amount) external returns (bool) {
        move(recipient, amount);
        return false;
    }
}

/// Serves nobody who has a program.
contract OnlyAccounts is Plain {
    string public constant symbol = "TOKEN";

    function transfer(address recipient, uint256 amount) external returns (bool) {
        require(msg.sender.code.length == 0, "programs are not served");
        move(recipient, amount);
        return true;
    }
}

/// Takes the network's coin and calls down through itself, so that much gas must be at hand that
/// is not used.
contract Deep {
    uint256 public taken;

    receive() external payable {
        this.down(12);
    }

    function down(uint256 levels) external {
        if (levels > 0) {
            this.down(levels - 1);
            return;
        }
        require(gasleft() > 60_000, "out of breath");
        taken += 1;
    }
}
