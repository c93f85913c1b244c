//! Why a node is not one to pay through.

use std::fmt;

/// Why a node is not one to pay through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeError {
    /// It is on another chain.
    OtherChain(String),
    /// It does not answer; it may be the right one.
    Silent(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain(text) | Self::Silent(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for NodeError {}
