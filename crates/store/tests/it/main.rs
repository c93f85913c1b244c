//! The store against the suite that every store must pass, and against what can happen to a file.

mod conformance;
mod copies;
mod damage;
mod guards;
mod migrations;
mod postgres;
mod sharing;
mod support;
