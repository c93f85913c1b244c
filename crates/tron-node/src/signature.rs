//! Who signed something.

use std::sync::LazyLock;

use bitcoin::secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use crate::Address;

static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// Whose key made the signature `r || s` with this recovery number (0 to 3).
pub(crate) fn recover(hash: &[u8; 32], r_and_s: &[u8], number: u8) -> Option<Address> {
    let id = RecoveryId::from_i32(i32::from(number)).ok()?;
    let signature = RecoverableSignature::from_compact(r_and_s, id).ok()?;
    let key = CURVE.recover_ecdsa(&Message::from_digest(*hash), &signature).ok()?;
    let bytes = key.serialize_uncompressed();
    let mut without_form = [0; 64];
    without_form.copy_from_slice(&bytes[1..]);
    Some(Address::of_key(&without_form))
}
