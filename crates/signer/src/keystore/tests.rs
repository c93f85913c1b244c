//! What must never happen to a keystore: opened without its passphrase, overwritten, printed.

use std::{fs, path::PathBuf};

use proptest::{prelude::*, sample::Index};
use tempfile::TempDir;

use super::{envelope::HEADER_BYTES, *};

const JUNK: &str = "test test test test test test test test test test test junk";
const JUNK_FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const PASSPHRASE: &str = "correct horse battery";
const KEY: &str = "4646464646464646464646464646464646464646464646464646464646464646";
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, parallelism: 1 };
/// Where the header has the three numbers of Argon2.
const COST_AT: usize = 17;

/// Different bytes at each call, and the same in each test.
fn random() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |buffer: &mut [u8]| {
        for byte in buffer {
            next = next.wrapping_mul(5).wrapping_add(1);
            *byte = next;
        }
    }
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keystore")
    }

    /// Writes a keystore of the known mnemonic that is cheap to open.
    fn import(&self) -> Result<Keystore, KeystoreError> {
        let entropy = entropy_of(JUNK).unwrap();
        Keystore::write(&self.path(), PASSPHRASE, entropy, CHEAP, &mut random())
    }

    fn open(&self) -> Result<Keystore, KeystoreError> {
        Keystore::open(&self.path(), PASSPHRASE)
    }

    #[track_caller]
    fn check_refused(&self, file: &[u8], expected: &KeystoreError) {
        fs::write(self.path(), file).unwrap();
        assert_eq!(self.open().err().as_ref(), Some(expected));
    }
}

fn names(folder: &Folder) -> usize {
    fs::read_dir(folder.0.path()).unwrap().count()
}

#[test]
fn opens_what_it_wrote() {
    let folder = Folder::new();
    let written = folder.import().unwrap();
    let opened = folder.open().unwrap();
    assert_eq!(opened.mnemonic().as_str(), JUNK);
    assert_eq!(opened.address("m/44'/60'/0'/0/0", AddressFormat::Evm).unwrap(), JUNK_FIRST);
    let sealed = written.vault().seal("secret", "ke_1", [3; 24]);
    assert_eq!(opened.vault().open(&sealed, "ke_1").unwrap().as_str(), "secret");
    assert_eq!(opened.warning(), None);
    assert_eq!(names(&folder), 1, "no temporary file is left");
}

/// The public constructors with the real cost, which the header must have.
#[test]
fn a_new_wallet_costs_what_the_standard_says() {
    let folder = Folder::new();
    let created = Keystore::create(&folder.path(), PASSPHRASE, &mut random()).unwrap();
    let file = fs::read(folder.path()).unwrap();
    assert_eq!(file[..COST_AT], *b"vyplata-keystore\x01");
    assert_eq!(file[COST_AT..COST_AT + 12], [0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]);
    assert_eq!(created.mnemonic().split(' ').count(), 24);
    let opened = folder.open().unwrap();
    assert_eq!(opened.mnemonic(), created.mnemonic());
}

#[test]
fn two_files_of_one_wallet_share_no_salt_and_no_ciphertext() {
    let (first, second) = (Folder::new(), Folder::new());
    first.import().unwrap();
    let mut other = random();
    other(&mut [0; 7]);
    let entropy = entropy_of(JUNK).unwrap();
    Keystore::write(&second.path(), PASSPHRASE, entropy, CHEAP, &mut other).unwrap();
    let (first, second) = (fs::read(first.path()).unwrap(), fs::read(second.path()).unwrap());
    assert_ne!(first[29..45], second[29..45]);
    assert_ne!(first[HEADER_BYTES..], second[HEADER_BYTES..]);
}

#[test]
fn another_passphrase_does_not_open_it() {
    let folder = Folder::new();
    folder.import().unwrap();
    for passphrase in ["", "Correct horse battery", "correct horse battery "] {
        let opened = Keystore::open(&folder.path(), passphrase);
        assert_eq!(opened.err(), Some(KeystoreError::WrongPassphraseOrDamaged), "{passphrase}");
    }
}

