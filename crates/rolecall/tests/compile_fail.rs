//! Programs that must not compile, with the expected compiler output in `.stderr` files.
//!
//! The output is a message of rolecall that names what to write instead: for a missing access rule, and for a function that axum
//! cannot call.

#[test]
fn x013_invalid_programs_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/rule_*.rs");
    cases.compile_fail("tests/compile_fail/axum_*.rs");
    cases.compile_fail("tests/compile_fail/router_*.rs");
    cases.compile_fail("tests/compile_fail/names_*.rs");
    cases.compile_fail("tests/compile_fail/generated_*.rs");
}
