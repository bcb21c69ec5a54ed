//! Random acts.

use proptest::prelude::*;

use super::{Act, CLIENTS, Kind, Prompt, Start, Step, USERS};

fn act() -> impl Strategy<Value = Act> {
    let prompt = prop_oneof![
        4 => Just(Prompt::Any),
        1 => Just(Prompt::None),
        1 => Just(Prompt::Login),
        2 => Just(Prompt::SelectAccount),
        1 => Just(Prompt::Consent),
    ];
    let max_age = prop_oneof![3 => Just(None), 1 => Just(Some(20_u64)), 1 => Just(Some(60_u64))];
    let by = prop_oneof![3 => Just(None), 1 => (0..CLIENTS).prop_map(Some)];
    let flow = prop_oneof![4 => Just(0_usize), 1 => 0_usize..3];
    let code = prop_oneof![3 => Just(0_usize), 1 => 0_usize..3];
    let added = prop::option::weighted(0.7, kind());
    prop_oneof![
        3 => (0..CLIENTS, prompt, max_age, prop::bool::weighted(0.25))
            .prop_map(|(client, prompt, max_age, is_strong)| {
                let (prompt, max_age) = if is_strong { (Prompt::Login, None) } else { (prompt, max_age) };
                Act::Begin { client, prompt, max_age, is_strong }
            }),
        4 => (flow.clone(), 0..USERS.len(), prop::bool::weighted(0.9))
            .prop_map(|(flow, user, is_right)| Act::Password { flow, user, is_right }),
        1 => (flow.clone(), 0..USERS.len(), 1_usize..7)
            .prop_map(|(flow, user, times)| Act::Guesses { flow, user, times }),
        2 => (flow.clone(), 0..USERS.len(), prop::bool::weighted(0.9))
            .prop_map(|(flow, user, is_right)| Act::Second { flow, user, is_right }),
        2 => (flow.clone(), 0..USERS.len(), prop::bool::weighted(0.7))
            .prop_map(|(flow, user, is_good)| Act::Recovery { flow, user, is_good }),
        2 => (flow.clone(), 0..USERS.len(), prop::bool::weighted(0.9))
            .prop_map(|(flow, user, is_right)| Act::Passkey { flow, user, is_right }),
        2 => (flow.clone(), prop::bool::weighted(0.8)).prop_map(|(flow, is_right)| Act::Enrol { flow, is_right }),
        1 => (0..USERS.len(), added).prop_map(|(user, added)| Act::Factor { user, added }),
        1 => (0..USERS.len()).prop_map(|user| Act::NewCodes { user }),
        1 => flow.clone().prop_map(|flow| Act::Continue { flow }),
        1 => flow.clone().prop_map(|flow| Act::StartOver { flow }),
        3 => (flow.clone(), prop::bool::weighted(0.8)).prop_map(|(flow, allows)| Act::Decide { flow, allows }),
        1 => flow.prop_map(|flow| Act::Show { flow }),
        3 => (code, by, prop::bool::weighted(0.9))
            .prop_map(|(code, by, is_proven)| Act::Redeem { code, by, is_proven }),
        1 => Just(Act::Wait),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Totp), Just(Kind::Passkey)]
}

/// The factors that the users begin with.
pub(super) fn factors() -> impl Strategy<Value = Start> {
    prop::array::uniform2(prop::option::weighted(0.6, kind()))
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    // mostly one browser: otherwise hardly any sign-in comes to its end
    let browser = prop_oneof![3 => Just(0_usize), 1 => Just(1_usize)];
    let step = (browser, 0_usize..2, act());
    let step = step.prop_map(|(browser, node, act)| Step { browser, node, act });
    prop::collection::vec(step, 4..26)
}
