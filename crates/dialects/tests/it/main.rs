//! Tests of the dialects from outside: bytes in, through the real domain and the real address
//! rules, bytes out.

mod assets;
mod cryptomus;
mod golden;
mod headers;
mod hostile;
mod openapi;
mod vectors;
mod world;
