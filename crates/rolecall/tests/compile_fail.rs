//! What must not compile, and what the compiler says to whoever tries.
//!
//! The `.stderr` files hold our message for a missing access rule, and axum's own for other faults.

#[test]
fn x013_what_must_not_compile_does_not_and_says_why() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/rule_*.rs");
    cases.compile_fail("tests/compile_fail/axum_*.rs");
    cases.compile_fail("tests/compile_fail/router_*.rs");
    cases.compile_fail("tests/compile_fail/names_*.rs");
    cases.compile_fail("tests/compile_fail/generated_*.rs");
}
