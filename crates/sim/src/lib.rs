//! The real domain and engine in a false world, and the suites that every port must pass.
//!
//! One seed is one history: a chain that loses, delays and reorganises, a store that fails at any
//! step, a process that dies between any two, receivers that do not answer, merchants who ask
//! twice. An auditor with a model of its own looks on after every step. Nothing here reads a clock
//! or draws randomness from anywhere but the seed, so a seed that fails fails again.

pub mod auditor;
pub mod conformance;
pub mod faults;
pub mod ports;
pub mod runner;
pub mod store;
pub mod workload;
pub mod world;

mod executor;
mod market;
mod scene;
