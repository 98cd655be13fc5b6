//! A mail as a whole, with everything attached to it.

#![no_main]

use baosong::message::{Host, Tool, read};
use libfuzzer_sys::fuzz_target;

struct Nothing;

impl Host for Nothing {
    fn keep(&mut self, _: &str, _: &[u8]) {}

    fn run(&mut self, _: Tool, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(String::new())
    }
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes, &mut Nothing);
});
