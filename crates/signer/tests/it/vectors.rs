//! Mnemonics and addresses as other wallets have them.

use signer::{AddressFormat, Keystore, default_path};

#[track_caller]
fn check(mnemonic: &str, format: AddressFormat, path: &str, expected: &str) {
    let keystore = Keystore::in_memory(mnemonic, [1; 32]).unwrap();
    assert_eq!(keystore.mnemonic().as_str(), mnemonic);
    assert_eq!(keystore.address(path, format).unwrap(), expected, "{path}");
}

/// Addresses that ethers 6 derives.
#[test]
fn evm_addresses() {
    let junk = "test test test test test test test test test test test junk";
    for (path, expected) in [
        ("m/44'/60'/0'/0/0", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        ("m/44'/60'/0'/0/1", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("m/44'/60'/0'/0/2", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        (&default_path(AddressFormat::Evm, 1), "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"),
        (&default_path(AddressFormat::Evm, 2), "0x98e503f35D0a019cB0a251aD243a4cCFCF371F46"),
    ] {
        check(junk, AddressFormat::Evm, path, expected);
    }
}

/// The entropies of BIP-39's test vectors; addresses that ethers 6 derives, and those of BIP-84 and
/// BIP-86.
#[test]
fn mnemonics_of_the_bips() {
    let zeros = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                 abandon about";
    let path = default_path(AddressFormat::Evm, 0);
    check(zeros, AddressFormat::Evm, &path, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94");
    let [_, p2wpkh, p2tr, ..] = AddressFormat::MAIN;
    assert_eq!(default_path(p2wpkh, 0), "m/84'/0'/0'/0/0");
    assert_eq!(default_path(p2tr, 0), "m/86'/0'/0'/0/0");
    for (path, expected) in [
        ("m/84'/0'/0'/0/0", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
        ("m/84'/0'/0'/0/1", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
        ("m/84'/0'/0'/1/0", "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"),
    ] {
        check(zeros, p2wpkh, path, expected);
    }
    for (path, expected) in [
        ("m/86'/0'/0'/0/0", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
        ("m/86'/0'/0'/0/1", "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"),
        ("m/86'/0'/0'/1/0", "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"),
    ] {
        check(zeros, p2tr, path, expected);
    }
}

/// What `TronWeb` derives from mnemonics, its usual path first, and from single keys, which are
/// imported here.
#[test]
fn tron_addresses() {
    let rows = include_str!("../../../rail-tron/tests/data/keys.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(rows).unwrap();
    let [_, _, _, _, _, tron] = AddressFormat::MAIN;
    assert_eq!(default_path(tron, 0), rows[0]["key_path"]);
    assert_eq!(default_path(tron, 2), rows[2]["key_path"]);
    let (folder, passphrase) = (tempfile::tempdir().unwrap(), "correct horse battery");
    let path = folder.path().join("keystore");
    let mut random = |buffer: &mut [u8]| (1..).zip(buffer).for_each(|(at, byte)| *byte = at);
    Keystore::create(&path, passphrase, &mut random).unwrap();
    let (mut derived, mut imported) = (0, 0);
    for row in &rows {
        let text = |name: &str| row[name].as_str();
        let address = text("address").unwrap();
        if let Some(mnemonic) = text("mnemonic") {
            check(mnemonic, tron, text("key_path").unwrap(), address);
            derived += 1;
            continue;
        }
        imported += 1;
        let (name, secret) = (format!("hot-{imported}"), text("private_key").unwrap());
        let keystore = Keystore::add_key(&path, passphrase, &name, secret, &mut random).unwrap();
        assert_eq!(keystore.address(&format!("imported:{name}"), tron).unwrap(), address);
        let listed = keystore.addresses(1).unwrap();
        assert!(listed.iter().any(|it| it.format == tron && it.address == address));
    }
    assert_eq!((derived, imported), (5, 2));
}

/// Test vectors of BIP-39: the words that an entropy makes.
#[test]
fn entropy_makes_the_words_of_bip_39() {
    let folder = tempfile::tempdir().unwrap();
    let vector = "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f";
    let mut bytes = hex::decode(vector).unwrap().into_iter().chain(1..);
    let mut random = |buffer: &mut [u8]| buffer.fill_with(|| bytes.next().unwrap());
    let path = folder.path().join("keystore");
    let keystore = Keystore::create(&path, "correct horse battery", &mut random).unwrap();
    assert_eq!(
        keystore.mnemonic().as_str(),
        "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing \
         screen patrol group space point ten exist slush involve unfold"
    );
    let address = keystore.address("m/44'/60'/0'/0/0", AddressFormat::Evm).unwrap();
    assert_eq!(address, "0xa817afd48e0f85c4555453912785d1e4142608EB");
}
