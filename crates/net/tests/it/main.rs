//! `net` against real sockets on the loopback interface.

#[cfg(test)]
mod client;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod server;
#[cfg(test)]
mod transcripts;
