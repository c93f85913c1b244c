//! Tests of the signer through its public API.

#[cfg(test)]
mod chores;
#[cfg(test)]
mod eip1559;
#[cfg(test)]
mod eip7702;
#[cfg(test)]
mod evm;
#[cfg(test)]
mod psbt;
#[cfg(test)]
mod sim1;
#[cfg(test)]
mod tron;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod world;
