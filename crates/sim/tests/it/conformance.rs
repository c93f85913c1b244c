//! The fakes pass the suites that they are made to judge others by.

use sim::{conformance, store::MemoryStore};

#[test]
fn the_store_in_memory_is_a_store() {
    conformance::store::run_all(&|| Box::new(MemoryStore::default()));
}
