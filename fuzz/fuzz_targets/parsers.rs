//! Every parser of ours. The first byte chooses which, so that one corpus serves all.

#![no_main]

use baosong::message::fuzz::PARSERS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let [choice, rest @ ..] = bytes {
        let (_, parse) = PARSERS[usize::from(*choice) % PARSERS.len()];
        parse(rest);
    }
});
