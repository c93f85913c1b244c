//! The rail against scripted, lagging and real nodes.

#[cfg(test)]
mod anvil;
#[cfg(test)]
mod edr;
#[cfg(test)]
mod fake;
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
mod scene;
