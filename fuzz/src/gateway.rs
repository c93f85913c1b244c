//! A gateway in memory that forgets between inputs what it was asked.

use std::cell::RefCell;

use sim::store::Contents;

use crate::{description::Description, world::World};

/// The gateway, and what its answers must look like.
pub(crate) struct Gateway {
    pub(crate) world: World,
    pub(crate) description: Description,
    fresh: Contents,
}

impl Gateway {
    fn new() -> Self {
        let world = World::new();
        drop(world.store.take_journal());
        let fresh = world.store.look(Clone::clone);
        Self { world, description: Description::new(), fresh }
    }
}

thread_local! {
    static GATEWAY: RefCell<Gateway> = RefCell::new(Gateway::new());
}

/// Lends the gateway.
pub(crate) fn with(ask: impl FnOnce(&mut Gateway)) {
    GATEWAY.with_borrow_mut(ask);
}

/// Lends the gateway as it was before anybody asked anything.
pub(crate) fn with_fresh(ask: impl FnOnce(&mut Gateway)) {
    with(|gateway| {
        gateway.world.store = gateway.fresh.clone().into();
        ask(gateway);
    });
}
