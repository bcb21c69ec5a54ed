//! Replays the inputs that the fuzz target `token` has kept.

use std::path::Path;

#[test]
fn no_kept_input_breaks_the_verifier() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/token");
    let mut count = 0;
    for input in std::fs::read_dir(folder).unwrap() {
        let file = input.unwrap().path();
        println!("{}", file.display());
        crate::fuzzed::run(&std::fs::read(&file).unwrap());
        count += 1;
    }
    assert!(count > 20, "the kept inputs are gone");
}
