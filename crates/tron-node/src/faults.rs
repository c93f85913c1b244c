//! What is wrong with the node.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use crate::Chain;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything is done.
    LostBefore,
    /// It is done, and the connection is closed without an answer.
    LostAfter,
    /// It is done, and there is never an answer: the connection stays open.
    Silent,
    /// It is refused because of too many requests: with 403, 429 or 503 as by `TronGrid`, or with
    /// 200, as by a node itself. All have a JSON with an `Error`.
    Status(u16),
}

/// What is done to the chain before a request is.
pub(crate) struct Hook(pub(crate) Box<dyn FnOnce(&mut Chain) + Send>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// The faults that are to come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// By path: what, and how often.
    queued: BTreeMap<String, Vec<(Fault, usize)>>,
    hooks: BTreeMap<String, VecDeque<Hook>>,
    /// How often each path was asked.
    asked: BTreeMap<String, usize>,
    pub(crate) down: bool,
}

impl Faults {
    pub(crate) fn queue(&mut self, path: &str, times: usize, fault: Fault) {
        self.queued.entry(key(path)).or_default().push((fault, times));
    }

    pub(crate) fn hook(&mut self, path: &str, hook: Hook) {
        self.hooks.entry(key(path)).or_default().push_back(hook);
    }

    pub(crate) fn next_hook(&mut self, path: &str) -> Option<Hook> {
        self.hooks.get_mut(&key(path))?.pop_front()
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        self.asked.get(&key(path)).copied().unwrap_or(0)
    }

    /// Nothing is wrong any more; what was asked stays asked.
    pub(crate) fn clear(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        *self = Self { asked, ..Self::default() };
    }

    /// What happens to the next request to this path.
    pub(crate) fn next(&mut self, path: &str) -> Option<Fault> {
        *self.asked.entry(key(path)).or_default() += 1;
        if self.down {
            return Some(Fault::LostBefore);
        }
        for key in [key(path), String::new()] {
            let queue = self.queued.entry(key).or_default();
            while let Some((fault, times)) = queue.first_mut() {
                if *times > 0 {
                    *times -= 1;
                    return Some(*fault);
                }
                queue.remove(0);
            }
        }
        None
    }
}

fn key(path: &str) -> String {
    path.trim_matches('/').to_owned()
}
