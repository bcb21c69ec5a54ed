//! Programs that must not compile, with the expected compiler output in `.stderr` files.
//!
//! The output is rolecall's message for a missing access rule, and axum's own message for other faults.

#[test]
fn x013_invalid_programs_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/rule_*.rs");
    cases.compile_fail("tests/compile_fail/axum_*.rs");
    cases.compile_fail("tests/compile_fail/router_*.rs");
    cases.compile_fail("tests/compile_fail/names_*.rs");
    cases.compile_fail("tests/compile_fail/generated_*.rs");
}
