//! Tests of the catalog: the format, the rails' rows, and addresses across networks.

mod addresses;
mod exchange;
mod format;
mod rows;
