//! The binary as its users meet it: a process, real HTTP, a real database file.

#[cfg(test)]
mod api;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod bitcoin;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod config;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod cryptomus;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod http;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod once;
#[cfg(test)]
mod pays_everything;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod raw_http;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod terms;
#[cfg(test)]
mod tron;
#[cfg(test)]
mod twins;
#[cfg(test)]
mod vyplata;
#[cfg(test)]
mod webhooks;
