//! The rail against scripted, lagging and real nodes.

#[cfg(test)]
mod actor;
#[cfg(test)]
mod anvil;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod doubt;
#[cfg(test)]
mod edr;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod gas_table;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod lagging;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod node;
#[cfg(test)]
mod op;
#[cfg(test)]
mod preflight;
#[cfg(test)]
mod quorum;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod several;
#[cfg(test)]
mod shortage;
#[cfg(test)]
mod silent;
#[cfg(test)]
mod stalled;
#[cfg(test)]
mod together;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod two_nodes;
#[cfg(test)]
mod upkeep;
