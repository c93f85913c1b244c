//! The suite that every store must pass.

use domain::ports::Store;
use sim::conformance::store::run_all;
use store::Sqlite;

#[test]
fn a_store_in_memory_conforms() {
    run_all(&|| Box::new(Sqlite::open_in_memory().unwrap()));
}

#[test]
fn a_store_in_a_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let make = || -> Box<dyn Store> {
        let made = std::fs::read_dir(folder.path()).unwrap().count();
        let path = folder.path().join(format!("{made}.db"));
        Box::new(Sqlite::open_and_migrate(&path).unwrap())
    };
    run_all(&make);
}

#[test]
fn a_store_that_waits_for_its_disk_beside_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let make = || -> Box<dyn Store> {
        let made = std::fs::read_dir(folder.path()).unwrap().count();
        let path = folder.path().join(format!("{made}.db"));
        Box::new(Sqlite::open_to_serve(&path).unwrap())
    };
    run_all(&make);
}
