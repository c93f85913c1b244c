//! The words that java-tron answers with.

/// `Return.response_code`: what became of a transaction that was handed over
/// ([api.proto](https://github.com/tronprotocol/java-tron/blob/develop/protocol/src/main/protos/api/api.proto)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// It waits in the pool.
    Success,
    /// The signature is missing, or not the owner's.
    SigError,
    /// It cannot be carried out.
    ContractValidateError,
    /// It failed while it was carried out.
    ContractExeError,
    /// Its bytes cannot be paid for.
    BandwithError,
    /// The node has it already.
    DupTransactionError,
    /// It refers to a block that is none of this branch, or too old.
    TaposError,
    /// It is too long.
    TooBigTransactionError,
    /// It has expired, or expires too late.
    TransactionExpirationError,
    /// The pool is full.
    ServerBusy,
    /// The node has no peers.
    NoConnection,
    /// The node has too few peers.
    NotEnoughEffectiveConnection,
    /// The chain has not solidified for long.
    BlockUnsolidified,
    /// Anything else.
    OtherError,
}

impl Code {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::SigError => "SIGERROR",
            Self::ContractValidateError => "CONTRACT_VALIDATE_ERROR",
            Self::ContractExeError => "CONTRACT_EXE_ERROR",
            Self::BandwithError => "BANDWITH_ERROR",
            Self::DupTransactionError => "DUP_TRANSACTION_ERROR",
            Self::TaposError => "TAPOS_ERROR",
            Self::TooBigTransactionError => "TOO_BIG_TRANSACTION_ERROR",
            Self::TransactionExpirationError => "TRANSACTION_EXPIRATION_ERROR",
            Self::ServerBusy => "SERVER_BUSY",
            Self::NoConnection => "NO_CONNECTION",
            Self::NotEnoughEffectiveConnection => "NOT_ENOUGH_EFFECTIVE_CONNECTION",
            Self::BlockUnsolidified => "BLOCK_UNSOLIDIFIED",
            Self::OtherError => "OTHER_ERROR",
        }
    }
}

/// `Transaction.Result.contractResult`: how a transaction of a block ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it says.
    Success,
    /// The contract undid it.
    Revert,
    /// The contract jumped to where it must not.
    BadJumpDestination,
    /// The contract wanted more than 3 MiB of memory.
    OutOfMemory,
    /// The contract took more from the stack than there was.
    StackTooSmall,
    /// The contract put more on the stack than there may be.
    StackTooLarge,
    /// An unknown instruction.
    IllegalOperation,
    /// The energy was not enough.
    OutOfEnergy,
    /// None of these.
    Unknown,
    /// The contract sent TRX where it cannot.
    TransferFailed,
    /// The new contract's code begins with `0xef`.
    InvalidCode,
}

impl Ended {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Revert => "REVERT",
            Self::BadJumpDestination => "BAD_JUMP_DESTINATION",
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::StackTooSmall => "STACK_TOO_SMALL",
            Self::StackTooLarge => "STACK_TOO_LARGE",
            Self::IllegalOperation => "ILLEGAL_OPERATION",
            Self::OutOfEnergy => "OUT_OF_ENERGY",
            Self::Unknown => "UNKNOWN",
            Self::TransferFailed => "TRANSFER_FAILED",
            Self::InvalidCode => "INVALID_CODE",
        }
    }

    /// Its number in the protobuf.
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Success => 1,
            Self::Revert => 2,
            Self::BadJumpDestination => 3,
            Self::OutOfMemory => 4,
            Self::StackTooSmall => 6,
            Self::StackTooLarge => 7,
            Self::IllegalOperation => 8,
            Self::OutOfEnergy => 10,
            Self::Unknown => 13,
            Self::TransferFailed => 14,
            Self::InvalidCode => 15,
        }
    }
}

/// Why a transaction is refused: the code, and java-tron's text as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// A contract that cannot be carried out, for the reason `text`.
    pub(crate) fn invalid(text: impl AsRef<str>) -> Self {
        let text = format!("Contract validate error : {}", text.as_ref());
        Self::new(Code::ContractValidateError, text)
    }

    pub(crate) fn signature(text: impl AsRef<str>) -> Self {
        Self::new(Code::SigError, format!("Validate signature error: {}", text.as_ref()))
    }

    pub(crate) fn expired() -> Self {
        Self::new(Code::TransactionExpirationError, "Transaction expired")
    }

    pub(crate) fn bandwidth() -> Self {
        Self::new(Code::BandwithError, "Account resource insufficient error.")
    }

    pub(crate) fn execution(text: impl AsRef<str>) -> Self {
        Self::new(Code::ContractExeError, format!("Contract execute error : {}", text.as_ref()))
    }
}
