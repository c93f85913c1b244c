//! Every question and every write, once for all databases.

pub(crate) mod codec;
#[cfg(test)]
pub(crate) mod plans;
pub(crate) mod read;
pub(crate) mod report;
mod rows;
pub(crate) mod session;
pub(crate) mod shape;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod value;
pub(crate) mod write;
pub(crate) mod written;
