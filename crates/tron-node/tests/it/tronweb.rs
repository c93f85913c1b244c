//! `TronWeb` as a client of the node.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `TRONWEB` set to a folder whose `node_modules` has
//! `tronweb@6.5.1`.

use std::{path::Path, process::Command};

use tron_node::{Chain, Deploy, TETHER};

use crate::scene::{Scene, TRX, data};

#[test]
fn tronweb_pays_and_reads_receipts() {
    if std::env::var_os("RUN_NODE_TESTS").is_none_or(|wanted| wanted != "1") {
        println!("skipped: set RUN_NODE_TESTS=1 and TRONWEB to run it");
        return;
    }
    let folder = std::env::var_os("TRONWEB");
    let folder = folder.expect("RUN_NODE_TESTS=1 needs TRONWEB, a folder with node_modules");
    let scene = Scene::new();
    let token = scene.deploy(TETHER, &Deploy::default());
    let issue = data("issue(address,uint256)", &[&scene.alice.address, &(1_000 * TRX)]);
    scene.chain(|chain| {
        chain.call_as(scene.bob.address, token, &issue);
        chain.parameters.estimate_energy = true;
        chain.solid_lag(0);
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tronweb.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .args([&scene.node.url(), &token.to_string(), &scene.carol.address.to_string()])
        .current_dir(&folder)
        .spawn()
        .unwrap();
    // A block whenever something waits, until it has seen enough.
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        scene.chain(|chain| {
            if !chain.pending().is_empty() {
                chain.mine();
            }
        });
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
    assert_eq!(scene.balance(&scene.carol), 5 * TRX);
    assert_eq!(scene.tokens(token, &scene.carol), 7);
    let sent = scene.chain(|chain| chain.received().iter().map(|it| it.code).collect::<Vec<_>>());
    assert_eq!(sent, [tron_node::Code::Success; 2]);
    scene.chain(Chain::mine);
}
