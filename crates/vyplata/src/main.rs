//! The payout gateway.

fn main() {}
