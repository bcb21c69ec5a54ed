#[test]
fn no_kept_input_breaks_the_stored_hashes() {
    let archive = include_str!("../../../../fuzz/corpus/hash.txt");
    let inputs = super::unpack::unpack(archive).unwrap();
    assert!(inputs.len() > 20, "the kept inputs are gone");
    for input in inputs {
        // a test that fails shows the input
        println!("{} \"{}\"", input.name, input.bytes.escape_ascii());
        super::hash(&input.bytes);
    }
}
