//! What is measured is what is asked for, everything acknowledged is stored, and nothing is left.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    gateway::wait_for,
    vyplata::{Said, said},
};

fn bench(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyplata"));
    command.arg("bench").args(arguments).arg("--data").arg(folder.path());
    command.env("RUST_LOG", "warn").stdin(Stdio::null());
    command
}

/// Runs a bench that must succeed; returns its last line.
pub(crate) fn measured(folder: &TempDir, arguments: &[&str]) -> Value {
    let said = said(bench(folder, arguments).arg("--json"));
    assert!(said.success, "{said:?}");
    let lines: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().next_back().unwrap()
}

fn refused(folder: &TempDir, arguments: &[&str], word: &str) {
    let said: Said = said(&mut bench(folder, arguments));
    assert!(!said.success && said.stdout.is_empty(), "{said:?}");
    assert!(said.stderr.contains(word) && !said.stderr.contains("panicked"), "{said:?}");
}

fn is_empty(folder: &TempDir) -> bool {
    fs::read_dir(folder.path()).unwrap().next().is_none()
}

#[test]
fn what_is_accepted_is_counted_beside_an_echo_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let last = measured(
        &folder,
        &["accept", "--connections", "1,2", "--seconds", "1", "--rounds", "1", "--slice", "1"],
    );
    assert_eq!(last["bench"], "accept");
    let runs = last["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|it| &it["connections"]).collect::<Vec<_>>(), [1, 2]);
    for run in runs {
        for figure in ["creates_per_second", "echo_per_second", "p50_us", "p99_us", "p999_us"] {
            assert!(run[figure].as_u64().unwrap() > 0, "{figure} of {run}");
        }
        assert!(run["sliced_per_second"].as_u64().unwrap() > 0, "{run}");
        assert_eq!(run["rounds"].as_array().unwrap().len(), 1);
        // Without smaller slices in between, one commit has at most as many as there are connections.
        let (count, commits) = (run["acknowledged"].as_u64().unwrap(), run["commits"].as_u64());
        let most = run["connections"].as_u64().unwrap();
        assert!(commits.unwrap() * most >= count && commits.unwrap() <= 2 * count, "{run}");
        // Signs of life are commits, too, and some begin before time is taken.
        let waits = run["fsyncs"].as_u64().unwrap();
        assert!(waits * most >= count && waits <= commits.unwrap() + 10, "{run}");
    }
    for ratio in ["ratio_to_echo", "ratio_group_to_single"] {
        assert!(last[ratio].as_f64().unwrap() > 0.0, "{last}");
    }
    assert_eq!(last["ratio_to_echo_by_connections"]["2"], last["ratio_to_echo"]);
    assert_eq!((&last["durable"], &last["nodes"]), (&last["acknowledged"], &1.into()));
    assert!(last["durable"].as_u64().unwrap() > 0 && last["fsync_us_p50"].as_u64().unwrap() > 0);
    assert!(is_empty(&folder), "the temporary folder is gone");
}

#[test]
fn every_api_can_be_asked_and_a_store_can_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("kept.db").display());
    for api in ["cryptomus", "native"] {
        let last = measured(
            &folder,
            &[
                "accept",
                "--connections",
                "2",
                "--seconds",
                "1",
                "--rounds",
                "1",
                "--api",
                api,
                "--store",
                &store,
                "--merchants",
                "3",
            ],
        );
        assert_eq!((&last["api"], &last["durable"]), (&api.into(), &last["acknowledged"]));
    }
    // Merchants of somebody else are left alone.
    rusqlite::Connection::open(folder.path().join("kept.db"))
        .unwrap()
        .execute(
            "UPDATE merchants SET name = 'shop' WHERE id = (SELECT min(id) FROM merchants)",
            [],
        )
        .unwrap();
    refused(&folder, &["settle", "--payouts", "1", "--store", &store], "not for measuring");
}

#[test]
fn payouts_are_settled_and_webhooks_delivered_to_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let settled = measured(&folder, &["settle", "--payouts", "30", "--batch", "4"]);
    assert_eq!((&settled["bench"], &settled["payouts"]), (&"settle".into(), &30.into()));
    let delivered = measured(&folder, &["deliver", "--webhooks", "40", "--merchants", "3"]);
    assert_eq!((&delivered["webhooks"], &delivered["receivers"]), (&40.into(), &3.into()));
    for (last, rate) in [(settled, "payouts_per_second"), (delivered, "webhooks_per_second")] {
        for figure in [rate, "p50_us", "p99_us", "commits", "fsyncs"] {
            assert!(last[figure].as_u64().unwrap() > 0, "{figure} of {last}");
        }
    }
    assert!(is_empty(&folder));
}

