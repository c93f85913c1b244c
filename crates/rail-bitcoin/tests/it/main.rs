//! Tests of the rail through its public face.

mod address;
