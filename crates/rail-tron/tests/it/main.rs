//! Tests of the rail through its public face. The scenes run on a test node of the project's own, in
//! this process (`crates/tron-node`): there is no node of TRON in any registry.

#[cfg(test)]
mod address;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod cost_table;
#[cfg(test)]
mod energy;
#[cfg(test)]
mod failed;
#[cfg(test)]
mod house;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod paid;
#[cfg(test)]
mod several;
#[cfg(test)]
mod tronsave;
#[cfg(test)]
mod tronweb;
#[cfg(test)]
mod undone;
#[cfg(test)]
mod vectors;
