//! Sample data for the pages of second factors.

use minijinja::{Value, context};

use super::sample_values::{ERRORS, TEXT, with_empty};

/// Returns the variables of a template, as full and as empty as they can be.
pub(super) fn samples(name: &str) -> Vec<Value> {
    match name {
        "mail_code.html" | "verify_code.html" => with_empty(
            ERRORS.map(|error| {
                context! { flow => TEXT, username => TEXT, address => TEXT, former => true, asked => true, may_stay => true, stays => true, error => error, seconds => 3 }
            }),
            context! { flow => "x", username => "", address => "a@b.example", former => false, asked => false, may_stay => false, stays => false, error => "", seconds => 0 },
        ),
        "second.html" => with_empty(
            ERRORS.map(|error| {
                context! { flow => TEXT, username => TEXT, error => error, seconds => 3, by_recovery => error == "wrong-recovery-code", has_application => true, may_remember => true, passkey => TEXT }
            }),
            context! { flow => "x", username => "alice", error => "", seconds => 0, by_recovery => false, has_application => false, may_remember => false, passkey => "" },
        ),
        "enrol.html" => with_empty(
            ERRORS.map(|error| enrolment(TEXT, "", error)),
            enrolment("", TEXT, ""),
        )
        .into_iter()
        .chain([only_a_passkey()])
        .collect(),
        "recovery_codes.html" => vec![
            context! { flow => TEXT, codes => vec![TEXT] },
            context! { flow => "", codes => Vec::<&str>::new() },
        ],
        "factors.html" => factors(),
        "passkey.html" => vec![context! { factor => TEXT, passkey => TEXT }],
        // only others extend it
        _ => vec![context! {}],
    }
}

fn enrolment(flow: &str, factor: &str, error: &str) -> Value {
    context! {
        flow => flow, factor => factor, passkey => flow, username => TEXT, error => error, seconds => 3, secret => TEXT, uri => TEXT,
        qr_size => 33, qr_path => TEXT, name => flow, prefers_passkey => error == "wrong-passkey",
    }
}

fn only_a_passkey() -> Value {
    context! {
        flow => TEXT, factor => "", passkey => TEXT, username => TEXT, error => "wrong-passkey", seconds => 3, secret => "", uri => "",
        qr_size => 1, qr_path => "", name => TEXT, prefers_passkey => true,
    }
}

fn factors() -> Vec<Value> {
    let devices = vec![
        context! { id => TEXT, address => TEXT, since => "2026-01-31 12:00", last => "2026-01-31 12:00" },
    ];
    let some = vec![
        context! { id => TEXT, name => TEXT, is_passkey => true, since => "2026-01-31 12:00", last => "2026-01-31 12:00" },
        context! { id => "x", name => "Phone", is_passkey => false, since => "2026-01-31 12:00", last => "" },
    ];
    let errors = ERRORS.map(|error| {
        context! {
            username => TEXT, factors => some.clone(), devices => devices.clone(), codes_left => 9, new_name => TEXT, new_passkey_name => TEXT, may_add => true, may_add_passkey => true, error => error, problem => "",
            notice => "signed-in-again", seconds => 3,
        }
    });
    with_empty(
        errors,
        context! {
            username => "alice", factors => Vec::<Value>::new(), devices => Vec::<Value>::new(), codes_left => 0, new_name => "", new_passkey_name => "", may_add => false, may_add_passkey => false, error => "",
            problem => TEXT, notice => "", seconds => 0,
        },
    )
}
