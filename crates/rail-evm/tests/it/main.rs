//! The rail against scripted, lagging and real nodes.

#[cfg(test)]
mod actor;
#[cfg(test)]
mod anvil;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod lagging;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod node;
#[cfg(test)]
mod quorum;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod several;
#[cfg(test)]
mod two_nodes;