#[test]
fn a_file_that_is_cut_off_or_too_long_is_refused() {
    let folder = Folder::new();
    folder.import().unwrap();
    let file = fs::read(folder.path()).unwrap();
    for length in 0..file.len() {
        fs::write(folder.path(), &file[..length]).unwrap();
        assert!(folder.open().is_err(), "{length} bytes");
    }
    folder
        .check_refused(&[file.as_slice(), b"x"].concat(), &KeystoreError::WrongPassphraseOrDamaged);
    folder.check_refused(
        &vec![b'v'; 1 << 20],
        &KeystoreError::Malformed("it is longer than any keystore"),
    );
}

#[test]
fn every_changed_byte_is_noticed() {
    let folder = Folder::new();
    folder.import().unwrap();
    let file = fs::read(folder.path()).unwrap();
    for at in 0..file.len() {
        // In the parameters, such bits as leave them small, so that opening it gets as far as the
        // authentication; larger ones are refused unread, below.
        for bit in [0x01, 0x80] {
            let mut changed = file.clone();
            changed[at] ^= bit;
            fs::write(folder.path(), &changed).unwrap();
            assert!(folder.open().is_err(), "byte {at}, bit {bit:#x}");
        }
    }
}

#[test]
fn parameters_of_the_header_cannot_exhaust_the_machine() {
    let folder = Folder::new();
    folder.import().unwrap();
    let file = fs::read(folder.path()).unwrap();
    let hostile = [
        [u32::MAX, 1, 1],
        [256 * 1024 + 1, 1, 1],
        [8, u32::MAX, 1],
        [8, 17, 1],
        [u32::MAX, u32::MAX, u32::MAX],
        [1024, 1, 0x00ff_ffff],
        [8, 0, 1],
        [0, 1, 1],
        [8, 1, 0],
        [8, 1, 4],
    ];
    for numbers in hostile {
        let mut changed = file.clone();
        let bytes: Vec<u8> = numbers.iter().flat_map(|it: &u32| it.to_be_bytes()).collect();
        changed[COST_AT..COST_AT + 12].copy_from_slice(&bytes);
        fs::write(folder.path(), &changed).unwrap();
        let error = folder.open().err();
        assert!(matches!(error, Some(KeystoreError::Malformed(_))), "{numbers:?}: {error:?}");
    }
    // Weaker but allowed parameters are another key, and authenticated besides.
    let mut changed = file;
    changed[COST_AT + 3] = 9;
    folder.check_refused(&changed, &KeystoreError::WrongPassphraseOrDamaged);
}

#[test]
fn an_existing_file_is_never_touched() {
    let folder = Folder::new();
    fs::write(folder.path(), b"precious").unwrap();
    assert_eq!(folder.import().err(), Some(KeystoreError::Exists));
    let created = Keystore::create(&folder.path(), PASSPHRASE, &mut random());
    assert_eq!(created.err(), Some(KeystoreError::Exists));
    let imported = Keystore::import(&folder.path(), JUNK, PASSPHRASE, &mut random());
    assert_eq!(imported.err(), Some(KeystoreError::Exists));
    // Also if it appears after the first look.
    assert_eq!(file::create(&folder.path(), b"new"), Err(KeystoreError::Exists));
    assert_eq!(fs::read(folder.path()).unwrap(), b"precious");
    assert_eq!(names(&folder), 1, "no temporary file is left");
}

