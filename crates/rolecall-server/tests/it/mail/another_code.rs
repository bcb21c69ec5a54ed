//! A further code by mail, in a sign-in that has one already.

use std::time::Duration;

use super::{
    codes::{REDIRECT, WRONG, World, send, type_in},
    shows,
};
use crate::support::{Browser, SignInAnswer, on_both};

on_both![
    i055_a_code_works_until_another_one_is_made,
    i055_a_code_lasts_no_longer_because_another_is_asked_for,
    i055_a_code_works_for_the_name_that_is_asked_for,
];

/// Asks for a code that no mail brings, since three have come within an hour.
async fn ask_in_vain(world: &World, browser: &mut Browser<'_>, flow: &str) {
    let before = world.codes().len();
    send(browser, flow, "alice").await.is(303);
    world.all_done().await;
    assert_eq!(world.codes().len(), before, "no further mail");
}

async fn i055_a_code_works_until_another_one_is_made(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let first = world.code(&mut browser, &flow, 1).await;
    let second = world.code(&mut browser, &flow, 2).await;
    let third = world.code(&mut browser, &flow, 3).await;
    for _ in 0..2 {
        world.pass_time(Duration::from_mins(4));
        ask_in_vain(&world, &mut browser, &flow).await;
    }
    for ended in [first, second] {
        if ended != third {
            shows(&type_in(&mut browser, &flow, &ended).await, 401, WRONG);
        }
    }
    world.pass_time(Duration::from_secs(119));
    let answer = type_in(&mut browser, &flow, &third).await;
    assert_eq!(
        world.claims_of(&answer).await["sub"],
        world.alice.as_str(),
        "{answer:?}"
    );
}

async fn i055_a_code_lasts_no_longer_because_another_is_asked_for(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    for count in 1..=2 {
        world.code(&mut browser, &flow, count).await;
    }
    let code = world.code(&mut browser, &flow, 3).await;
    world.pass_time(Duration::from_secs(599));
    ask_in_vain(&world, &mut browser, &flow).await;
    world.pass_time(Duration::from_secs(1));
    shows(&type_in(&mut browser, &flow, &code).await, 401, WRONG);
    // and an hour after the first, another one comes
    world.pass_time(Duration::from_hours(1));
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, 4).await;
    let answer = type_in(&mut browser, &flow, &code).await;
    assert!(SignInAnswer::of(&answer, REDIRECT).is_some(), "{answer:?}");
}

async fn i055_a_code_works_for_the_name_that_is_asked_for(world: World) {
    let mut browser = Browser::new(&world);
    let flow = world.begin(&mut browser).await;
    let code = world.code(&mut browser, &flow, 1).await;
    // nobody has proven this address, so that no mail goes there
    send(&mut browser, &flow, "bob").await.is(303);
    world.all_done().await;
    shows(&type_in(&mut browser, &flow, &code).await, 401, WRONG);
    let code = world.code(&mut browser, &flow, 2).await;
    let answer = type_in(&mut browser, &flow, &code).await;
    world.claims_of(&answer).await;
}
