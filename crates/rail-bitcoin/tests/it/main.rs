//! Tests of the rail through its public face.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod address;
#[cfg(test)]
mod apart;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod children;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod cost_table;
#[cfg(test)]
mod crowded;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod explorers;
#[cfg(test)]
mod house;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod paid;
#[cfg(test)]
mod psbt;
#[cfg(test)]
mod regtest;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod several;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod undone;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wallet;
