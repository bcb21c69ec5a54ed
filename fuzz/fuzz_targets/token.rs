#![no_main]

#[path = "../../crates/rolecall/tests/token/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::run(data));
