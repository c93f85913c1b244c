//! What the fuzz targets check. Each target is one file in `targets/` that hands its input over.
//!
//! The gateway that answers is the one of the dialects' goldens.

pub mod amounts;
mod description;
mod gateway;
mod numbers;
pub mod requests;
mod signing;
pub mod webhooks;
#[path = "../../crates/dialects/tests/it/world.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod world;
