//! Replays the kept inputs of the fuzz target `token`.

#[path = "../../../../fuzz/unpack.rs"]
mod unpack;

#[test]
fn no_kept_input_breaks_the_verifier() {
    let inputs = unpack::unpack(include_str!("../../../../fuzz/corpus/token.txt")).unwrap();
    assert!(inputs.len() > 20, "the kept inputs are gone");
    for input in inputs {
        println!("{} \"{}\"", input.name, input.bytes.escape_ascii());
        crate::fuzzed::run(&input.bytes);
    }
}
