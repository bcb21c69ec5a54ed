use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_900_000_000);
const DAY: Duration = Duration::from_hours(24);

fn key(kid: &str, algorithm: Algorithm, state: State, active_from: Timestamp) -> StoredKey {
    StoredKey {
        kid: kid.to_owned(),
        algorithm,
        state,
        sealed: String::new(),
        created_at: active_from,
        active_from,
        ends_at: None,
        retired_at: None,
    }
}

fn listed(keys: Vec<StoredKey>) -> Listed {
    Listed {
        era: String::new(),
        revision: 1,
        fingerprint: String::new(),
        keys,
    }
}

fn pair(algorithm: Algorithm) -> Listed {
    listed(vec![
        key("a", algorithm, State::Active, NOW),
        key("n", algorithm, State::Next, NOW.plus(LEAD)),
    ])
}

#[test]
fn a_key_does_not_sign_before_every_copy_of_the_set_has_it() {
    let keys = pair(Algorithm::Es256);
    let at = NOW.plus(LEAD);
    assert_eq!(may_rotate(&keys, NOW, false), Err(Obstacle::TooSoon(at)));
    let just_before = at.minus(Duration::from_micros(1));
    assert!(may_rotate(&keys, just_before, false).is_err());
    assert_eq!(may_rotate(&keys, at, false), Ok(()));
    assert_eq!(may_rotate(&keys, NOW, true), Ok(()));
    assert!(LEAD.saturating_sub(MAX_AGE) >= Duration::from_secs(30));
}

#[test]
fn a_clock_that_was_set_back_does_not_end_rotation_for_good() {
    let keys = pair(Algorithm::Es256);
    let years = Duration::from_hours(24 * 3650);
    let now = NOW.minus(years);
    assert_eq!(may_rotate(&keys, now, false), Ok(()));
    assert!(is_due(&keys, now, Some(30 * DAY)));
    // clocks that differ by less are no reason
    let now = NOW.minus(Duration::from_hours(1));
    assert!(may_rotate(&keys, now, false).is_err());
    assert!(!is_due(&keys, now, Some(30 * DAY)));
}

#[test]
fn keys_take_turns_by_themselves_when_the_active_one_is_old_and_not_before() {
    let keys = pair(Algorithm::Es256);
    let just_before = NOW.plus(30 * DAY).minus(Duration::from_micros(1));
    assert!(!is_due(&keys, just_before, Some(30 * DAY)));
    assert!(is_due(&keys, NOW.plus(30 * DAY), Some(30 * DAY)));
    assert!(!is_due(&keys, NOW.plus(900 * DAY), None));
    // never before the next one was published long enough, however short the turns are
    assert!(!is_due(
        &keys,
        NOW.plus(MAX_AGE),
        Some(Duration::from_secs(1))
    ));
}

#[test]
fn another_algorithm_waits_for_its_key_to_be_published_and_no_longer() {
    let mut keys = pair(Algorithm::Es256);
    keys.keys[1].algorithm = Algorithm::Rs256;
    assert!(!is_due(&keys, NOW.plus(MAX_AGE), None));
    assert!(is_due(&keys, NOW.plus(LEAD), None));
}

#[test]
fn forced_rotations_do_not_fill_the_set_without_end() {
    let mut keys = pair(Algorithm::Es256);
    for number in 0..MOST - 3 {
        let kid = number.to_string();
        keys.keys
            .push(key(&kid, Algorithm::Es256, State::Retiring, NOW));
    }
    assert_eq!(may_rotate(&keys, NOW, true), Ok(()));
    keys.keys
        .push(key("one more", Algorithm::Es256, State::Retiring, NOW));
    assert_eq!(may_rotate(&keys, NOW, true), Err(Obstacle::TooMany));
    const { assert!(MOST < rolecall::token::MAX_KEYS) };
}

#[test]
fn a_retiring_key_goes_only_when_its_last_token_has_ended() {
    let longest = Duration::from_mins(30);
    let mut old = key("o", Algorithm::Es256, State::Retiring, NOW);
    old.ends_at = Some(last_end(NOW, longest));
    let mut keys = pair(Algorithm::Es256);
    keys.keys.push(old);
    let gone = |now| {
        ended(&keys, now)
            .map(|key| key.kid.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(gone(NOW.plus(longest)), [""; 0]);
    assert_eq!(gone(last_end(NOW, longest)), ["o"]);
}

fn target(algorithm: Algorithm) -> KeyTarget {
    KeyTarget {
        algorithm,
        secret: None,
        serves: true,
    }
}

#[test]
fn the_first_start_makes_two_keys_and_the_second_none() {
    let first = plan(&listed(Vec::new()), target(Algorithm::Es256));
    assert_eq!((first.keys_to_make(), first.retire.len()), (2, 0));
    let again = plan(&pair(Algorithm::Es256), target(Algorithm::Es256));
    assert_eq!(again, Plan::default());
}

#[test]
fn a_command_that_serves_nothing_changes_no_key_whatever_its_configuration_says() {
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256] {
        let target = KeyTarget {
            serves: false,
            secret: algorithm.is_symmetric().then_some(false),
            algorithm,
        };
        assert_eq!(plan(&pair(Algorithm::Es256), target), Plan::default());
        assert!(plan(&listed(Vec::new()), target).make_active);
    }
}

#[test]
fn between_asymmetric_algorithms_nothing_that_signed_is_taken_away() {
    let done = plan(&pair(Algorithm::Es256), target(Algorithm::EdDsa));
    assert_eq!(done.retire, ["n"]);
    assert!(!done.make_active && done.make_next);
}

#[test]
fn secrets_and_key_pairs_are_never_in_one_set() {
    for (before, after) in [
        (Algorithm::Es256, Algorithm::Hs256),
        (Algorithm::Hs256, Algorithm::Es256),
    ] {
        let done = plan(&pair(before), target(after));
        assert_eq!(done.retire, ["a", "n"]);
        assert!(done.make_active && done.make_next);
    }
}

#[test]
fn a_configured_secret_is_the_only_key() {
    let with = |secret| KeyTarget {
        secret: Some(secret),
        ..target(Algorithm::Hs256)
    };
    let done = plan(&pair(Algorithm::Hs256), with(true));
    assert_eq!(done.retire, ["n"]);
    assert_eq!(done.keys_to_make(), 0);
    let done = plan(&pair(Algorithm::Hs256), with(false));
    assert_eq!(done.retire, ["a", "n"]);
    assert!(done.make_active && !done.make_next);
    let done = plan(&listed(Vec::new()), with(false));
    assert!(done.make_active && !done.make_next);
}
