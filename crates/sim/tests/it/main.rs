//! Stories of the engine, with the faults chosen by hand, and many more chosen by chance.

mod approvals;
mod conformance;
mod conversions;
mod crashes;
mod payouts;
mod rates;
mod seeds;
mod story;
mod webhooks;
