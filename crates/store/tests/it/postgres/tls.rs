//! Encrypted connections, where the variable `POSTGRES_CA` names the certificate of the authority that
//! the server's certificate is signed by; `cargo xtask ci` makes both.

use std::env;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sim::conformance::ready;
use store::{Postgres, StoreError};

use super::server::{Server, tls};
use crate::support::{step, steps, write};

/// The authority that signed the server's certificate.
#[expect(clippy::disallowed_methods, reason = "the environment names the server")]
fn authority() -> Option<RootCertStore> {
    let Ok(path) = env::var("POSTGRES_CA") else {
        println!("skipped: the variable POSTGRES_CA names no certificate");
        return None;
    };
    let mut authorities = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(path).expect("a certificate");
    authorities.add(certificate).expect("one of an authority");
    Some(authorities)
}

/// A URL that asks for encryption, with a password.
fn encrypted(url: &str) -> String {
    let url = url.replace("sslmode=disable&", "").replace('@', ":hunter2@");
    format!("{url}&sslmode=require")
}

#[test]
fn the_connection_is_encrypted_and_the_server_proves_who_it_is() {
    let (Some(server), Some(authority)) = (Server::find(), authority()) else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let url = encrypted(&schema.url("encrypted", &[]));
    let store = ready(Postgres::open_and_migrate(&url, tls(authority))).unwrap();
    write(&store, step(1));
    assert_eq!(steps(&store), 1);
    let unencrypted = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
        WHERE application_name = 'encrypted' AND NOT ssl";
    assert_eq!(schema.hand().number(unencrypted), 0);

    let stranger = Postgres::open(&url, tls(RootCertStore::empty())).unwrap();
    let error = ready(stranger.migrate()).unwrap_err();
    assert!(matches!(error, StoreError::NotTrusted { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(stranger.name()) && text.contains("trust the authority"), "{text}");
    assert!(!text.contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{text}");
}