#[test]
fn imported_keys_are_kept_by_name() {
    let folder = Folder::new();
    folder.import().unwrap();
    let before = fs::read(folder.path()).unwrap();
    let add = |name: &str, key: &str| {
        // Not the numbers that the file was made with: a nonce must not come twice.
        let mut random = random();
        random(&mut [0; 100]);
        Keystore::add_key(&folder.path(), PASSPHRASE, name, key, &mut random)
    };
    add("hot-1", KEY).unwrap();
    let after = fs::read(folder.path()).unwrap();
    assert_ne!(before[29..HEADER_BYTES], after[29..HEADER_BYTES], "salt and nonce are new");

    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let zero = "0".repeat(64);
    let long = "n".repeat(65);
    for (name, key) in [
        ("hot-1", KEY),
        ("", KEY),
        ("a/b", KEY),
        (long.as_str(), KEY),
        ("new", order),
        ("new", zero.as_str()),
        ("new", &KEY[1..]),
        ("new", "0x"),
        ("new", ""),
    ] {
        let refused = add(name, key).err();
        let Some(KeystoreError::Refused(why)) = refused else { panic!("{name} {key}") };
        assert!(!why.contains(&KEY[1..]), "no secret is repeated");
    }
    assert_eq!(fs::read(folder.path()).unwrap(), after, "a refusal changes nothing");
    add("hot-2", &format!("0x{:0>64}", 1)).unwrap();

    let opened = folder.open().unwrap();
    let address = |path| opened.address(path, AddressFormat::Evm);
    // Addresses of ethers 6.
    assert_eq!(address("imported:hot-1").unwrap(), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
    assert_eq!(address("imported:hot-2").unwrap(), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
    assert!(address("imported:hot-3").is_err());
    assert_eq!(opened.mnemonic().as_str(), JUNK);
    let listed: Vec<String> =
        opened.addresses(2).unwrap().into_iter().map(|it| it.path).take(4).collect();
    assert_eq!(
        listed,
        ["m/44'/60'/0'/0/0", "m/44'/60'/1'/0/0", "imported:hot-1", "imported:hot-2"]
    );
}

#[test]
fn adding_a_key_needs_the_passphrase() {
    let folder = Folder::new();
    folder.import().unwrap();
    let before = fs::read(folder.path()).unwrap();
    let added = Keystore::add_key(&folder.path(), "another passphrase", "a", KEY, &mut random());
    assert_eq!(added.err(), Some(KeystoreError::WrongPassphraseOrDamaged));
    assert_eq!(fs::read(folder.path()).unwrap(), before);
}

#[test]
fn weak_or_wrong_input_makes_no_file() {
    let folder = Folder::new();
    let path = folder.path();
    let short = Keystore::create(&path, "hunter2", &mut random()).err();
    assert!(matches!(short, Some(KeystoreError::Refused(_))));
    let broken = Keystore::create(&path, PASSPHRASE, &mut |_: &mut [u8]| ()).err();
    assert!(matches!(broken, Some(KeystoreError::Refused(_))));
    for words in ["", "test", &JUNK.replace("junk", "test"), &JUNK.replace("junk", "jnk")] {
        let Some(KeystoreError::Refused(why)) =
            Keystore::import(&path, words, PASSPHRASE, &mut random()).err()
        else {
            panic!("{words}")
        };
        assert!(!why.contains("jnk"), "no word is repeated");
    }
    let nowhere = path.join("below");
    folder.import().unwrap();
    let nowhere = Keystore::import(&nowhere, JUNK, PASSPHRASE, &mut random()).err();
    assert!(matches!(nowhere, Some(KeystoreError::Io(_))), "{nowhere:?}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    folder.import().unwrap();
    let mode = || fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let warning = folder.open().unwrap().warning().map(str::to_owned);
    assert!(warning.unwrap().contains("mode 644"));
    Keystore::add_key(&folder.path(), PASSPHRASE, "a", KEY, &mut random()).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn prints_no_secret() {
    let folder = Folder::new();
    let keystore = folder.import().unwrap();
    assert_eq!(format!("{keystore:?} {:?}", keystore.secrets), "Keystore(..) Secrets(..)");
    assert_eq!(format!("{:?}", folder.open()), "Ok(Keystore(..))");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn content_survives_and_damaged_content_never_panics(
        names in proptest::collection::btree_set("[a-zA-Z0-9._-]{1,64}", 0..6),
        key in 1_u8..,
        at: Index,
        byte: u8,
    ) {
        let mut secrets = Secrets {
            entropy: Zeroizing::new(vec![key; 32]),
            vault_key: Zeroizing::new([key; 32]),
            imported: BTreeMap::new(),
        };
        for name in &names {
            secrets.add(name, &hex::encode([key.min(0xfe); 32])).unwrap();
        }
        let mut bytes = secrets.encode().to_vec();
        let decoded = Secrets::decode(&bytes).unwrap();
        prop_assert_eq!(&decoded.imported, &secrets.imported);
        prop_assert_eq!(decoded.encode(), secrets.encode());
        bytes.push(0);
        prop_assert!(Secrets::decode(&bytes).is_none());
        bytes.pop();
        prop_assert!(Secrets::decode(&bytes[..at.index(bytes.len())]).is_none());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(decoded) = Secrets::decode(&bytes) {
            prop_assert_eq!(decoded.encode().to_vec(), bytes);
        }
    }
}
