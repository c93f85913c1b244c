//! What is printed to a reader that has gone.

use std::{panic, process};

/// As shells tell that a command ended because nobody reads what it prints (SIGPIPE).
const NOBODY_READS: i32 = 128 + 13;

/// Ends the process quietly when what it prints has no reader any more, as in `reconcile | head -3`.
/// The standard library's `println!` panics then, and nothing else says so. Only for commands that
/// print and end.
pub(crate) fn end_without_reader() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>();
        let nobody_reads =
            |it: &String| it.starts_with("failed printing to stdout") && it.contains("Broken pipe");
        if text.is_some_and(nobody_reads) {
            process::exit(NOBODY_READS);
        }
        before(info);
    }));
}
