//! What can go wrong, how often, and the one source of chance.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// The kinds of faults.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name for people.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

faults! {
    /// The process dies: everything in memory is gone.
    Crash => "process crashed",
    /// A worker is held up, and goes on with what it loaded long ago.
    SlowWorker => "worker held up",
    /// Two workers have the same piece of work.
    TwoWorkers => "two workers on one piece of work",
    /// A load fails.
    LoadLost => "load failed",
    /// A commit is not done, and says that it may have been.
    CommitLost => "commit lost",
    /// A commit is done, and says that it may not have been.
    CommitTorn => "commit done, answer lost",
    /// The store asks to try again for no reason of ours.
    CommitConflict => "commit asked to be repeated",
    /// A request does not reach the network.
    RailRequestLost => "rail request lost",
    /// A request reaches the network, its answer does not come back.
    RailAnswerLost => "rail answer lost",
    /// A request reaches the network long after it was given up.
    RailRequestLate => "rail request late",
    /// A request reaches the network twice.
    RailRequestRepeated => "rail request repeated",
    /// A node refuses to relay for a reason of its own.
    NotRelayed => "node refused to relay",
    /// A node answers that fell behind the others.
    LaggingNode => "lagging node answered",
    /// The nodes forget what waits.
    MempoolForgotten => "mempool forgotten",
    /// Somebody remembers what the nodes forgot.
    BackFromLimbo => "transaction back from limbo",
    /// Blocks that are not final are undone.
    Reorganisation => "blocks reorganised away",
    /// Fees rise.
    FeeJump => "fee jump",
    /// Somebody else uses the lane's key.
    OutsideUse => "lane's key used outside",
    /// The destination undoes what it is paid.
    Reverted => "payment undone by its destination",
    /// It is known beforehand that a destination cannot be paid.
    BuildRefused => "payment refused beforehand",
    /// The lane has no coins left.
    EmptyWallet => "wallet short of coins",
    /// The signer does not answer.
    SignerDown => "signer down",
    /// The signer's policy forbids the payment.
    SignerRefused => "signer refused",
    /// A webhook cannot be sent.
    CourierDown => "webhook not sent",
    /// The receiver answers with an error.
    ReceiverDown => "webhook receiver down",
    /// The receiver asks to wait.
    ReceiverBusy => "webhook receiver asked to wait",
    /// The receiver acknowledges, and the answer is lost.
    AcknowledgementLost => "webhook acknowledgement lost",
    /// The receiver takes its time.
    AcknowledgementSlow => "webhook acknowledgement slow",
    /// A source of prices does not answer.
    PricesLost => "prices not told",
    /// A source of prices tells nonsense.
    WrongPrice => "wrong price told",
    /// What a network asks for cannot be found out.
    FeeNotFound => "network fee not found out",
    /// A merchant gives up waiting and asks again.
    MerchantRepeats => "merchant asked again",
}

/// A small generator with a full period, enough for choosing what goes wrong (splitmix64; see
/// <https://doi.org/10.1145/2714064.2660195>).
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
}

#[derive(Debug)]
struct State {
    random: Random,
    active: bool,
    traced: bool,
    per_mille: BTreeMap<Fault, u64>,
    forced: Vec<Fault>,
    fired: BTreeMap<Fault, u64>,
    violation: Option<String>,
}

/// Decides what goes wrong, and keeps count.
#[derive(Debug)]
pub struct Faults(Mutex<State>);

impl Faults {
    /// Everything goes right, but for what is asked for by [`Self::force`].
    pub fn none(seed: u64) -> Self {
        Self(Mutex::new(State {
            random: Random(seed),
            active: false,
            traced: false,
            per_mille: BTreeMap::new(),
            forced: vec![],
            fired: BTreeMap::new(),
            violation: None,
        }))
    }

    /// Some things go wrong, in each history others: a kind is absent, rare or frequent.
    pub fn drawn(seed: u64) -> Self {
        let faults = Self::none(seed);
        let mut state = faults.state();
        state.active = true;
        for fault in Fault::ALL {
            let chances = match state.random.next() % 8 {
                0..=2 => 0,
                3..=4 => 20,
                5..=6 => 80,
                _ => 200,
            };
            state.per_mille.insert(*fault, chances);
        }
        drop(state);
        faults
    }

    /// Whether things go wrong by themselves.
    pub fn are_drawn(&self) -> bool {
        self.state().active
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this goes wrong now.
    pub fn strikes(&self, fault: Fault) -> bool {
        let state = &mut *self.state();
        let forced = state.forced.iter().position(|it| *it == fault);
        let struck = match forced {
            Some(place) => {
                state.forced.remove(place);
                true
            }
            None if !state.active => false,
            None => {
                let chances = state.per_mille.get(&fault).copied().unwrap_or_default();
                chances > 0 && state.random.next() % 1_000 < chances
            }
        };
        if struck {
            *state.fired.entry(fault).or_default() += 1;
            if state.traced {
                println!("          ! {}", fault.word());
            }
        }
        struck
    }

    /// Lets a fault happen at its next opportunity.
    pub fn force(&self, fault: Fault) {
        self.state().forced.push(fault);
    }

    /// Draws a number below `bound`; zero if the bound is zero.
    pub fn below(&self, bound: u64) -> u64 {
        self.state().random.next().checked_rem(bound).unwrap_or_default()
    }

    /// Whether something with so many chances in a hundred happens.
    pub fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Picks one of several.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or_default())
    }

    /// From here on, everything goes right.
    pub fn heal(&self) {
        let state = &mut *self.state();
        state.active = false;
        state.forced.clear();
    }

    /// Whether things may go wrong.
    pub fn is_active(&self) -> bool {
        let state = self.state();
        state.active || !state.forced.is_empty()
    }

    /// Prints what happens from here on.
    pub fn trace(&self) {
        self.state().traced = true;
    }

    /// Prints a line, if lines are printed.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if self.state().traced {
            println!("{}", line());
        }
    }

    /// How often each fault happened.
    pub fn fired(&self) -> BTreeMap<Fault, u64> {
        self.state().fired.clone()
    }

    /// Something was seen that must never be. The first is kept.
    pub fn violation(&self, what: String) {
        self.state().violation.get_or_insert(what);
    }

    /// What was seen that must never be.
    pub fn violated(&self) -> Option<String> {
        self.state().violation.clone()
    }
}
