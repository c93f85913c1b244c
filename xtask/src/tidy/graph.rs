//! The dependencies among our crates are the ones that were decided on.
//!
//! Only a crate that cannot name another is sure not to use it, so this table is the architecture.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Every crate and which of ours its code may use.
const ALLOWED: [(&str, &[&str]); 18] = [
    ("catalog", &["domain"]),
    ("dialects", &["domain"]),
    ("domain", &[]),
    ("engine", &["domain"]),
    ("net", &[]),
    ("rail-bitcoin", RAIL),
    ("rail-evm", RAIL),
    ("rail-sim", &["domain"]),
    ("rail-solana", RAIL),
    ("rail-ton", RAIL),
    ("rail-tron", RAIL),
    ("rates", &["domain", "net"]),
    ("signer", &["domain"]),
    ("sim", &["domain", "engine", "rail-sim"]),
    ("store", &["domain"]),
    ("tron-node", &[]),
    ("vyplata", EVERYTHING),
    ("xtask", &["tron-node"]),
];

const RAIL: &[&str] = &["domain", "net"];

const EVERYTHING: &[&str] = &[
    "catalog",
    "dialects",
    "domain",
    "engine",
    "net",
    "rail-bitcoin",
    "rail-evm",
    "rail-sim",
    "rail-solana",
    "rail-ton",
    "rail-tron",
    "rates",
    "signer",
    "store",
];

/// What tests may use besides: the conformance suites, the catalog and the rails themselves.
const ALLOWED_IN_TESTS: &[&str] = &[
    "catalog",
    "domain",
    "engine",
    "rail-bitcoin",
    "rail-evm",
    "rail-sim",
    "rail-solana",
    "rail-ton",
    "rail-tron",
    "sim",
    "signer",
    "store",
    "tron-node",
];

/// The crates that may not use anything that does I/O, knows time or serializes: only these.
const PURE: [(&str, &[&str]); 2] =
    [("domain", &["ethnum"]), ("engine", &["domain", "futures-util"])];

/// Compares the output of `cargo metadata --no-deps` with the table.
///
/// # Errors
/// If the output has another shape than expected.
pub(crate) fn check(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let table = BTreeMap::from(ALLOWED);
    let ours: BTreeSet<_> = packages.iter().filter_map(|it| it["name"].as_str()).collect();
    let mut complaints = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let Some(allowed) = table.get(name) else {
            complaints.push(format!("crate {name} is not in the table of xtask/src/tidy/graph.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().context("no dependencies listed")? {
            let on = dependency["name"].as_str().context("a dependency has no name")?;
            let is_dev = dependency["kind"].as_str() == Some("dev");
            let may = allowed.contains(&on) || (is_dev && ALLOWED_IN_TESTS.contains(&on));
            if ours.contains(on) && !may {
                complaints.push(format!("crate {name} must not depend on {on}"));
            }
            let pure = PURE.iter().find(|(crate_name, _)| *crate_name == name);
            if !is_dev && pure.is_some_and(|(_, only)| !only.contains(&on)) {
                complaints.push(format!("crate {name} is pure and must not depend on {on}"));
            }
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check;

    fn complaints(name: &str, on: &str, kind: Option<&str>) -> usize {
        let metadata = json!({ "packages": [
            { "name": name, "dependencies": [{ "name": on, "kind": kind }] },
            { "name": "store", "dependencies": [] },
            { "name": "domain", "dependencies": [] },
        ]});
        check(&metadata).unwrap().len()
    }

    #[test]
    fn only_decided_edges_pass() {
        assert_eq!(complaints("rail-evm", "domain", None), 0);
        assert_eq!(complaints("rail-evm", "store", None), 1);
        assert_eq!(complaints("rail-evm", "store", Some("dev")), 0);
        assert_eq!(complaints("engine", "tokio", None), 1);
        assert_eq!(complaints("engine", "tokio", Some("dev")), 0);
        assert_eq!(complaints("newcomer", "domain", None), 1);
    }
}
