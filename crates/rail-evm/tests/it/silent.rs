//! A node that is silent at any one call: nothing is signed without the answer, and nothing is
//! concluded from its absence.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use domain::{
    batch::Attempt,
    ports::{BuildError, HoldReason, Rail},
};
use serde_json::{Value, json};

use crate::{
    fake::Fake,
    lost::{self, IS_BLACKLISTED, PAUSED, PROBE, SYMBOL, TOKEN, plenty},
    scene::{self, RECIPIENT},
};

/// All calls that building makes: three for the node, the head and the market, six for the token,
/// five for the wallet, eight for the payment.
const CALLS: usize = 3 + 6 + 5 + 8;
/// The places of the final head and of the lane's count there.
const FINAL_HEAD: usize = 1;
const FINAL_COUNT: usize = 13;

/// What is answered in place of what should be.
type Silence = fn() -> Result<Value, Value>;

/// A node that is silent at the call of this place, and then no more.
fn silent_at(place: usize, silence: Silence) -> Arc<impl net::Transport + 'static> {
    let asked = AtomicUsize::new(0);
    Arc::new(Fake::new(move |method: &str, params: &Value| {
        let this = asked.fetch_add(1, Ordering::Relaxed);
        if this == place { silence() } else { plenty(method, params) }
    }))
}

async fn build(rail: &rail_evm::Evm) -> Result<Attempt, BuildError> {
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    scene::sign(rail, 9, &payout, None).await
}

fn called(params: &Value) -> &str {
    params[0]["data"].as_str().and_then(|data| data.get(..10)).unwrap_or_default()
}

#[tokio::test]
async fn nothing_is_signed_without_any_one_of_the_answers() {
    let busy: Silence = || Err(json!({"code": -32005, "message": "rate limit exceeded"}));
    let garbled: Silence = || Ok(json!([true]));
    let null: Silence = || Ok(Value::Null);
    for silence in [busy, garbled, null] {
        let mut signed = vec![];
        for place in 0..=CALLS {
            let assets = [scene::coin(), scene::token(TOKEN)];
            let rail = scene::evm(net::JsonRpc::new(silent_at(place, silence)), &assets);
            match build(&rail).await {
                Err(BuildError::Unreachable) => {}
                Err(BuildError::Hold(hold)) => assert_eq!(hold.reason, HoldReason::NotEstimated),
                Err(other) => panic!("{place}: {other:?}"),
                Ok(_) => signed.push(place),
            }
            // Nothing was learnt that was not said.
            if place < CALLS {
                let again = build(&rail).await;
                assert!(again.is_ok(), "{place}: {again:?}");
            }
        }
        // While no block is final, and without the count there, the lane counts alone. All calls
        // that there are were tried: at the place after the last, nothing is missing.
        signed.retain(|place| ![FINAL_HEAD, FINAL_COUNT].contains(place));
        assert_eq!(signed, [CALLS]);
    }
}

#[tokio::test]
async fn functions_that_the_token_does_not_have_are_not_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let node = move |method: &str, params: &Value| match called(params) {
        PAUSED | IS_BLACKLISTED => {
            count.fetch_add(1, Ordering::Relaxed);
            if called(params) == PAUSED {
                return Err(json!({"code": 3, "message": "execution reverted"}));
            }
            // Two words are neither yes nor no.
            Ok(json!(format!("0x{:0128x}", 1)))
        }
        _ => plenty(method, params),
    };
    let rail = lost::rail(Arc::new(Fake::new(node)));
    for _ in 0..2 {
        build(&rail).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_token_that_ceases_to_answer_is_asked_for_itself_again() {
    let ceased = Arc::new(AtomicUsize::new(0));
    let has_ceased = ceased.clone();
    let node = move |method: &str, params: &Value| match called(params) {
        PAUSED if has_ceased.load(Ordering::Relaxed) > 0 => {
            Err(json!({"code": 3, "message": "execution reverted"}))
        }
        SYMBOL if has_ceased.load(Ordering::Relaxed) > 1 => {
            Ok(json!(format!("0x{:0<64}", hex::encode("OTHER"))))
        }
        _ => plenty(method, params),
    };
    let rail = lost::rail(Arc::new(Fake::new(node)));
    build(&rail).await.unwrap();
    ceased.store(1, Ordering::Relaxed);
    assert_eq!(build(&rail).await.unwrap_err(), BuildError::Unreachable);
    // It is the same token without that function.
    build(&rail).await.unwrap();
    // What was found good is not asked again, whatever it would say.
    ceased.store(2, Ordering::Relaxed);
    build(&rail).await.unwrap();
    assert!(Rail::quote_fee(&rail, &scene::token(TOKEN)).await.is_ok());
}

#[tokio::test]
async fn nodes_without_overrides_sign_what_they_can_check() {
    let unknown = || Err(json!({"code": -32602, "message": "too many arguments, want at most 2"}));
    let ignored = || Ok(json!("0x"));
    let other = || Err(json!({"code": -32000, "message": "header not found"}));
    let build_with = async |answer: Silence| {
        let node = move |method: &str, params: &Value| match called(params) {
            PROBE => answer(),
            _ => plenty(method, params),
        };
        build(&lost::rail(Arc::new(Fake::new(node)))).await
    };
    for answer in [unknown as Silence, ignored] {
        build_with(answer).await.unwrap();
    }
    let Err(BuildError::Hold(hold)) = build_with(other).await else { panic!("signed") };
    assert_eq!(hold.reason, HoldReason::NotEstimated);
    assert!(hold.detail.contains("header not found"), "{}", hold.detail);
}
