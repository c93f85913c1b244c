//! Figures for the operator, in the Prometheus text format.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use domain::{Timestamp, ports::Store};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::roles::{Role, Roles};

/// Which requests, answered how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    /// The API.
    pub(crate) dialect: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
}

/// Which limit refused requests to which API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LimitLabels {
    /// The API.
    pub(crate) dialect: &'static str,
    /// The limit: `address`, `failures`, `key`, or `spacing`.
    pub(crate) limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RoleLabel {
    role: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabel {
    lane: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NetworkLabel {
    network: String,
}

/// All figures.
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests answered.
    pub(crate) requests: Family<RequestLabels, Counter>,
    /// Requests that came too early.
    pub(crate) limited: Family<LimitLabels, Counter>,
    /// Connections that were closed at once, because their address has as many as it may have.
    pub(crate) connections_refused: Counter,
    /// Commits of the acceptor.
    pub(crate) slices: Counter,
    /// Commands decided by the acceptor.
    pub(crate) commands: Counter,
    /// Webhooks that were acknowledged.
    pub(crate) webhooks_delivered: Counter,
    /// Tries that were not.
    pub(crate) webhooks_failed: Counter,
    /// Steps of batches taken.
    pub(crate) steps: Counter,
    /// Times that store or network did not answer a loop.
    pub(crate) loop_failures: Counter,
    /// Batches that are left alone because the code failed an assertion.
    pub(crate) broken_batches: Counter,
    payouts: Family<StateLabel, Gauge>,
    deliveries: Family<StateLabel, Gauge>,
    events: Family<KindLabel, Counter>,
    rates_answered_at: Family<SourceLabel, Gauge>,
    rate_failures: Family<SourceLabel, Counter>,
    runways: Family<LaneLabel, Gauge>,
    network_alert: Family<NetworkLabel, Gauge>,
    leases_held: Gauge,
    roles: Family<RoleLabel, Gauge>,
    disk_waits: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("vyplata"),
            requests: Family::default(),
            limited: Family::default(),
            connections_refused: Counter::default(),
            slices: Counter::default(),
            commands: Counter::default(),
            webhooks_delivered: Counter::default(),
            webhooks_failed: Counter::default(),
            steps: Counter::default(),
            loop_failures: Counter::default(),
            broken_batches: Counter::default(),
            payouts: Family::default(),
            deliveries: Family::default(),
            events: Family::default(),
            rates_answered_at: Family::default(),
            rate_failures: Family::default(),
            runways: Family::default(),
            network_alert: Family::default(),
            leases_held: Gauge::default(),
            roles: Family::default(),
            disk_waits: Counter::default(),
        };
        let all = &mut metrics.registry;
        all.register("requests", "Requests answered", metrics.requests.clone());
        all.register("requests_limited", "Requests that came too early", metrics.limited.clone());
        let refused = metrics.connections_refused.clone();
        all.register("connections_refused", "Connections beyond those of an address", refused);
        all.register("accept_slices", "Commits of the acceptor", metrics.slices.clone());
        all.register("accept_commands", "Commands decided", metrics.commands.clone());
        let delivered = metrics.webhooks_delivered.clone();
        all.register("webhooks_delivered", "Webhooks acknowledged", delivered);
        let failed = metrics.webhooks_failed.clone();
        all.register("webhooks_failed", "Webhook tries not acknowledged", failed);
        all.register("steps", "Steps of batches taken", metrics.steps.clone());
        let failures = metrics.loop_failures.clone();
        all.register("loop_failures", "Times store or network did not answer", failures);
        let broken = metrics.broken_batches.clone();
        all.register("broken_batches", "Batches left alone because of a bug", broken);
        let help = "Payouts that have not ended, by status";
        all.register("payouts", help, metrics.payouts.clone());
        all.register("deliveries", "Webhooks that are due", metrics.deliveries.clone());
        let help = "What happened to payouts, as far as this process wrote it down, by kind";
        all.register("events", help, metrics.events.clone());
        let answered = metrics.rates_answered_at.clone();
        let help = "When a source of rates answered last, in seconds since 1970; 0 is never";
        all.register("rates_answered_at_seconds", help, answered);
        let failures = metrics.rate_failures.clone();
        all.register("rate_failures", "Times a source of rates did not answer", failures);
        let help = "For how many payouts a lane's coins for fees are enough";
        all.register("lane_runway_payouts", help, metrics.runways.clone());
        let help = "1 if nodes of the network disagree or too few answer; see /readyz";
        all.register("network_alert", help, metrics.network_alert.clone());
        let help = "How many lanes, the deliveries and the upkeep this process works on";
        all.register("leases_held", help, metrics.leases_held.clone());
        let help = "1 if this process has the role";
        all.register("role", help, metrics.roles.clone());
        let help = "How often this process waited for the disk; on PostgreSQL the server does";
        all.register("disk_waits", help, metrics.disk_waits.clone());
        metrics
    }
}

impl Metrics {
    /// Takes down whether there is an alert about a network.
    pub(crate) fn network(&self, network: &str, is_alert: bool) {
        let label = NetworkLabel { network: network.to_owned() };
        self.network_alert.get_or_create_owned(&label).set(i64::from(is_alert));
    }

    /// Takes down how much this process works on.
    pub(crate) fn leases(&self, held: usize) {
        self.leases_held.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// Takes down what this process does, and what it does not.
    pub(crate) fn roles(&self, roles: &Roles) {
        for role in Role::ALL {
            let label = RoleLabel { role: role.word() };
            self.roles.get_or_create_owned(&label).set(i64::from(roles.has(role)));
        }
    }

    /// Takes down that a source of rates answered, or that it did not.
    pub(crate) fn rates(&self, source: &str, answered_at: Option<Timestamp>) {
        let label = SourceLabel { source: source.to_owned() };
        // Both figures are there from the first question on.
        let failures = self.rate_failures.get_or_create_owned(&label);
        let answered = self.rates_answered_at.get_or_create_owned(&label);
        match answered_at {
            Some(at) => {
                answered.set(i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX));
            }
            None => {
                failures.inc();
            }
        }
    }

    /// Takes down for how many payouts a lane's coins for fees are enough.
    pub(crate) fn runway(&self, lane: &str, payouts: u64) {
        let label = LaneLabel { lane: lane.to_owned() };
        self.runways.get_or_create(&label).set(i64::try_from(payouts).unwrap_or(i64::MAX));
    }

    /// Prints all figures, with the store's counts as they are now, and what it has done.
    pub(crate) fn text(&self, counts: &BTreeMap<String, u64>, store: &dyn Store) -> String {
        // Of two who ask at the same time, the later one knows more.
        let raise = |counter: &Counter, count| counter.inner().fetch_max(count, Ordering::Relaxed);
        for (kind, count) in store.written() {
            raise(&self.events.get_or_create_owned(&KindLabel { kind: kind.word() }), count);
        }
        if let Some(waits) = store.disk_waits() {
            raise(&self.disk_waits, waits);
        }
        for (name, count) in counts {
            let Some((kind, state)) = name.split_once('.') else { continue };
            let family = if kind == "payouts" { &self.payouts } else { &self.deliveries };
            let label = StateLabel { state: state.to_owned() };
            family.get_or_create(&label).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
