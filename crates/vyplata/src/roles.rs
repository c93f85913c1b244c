//! What a process does of all that a gateway does: everything, or a part of it beside other processes
//! on the same database.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;

use crate::{
    app::LaneWork,
    leases::{DELIVERIES, UPKEEP},
};

/// One part of what a gateway does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Takes merchants' requests. Any number of processes do at the same time.
    Accept,
    /// Pays from the wallets: the only role that signs.
    Rails,
    /// Brings webhooks to their receivers.
    Deliver,
    /// Does what comes round by itself: payouts end that nobody approved in time.
    Admin,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Accept, Self::Rails, Self::Deliver, Self::Admin];

    /// What it is called on the command line, in the configuration and in metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Rails => "rails",
            Self::Deliver => "deliver",
            Self::Admin => "admin",
        }
    }

    /// The leases that whoever has the role waits for: what one process does at a time.
    pub(crate) fn leases(self, lanes: &[LaneWork]) -> Vec<&str> {
        match self {
            Self::Accept => vec![],
            Self::Rails => lanes.iter().map(|it| it.lane.as_str()).collect(),
            Self::Deliver => vec![DELIVERIES],
            Self::Admin => vec![UPKEEP],
        }
    }
}

/// The roles of one process: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles(BTreeSet<Role>);

impl Roles {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self(Role::ALL.into())
    }

    /// Those that are named, or everything if none is.
    pub(crate) fn named(roles: impl IntoIterator<Item = Role>) -> Self {
        let roles: BTreeSet<Role> = roles.into_iter().collect();
        if roles.is_empty() { Self::all() } else { Self(roles) }
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Role> {
        self.0.iter().copied()
    }

    /// What is left to others; `None` if nothing is.
    pub(crate) fn others(&self) -> Option<Self> {
        let others: BTreeSet<Role> = Role::ALL.into_iter().filter(|it| !self.has(*it)).collect();
        (!others.is_empty()).then_some(Self(others))
    }

    /// Whether networks are asked: for the fees that merchants are told, or to pay.
    pub(crate) fn reaches_networks(&self) -> bool {
        self.has(Role::Accept) || self.has(Role::Rails)
    }

    /// Whether merchants' secrets are opened: to check requests, or to sign webhooks.
    pub(crate) fn opens_secrets(&self) -> bool {
        self.has(Role::Accept) || self.has(Role::Deliver)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Role::word).collect();
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_named_is_everything() {
        assert_eq!(Roles::named([]), Roles::all());
        assert_eq!(Roles::all().to_string(), "accept, rails, deliver, admin");
        assert_eq!(Roles::all().others(), None);
    }

    #[test]
    fn what_one_has_not_is_left_to_others() {
        let roles = Roles::named([Role::Admin, Role::Rails, Role::Admin]);
        assert_eq!(roles.to_string(), "rails, admin");
        assert_eq!(roles.others(), Some(Roles::named([Role::Accept, Role::Deliver])));
        assert!(!roles.opens_secrets());
        for role in [Role::Accept, Role::Deliver] {
            assert!(Roles::named([role]).opens_secrets());
        }
    }

    #[test]
    fn a_role_is_called_the_same_everywhere() {
        #[derive(Deserialize)]
        struct File {
            roles: Vec<Role>,
        }
        for role in Role::ALL {
            let file: File = toml::from_str(&format!("roles = [{:?}]", role.word())).unwrap();
            assert_eq!(file.roles, [role]);
        }
    }

    #[test]
    fn only_work_that_is_one_process_at_a_time_has_leases() {
        assert_eq!(Role::Accept.leases(&[]), Vec::<&str>::new());
        assert_eq!(Role::Deliver.leases(&[]), [DELIVERIES]);
        assert_eq!(Role::Admin.leases(&[]), [UPKEEP]);
    }
}
