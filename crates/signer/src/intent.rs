//! Reads transactions and compares them with what they are meant to do.
//!
//! The rail that made a transaction is not asked: each format is read here again, from its bytes
//! alone. A difference is described by the name of the field, for people.

pub mod eip155;
pub mod eip1559;
pub mod eip7702;
pub mod evm;
pub mod psbt;
mod script;
pub mod sim1;
pub mod tron;

use std::fmt::Display;

/// Compares one field of a transaction with the intent.
fn same<T: PartialEq + Display>(field: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{field} is {found} in the transaction, {wanted} in the intent"))
}