#[test]
fn every_wallet_pays_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.db");
    let store = format!("sqlite:{}", file.display());
    // A wallet has room for more only when its first transactions are in a block.
    let arguments = ["settle", "--payouts", "30", "--wallets", "3", "--block-ms", "500"];
    let last = measured(&folder, &[&arguments[..], &["--store", &store]].concat());
    assert_eq!((&last["payouts"], &last["wallets"]), (&30.into(), &3.into()));
    let store = rusqlite::Connection::open(file).unwrap();
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(count("SELECT count(DISTINCT lane) FROM batches"), 3);
    assert_eq!(count("SELECT count(*) FROM payouts WHERE status = 'paid'"), 30);
}

#[test]
fn history_is_what_was_written_and_is_asked_about_beside_a_short_one() {
    let folder = tempfile::tempdir().unwrap();
    let last =
        measured(&folder, &["history", "--payouts", "2500", "--merchants", "2", "--rounds", "1"]);
    assert_eq!((&last["payouts"], &last["payouts_beside"]), (&2_500.into(), &800.into()));
    let questions = last["questions"].as_object().unwrap();
    for name in ["create", "get_any", "list_older", "list_withdrawn", "balances", "metrics"] {
        for side in ["few", "many"] {
            assert!(questions[name][side]["p50_us"].as_u64().unwrap() > 0, "{name} of {last}");
        }
        assert!(questions[name]["ratio_p50"].as_f64().unwrap() > 0.0, "{name} of {last}");
    }
    for figure in ["bytes_per_payout", "ready_ms", "filled_per_second", "checked"] {
        assert!(last[figure].as_u64().unwrap() > 0, "{figure} of {last}");
    }
    assert!(is_empty(&folder));
}

#[test]
fn what_was_acknowledged_before_a_crash_is_paid_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let last = measured(&folder, &["recover", "--payouts", "300", "--batch", "4"]);
    let [acknowledged, in_flight, paid, ready_ms] =
        ["acknowledged", "in_flight", "paid", "ready_ms"].map(|it| last[it].as_u64().unwrap());
    assert!(acknowledged >= 300 && in_flight > 0 && ready_ms > 0, "{last}");
    // One more was accepted after the start, and one may have been whose answer was cut off.
    assert!(paid == acknowledged + 1 || paid == acknowledged + 2, "{last}");
    assert!(is_empty(&folder));
}

#[test]
fn the_report_is_one_file_with_pictures_and_people_get_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let mut command = bench(&folder, &["deliver", "--webhooks", "5"]);
    let said = said(command.arg("--report").arg(&report));
    assert!(said.success && said.stdout.contains("delivered per second"), "{said:?}");
    let html = fs::read_to_string(&report).unwrap();
    assert_eq!(html.matches("<svg").count(), 3);
    assert!(html.contains("<polyline") && html.contains("vyplata bench deliver"), "{html}");
    for foreign in ["<script", "src=", "@import"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}

#[test]
fn a_store_that_is_not_known_is_said_so_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    for store in ["mysql://localhost/vyplata", "vyplata.db", "sqlite:"] {
        refused(&folder, &["accept", "--store", store], "sqlite:");
    }
    refused(&folder, &["accept", "--nodes", "2"], "postgres://");
    refused(&folder, &["accept", "--nodes", "2", "--store", "sqlite:bench.db"], "postgres://");
    assert!(!Path::new("bench.db").exists());
    assert!(is_empty(&folder));
}

/// One that asks for so many seconds, and has just begun.
fn begun(folder: &TempDir, seconds: &str) -> Child {
    let mut command = bench(folder, &["accept", "--connections", "1", "--seconds", seconds]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
#[cfg(unix)]
fn who_stops_it_finds_nothing_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(&folder, "600");
    let data = || fs::read_dir(folder.path()).unwrap().next()?.ok();
    let lock = || data().filter(|it| it.path().join("vyplata.db-shm").exists());
    wait_for("the gateway is at work", lock);
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success() && !child.wait().unwrap().success());
    assert!(is_empty(&folder));
}

#[test]
#[cfg(target_os = "linux")]
fn the_gateway_keeps_the_locks_of_its_database_while_it_is_measured() {
    use std::os::unix::fs::MetadataExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(&folder, "1");
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("round 1")));
    let data = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    let index = fs::metadata(data.path().join("vyplata.db-shm")).unwrap().ino();
    // Who has the database open shares the lock of this one byte for as long
    // (https://www.sqlite.org/walformat.html, "WAL Locks", and UNIX_SHM_DMS in os_unix.c).
    let lock = format!(":{index} 128 128");
    let locks = fs::read_to_string("/proc/locks").unwrap();
    assert!(locks.lines().any(|it| it.contains("READ") && it.ends_with(&lock)), "{locks}");
    said.for_each(drop);
    assert!(child.wait().unwrap().success() && is_empty(&folder));
}
