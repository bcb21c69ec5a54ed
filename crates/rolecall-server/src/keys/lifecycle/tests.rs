use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_900_000_000);
const DAY: Duration = Duration::from_hours(24);

fn key(kid: &str, algorithm: Algorithm, state: State, active_from: Timestamp) -> StoredKey {
    StoredKey {
        kid: kid.to_owned(),
        slot: Slot::Access,
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
fn a_key_does_not_sign_before_every_cached_set_contains_it() {
    let keys = pair(Algorithm::Es256);
    let at = NOW.plus(LEAD);
    assert_eq!(
        may_rotate(&keys, Slot::Access, NOW, false),
        Err(Obstacle::TooSoon(at))
    );
    let just_before = at.minus(Duration::from_micros(1));
    assert!(may_rotate(&keys, Slot::Access, just_before, false).is_err());
    assert_eq!(may_rotate(&keys, Slot::Access, at, false), Ok(()));
    assert_eq!(may_rotate(&keys, Slot::Access, NOW, true), Ok(()));
    assert!(LEAD.saturating_sub(MAX_AGE) >= Duration::from_secs(30));
}

#[test]
fn a_clock_set_back_does_not_stop_rotation_forever() {
    let keys = pair(Algorithm::Es256);
    let years = Duration::from_hours(24 * 3650);
    let now = NOW.minus(years);
    assert_eq!(may_rotate(&keys, Slot::Access, now, false), Ok(()));
    assert!(is_due(&keys, Slot::Access, now, Some(30 * DAY)));
    // a small difference between clocks does not count
    let now = NOW.minus(Duration::from_hours(1));
    assert!(may_rotate(&keys, Slot::Access, now, false).is_err());
    assert!(!is_due(&keys, Slot::Access, now, Some(30 * DAY)));
}

#[test]
fn rotation_is_due_when_the_active_key_is_old_enough() {
    let keys = pair(Algorithm::Es256);
    let just_before = NOW.plus(30 * DAY).minus(Duration::from_micros(1));
    assert!(!is_due(&keys, Slot::Access, just_before, Some(30 * DAY)));
    assert!(is_due(
        &keys,
        Slot::Access,
        NOW.plus(30 * DAY),
        Some(30 * DAY)
    ));
    assert!(!is_due(&keys, Slot::Access, NOW.plus(900 * DAY), None));
    // never before the next key has been published long enough, even for a short interval
    assert!(!is_due(
        &keys,
        Slot::Access,
        NOW.plus(MAX_AGE),
        Some(Duration::from_secs(1))
    ));
}

#[test]
fn another_algorithm_takes_over_once_its_key_has_been_published() {
    let mut keys = pair(Algorithm::Es256);
    keys.keys[1].algorithm = Algorithm::Rs256;
    assert!(!is_due(&keys, Slot::Access, NOW.plus(MAX_AGE), None));
    assert!(is_due(&keys, Slot::Access, NOW.plus(LEAD), None));
}

#[test]
fn forced_rotations_are_limited_by_the_keys_in_use() {
    let mut keys = pair(Algorithm::Es256);
    for number in 0..MAX_IN_USE - 3 {
        let kid = number.to_string();
        keys.keys
            .push(key(&kid, Algorithm::Es256, State::Retiring, NOW));
    }
    assert_eq!(may_rotate(&keys, Slot::Access, NOW, true), Ok(()));
    keys.keys
        .push(key("one more", Algorithm::Es256, State::Retiring, NOW));
    assert_eq!(
        may_rotate(&keys, Slot::Access, NOW, true),
        Err(Obstacle::TooMany)
    );
    const { assert!(MAX_IN_USE < rolecall::token::MAX_KEYS) };
}

#[test]
fn a_retiring_key_is_removed_only_after_its_last_token_has_expired() {
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
fn the_first_start_creates_two_keys_and_the_second_none() {
    let first = plan(&listed(Vec::new()), target(Algorithm::Es256));
    assert_eq!((first.key_count(), first.retire.len()), (2, 0));
    let again = plan(&pair(Algorithm::Es256), target(Algorithm::Es256));
    assert_eq!(again, Plan::default());
}

#[test]
fn a_command_that_issues_no_tokens_changes_no_keys() {
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
fn a_new_asymmetric_algorithm_keeps_the_active_key() {
    let done = plan(&pair(Algorithm::Es256), target(Algorithm::EdDsa));
    assert_eq!(done.retire, ["n"]);
    assert!(!done.make_active && done.make_next);
}

#[test]
fn secrets_and_key_pairs_are_never_in_use_together() {
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
    assert_eq!(done.key_count(), 0);
    let done = plan(&pair(Algorithm::Hs256), with(false));
    assert_eq!(done.retire, ["a", "n"]);
    assert!(done.make_active && !done.make_next);
    let done = plan(&listed(Vec::new()), with(false));
    assert!(done.make_active && !done.make_next);
}

fn in_slot(algorithm: Algorithm) -> StoredKey {
    StoredKey {
        slot: Slot::IdToken(algorithm),
        ..key("i", algorithm, State::Active, NOW)
    }
}

#[test]
fn keys_for_id_tokens_are_made_for_algorithms_that_no_key_has() {
    let all = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
    let missing_of = |listed: &Listed, target| missing(listed, target, &all).collect::<Vec<_>>();
    let mut keys = pair(Algorithm::Es256);
    assert_eq!(
        missing_of(&keys, Algorithm::Es256),
        [Algorithm::Rs256, Algorithm::EdDsa]
    );
    keys.keys.push(in_slot(Algorithm::Rs256));
    assert_eq!(missing_of(&keys, Algorithm::Es256), [Algorithm::EdDsa]);
    // access tokens are about to have another algorithm: their key does for ID tokens only as long as it signs
    assert_eq!(
        missing_of(&keys, Algorithm::EdDsa),
        [Algorithm::Es256, Algorithm::EdDsa]
    );
    // a shared secret stands beside no public key
    let secret = pair(Algorithm::Hs256);
    assert_eq!(missing_of(&secret, Algorithm::Hs256), []);
}

#[test]
fn slots_rotate_apart_and_that_of_access_tokens_comes_first() {
    let mut keys = listed(vec![in_slot(Algorithm::Rs256)]);
    keys.keys.push(StoredKey {
        slot: Slot::IdToken(Algorithm::Rs256),
        ..key("in", Algorithm::Rs256, State::Next, NOW)
    });
    keys.keys.extend(pair(Algorithm::Es256).keys);
    let id_tokens = Slot::IdToken(Algorithm::Rs256);
    assert_eq!(keys.slots(), [Slot::Access, id_tokens]);
    assert_eq!(may_rotate(&keys, id_tokens, NOW, false), Ok(()));
    assert!(may_rotate(&keys, Slot::Access, NOW, false).is_err());
    let ids: Vec<_> = [State::Active, State::Next]
        .map(|state| keys.one(id_tokens, state).unwrap().kid.as_str())
        .into();
    assert_eq!(ids, ["i", "in"]);
}
