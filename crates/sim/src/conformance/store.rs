//! What every [`Store`] must do, whatever it is made of.

mod fixtures;
mod leases;
mod money;
mod queries;
mod records;
mod rules;
mod views;

use domain::ports::Store;

/// One requirement, tried on an empty store.
pub type Case = fn(&dyn Store);

/// Every requirement, by name.
pub const CASES: &[(&str, Case)] = &[
    ("merchants come back as they were", records::merchants),
    ("credentials come back as they were", records::keys),
    ("lanes come back as they were", records::lanes),
    ("payouts come back as they were, in every state", records::payouts),
    ("quotes come back to the last unit", records::quotes),
    ("conversions come back as they were", records::conversions),
    ("approvals come back as they were, and expire", records::approvals),
    ("batches come back as they were", records::batches),
    ("chores come back as they were", records::chores),
    ("what was moved since a moment is added up", money::what_was_moved_since),
    ("attempts come back as they were", records::attempts),
    ("deliveries come back as they were", records::deliveries),
    ("events come back as they were, oldest first", records::events),
    ("postings come back as they were, oldest first", records::postings),
    ("any text comes back as it was", records::hostile_texts),
    ("the first version is one", rules::first_version_is_one),
    ("versions grow by one", rules::versions_grow_by_one),
    ("a conflict anywhere leaves nothing behind", rules::a_conflict_leaves_nothing_behind),
    ("leases come back as they were, by name", leases::leases),
    ("a change rests on its leases", leases::a_change_rests_on_its_leases),
    ("a name is claimed once, ever", rules::claims_are_made_once),
    ("an outward identifier is taken once", rules::public_ids_are_unique),
    ("a merchant's name is taken once", rules::merchant_names_are_unique),
    ("accept sees everything it asks for", rules::accept_sees_everything),
    ("accept sees batches that may be left", rules::accept_sees_the_batches_that_may_be_left),
    ("accept sees nothing where nothing is", rules::accept_sees_nothing_where_nothing_is),
    ("accept writes all or nothing", rules::accept_writes_all_or_nothing),
    ("an account is never overdrawn", money::accounts_are_never_overdrawn),
    ("only the end of a change counts", money::only_the_end_of_a_change_counts),
    ("a balance that does not fit is refused", money::balances_that_do_not_fit_are_refused),
    ("money moves and none is lost", money::money_moves_and_none_is_lost),
    ("inventory goes below zero as far as is allowed", money::inventory_may_be_overdrawn),
    ("due batches are listed, the longest due first", queries::due_batches),
    ("due deliveries are listed, the longest due first", queries::due_deliveries),
    ("a lane's queue holds what waits for its network", queries::the_queue_of_a_lane),
    ("a lane counts its open batches", queries::open_batches_are_counted),
    ("what waits holds up nothing else", queries::what_waits_holds_up_nothing_else),
    (
        "many that are more than the lane holds hold up the asset",
        queries::many_that_are_more_than_the_lane_holds_hold_up_the_asset,
    ),
    ("stuck batches are counted", queries::stuck_batches_are_counted),
    ("payouts are found by every key", queries::payouts_are_found_by_every_key),
    ("pages go from the newest to the oldest", queries::pages),
    ("counts have all words", queries::counts),
    ("what was written is counted", queries::written),
    ("credentials are found by what a request shows", queries::keys_by_lookup),
    ("lists are in order", queries::lists_are_in_order),
    ("postings are listed by account and asset", queries::postings_by_account),
    ("a batch comes with its payouts in its order", views::a_batch_with_its_payouts),
    ("a batch is loaded with what others may take", views::a_batch_with_what_others_may_take),
    ("signed transactions are found by name", views::signed_transactions_by_name),
    ("what a wrong clock put off is due", queries::what_a_wrong_clock_put_off),
    ("a delivery comes with its payout and key", views::a_delivery_with_its_payout),
    ("a payout comes with all that explains it", views::a_payout_with_all_that_explains_it),
    ("what is not there is not made up", views::what_is_not_there_is_not_made_up),
];

/// Tries every requirement on a store of its own; `make` gives an empty one each time.
///
/// # Panics
/// If a requirement is not met. The name of the last one is the last line printed.
pub fn run_all(make: &dyn Fn() -> Box<dyn Store>) {
    for (name, case) in CASES {
        println!("{name}");
        case(make().as_ref());
    }
}
