//! Replays the corpus of the fuzz target `token`.

use std::path::Path;

#[test]
fn the_verifier_handles_every_input_of_the_fuzz_corpus() {
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
