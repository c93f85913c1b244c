//! The node, by what it answers and what it does to accounts.

#[cfg(test)]
mod bandwidth;
#[cfg(test)]
mod blocks;
#[cfg(test)]
mod broadcast;
#[cfg(test)]
mod client;
#[cfg(test)]
mod constant;
#[cfg(test)]
mod energy;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod inclusion;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod tronweb;
#[cfg(test)]
mod views;
