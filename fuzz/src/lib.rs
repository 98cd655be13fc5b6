//! What the targets have in common.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

pub use libfuzzer_sys;

static LAST: Mutex<String> = Mutex::new(String::new());

/// A target that hands its bytes to one function of baosong.
#[macro_export]
macro_rules! target {
    ($run:expr) => {
        use $crate::libfuzzer_sys;
        libfuzzer_sys::fuzz_target!(init: $crate::blame_ours(), |bytes: &[u8]| {
            $crate::run($run, bytes);
        });
    };
}

/// Ends the program at a panic of ours, also where baosong would catch it. One in a dependency unwinds: where baosong
/// catches it (documents, archives, IMAP) it costs no more than in the daemon, and elsewhere [`run`] gets it.
pub fn blame_ours() {
    let end = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |at| at.file());
        if file.contains("/registry/src/") || file.contains("/library/") {
            *LAST.lock().expect("nothing panics under it") = panic.to_string();
        } else {
            end(panic);
        }
    }));
}

/// Runs a target; a panic that nothing caught ends the program.
pub fn run(target: fn(&[u8]), bytes: &[u8]) {
    if panic::catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        eprintln!("{}", LAST.lock().expect("nothing panics under it"));
        std::process::abort();
    }
}
