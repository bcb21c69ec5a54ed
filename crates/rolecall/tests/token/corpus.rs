//! Replays the corpus of the fuzz target `token`.

#[path = "../../../../fuzz/unpack.rs"]
mod unpack;

#[test]
fn the_verifier_handles_every_input_of_the_fuzz_corpus() {
    let inputs = unpack::unpack(include_str!("../../../../fuzz/corpus/token.txt")).unwrap();
    assert!(
        inputs.len() > 20,
        "the corpus of the fuzz target is missing"
    );
    for input in inputs {
        println!("{} \"{}\"", input.name, input.bytes.escape_ascii());
        crate::fuzzed::run(&input.bytes);
    }
}
