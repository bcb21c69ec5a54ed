//! The rules for passwords by their ids. `docs/passwords.md` explains each of them and names
//! the tests of the others.

use proptest::prelude::*;

use super::*;
use crate::{
    LOWEST_MIN_LENGTH, MAX_BYTES, MAX_CODE_POINTS, PasswordPolicy, PasswordProblem, PasswordScheme,
    common,
};

fn check(min_length: usize, text: &str) -> Result<(), PasswordProblem> {
    let policy = PasswordPolicy {
        min_length,
        ..PasswordPolicy::default()
    };
    policy.check(&Password::new(text.to_owned())?, "margarete")
}

/// Returns field `at` of a modular hash string, counted from the scheme.
fn field(stored: &str, at: usize) -> &str {
    stored.split('$').nth(at + 1).unwrap()
}

fn base64_bytes(text: &str) -> usize {
    text.len() * 6 / 8
}

#[test]
fn pw_01_fourteen_code_points_are_refused_where_nothing_else_protects_and_fifteen_are_not() {
    let problem = check(15, "qwvzkxjmbpltgr").unwrap_err();
    assert_eq!(
        problem,
        PasswordProblem::TooShort {
            length: 14,
            min_length: 15
        }
    );
    assert!(problem.to_string().contains("at least 15"));
    assert_eq!(check(15, "qwvzkxjmbpltgrh"), Ok(()));
    assert_eq!(PasswordPolicy::default().min_length, 15);
    assert_eq!(LOWEST_MIN_LENGTH, 8);
}

#[test]
fn pw_02_long_passwords_are_accepted_up_to_a_stated_limit() {
    for length in [64, 128, MAX_CODE_POINTS] {
        assert_eq!(check(15, &"xy".repeat(length / 2)), Ok(()), "{length}");
    }
    let (over, heavy) = (
        "x".repeat(MAX_CODE_POINTS + 1),
        "\u{1f40e}".repeat(MAX_BYTES / 4 + 1),
    );
    assert_eq!(check(15, &over), Err(PasswordProblem::TooLong));
    assert_eq!(check(15, &heavy), Err(PasswordProblem::TooLong));
    let message = PasswordProblem::TooLong.to_string();
    assert!(message.contains("256") && message.contains("1024"));
}

#[tokio::test]
async fn pw_03_every_printing_character_is_kept_at_every_position() {
    let hasher = hasher(CHEAP);
    for byte in b' '..=b'~' {
        let character = char::from(byte);
        for text in [
            format!("{character}purple tram lantern"),
            format!("purple tram{character}lantern"),
            format!("purple tram lantern{character}"),
        ] {
            assert_eq!(check(15, &text), Ok(()), "`{text}`");
            let stored = hasher.hash(password(&text)).await.unwrap();
            assert!(verify(&hasher, &text, &stored).await.matches, "`{text}`");
            let without = text.replacen(character, "", 1);
            assert!(!verify(&hasher, &without, &stored).await.matches);
        }
    }
}

#[test]
fn pw_04_a_code_point_outside_the_basic_plane_counts_once() {
    let fifteen: String = (0..15)
        .filter_map(|number| char::from_u32(0x1f40e + number * number))
        .collect();
    assert_eq!(fifteen.len(), 60);
    assert_eq!(check(15, &fifteen), Ok(()));
    assert!(matches!(
        check(15, &"\u{1f40e}".repeat(14)),
        Err(PasswordProblem::TooShort { length: 14, .. })
    ));
}

proptest! {
    #[test]
    fn pw_05_no_composition_is_asked_for(lower in "[a-z]{15}", digits in "[0-9]{15}") {
        for text in [lower, digits] {
            let refused = check(15, &text).err();
            prop_assert!(matches!(refused, None | Some(PasswordProblem::Common | PasswordProblem::Pattern)), "{:?}", refused);
        }
    }
}

#[tokio::test]
async fn pw_09_the_whole_password_is_verified() {
    let hasher = hasher(CHEAP);
    for length in [16, 64, 71, 72, 73, 128, 255] {
        let right = "a".repeat(length);
        let stored = hasher.hash(password(&right)).await.unwrap();
        assert!(verify(&hasher, &right, &stored).await.matches);
        for wrong in [
            format!("{}b", &right[1..]),
            format!("{right} "),
            right[1..].to_owned(),
        ] {
            let verdict = verify(&hasher, &wrong, &stored).await;
            assert_eq!(verdict, Verdict::default(), "{length}");
        }
    }
}

#[tokio::test]
async fn pw_10_composed_and_decomposed_are_one_password_and_compatible_ones_are_not() {
    let hasher = hasher(CHEAP);
    let (composed, decomposed) = (
        "caf\u{e9} \u{c5}ngstrom lantern",
        "cafe\u{301} A\u{30a}ngstrom lantern",
    );
    for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
        let stored = hasher.hash(password(set)).await.unwrap();
        assert!(verify(&hasher, typed, &stored).await.matches);
    }
    let stored = hasher.hash(password("\u{fb01}sh and chips")).await.unwrap();
    assert!(!verify(&hasher, "fish and chips", &stored).await.matches);
}

#[test]
fn pw_11_common_and_contextual_passwords_are_refused_only_as_a_whole() {
    for (text, why) in [
        ("passwordpassword", PasswordProblem::Common),
        ("1234567890qwertyuiop", PasswordProblem::Common),
        ("543210987654321", PasswordProblem::Pattern),
        ("rolecallrolecall", PasswordProblem::LikeService),
        ("margaretemargarete", PasswordProblem::LikeUsername),
        ("eteragrameteragram", PasswordProblem::LikeUsername),
        ("MargareteMargarete", PasswordProblem::LikeUsername),
    ] {
        assert_eq!(check(15, text), Err(why), "{text}");
        let longer = format!("{text} and a lantern");
        assert_eq!(check(15, &longer), Ok(()), "{longer}");
    }
}

#[test]
fn pw_12_a_refusal_says_why_and_what_to_do_instead() {
    for (problem, why, advice) in [
        (
            check(15, "short"),
            "needs at least 15",
            "several unrelated words",
        ),
        (check(15, &"x".repeat(257)), "too long", "at most 256"),
        (
            check(8, "password"),
            "one of the common ones",
            "unrelated words",
        ),
        (
            check(15, "543210987654321"),
            "neighboring keys",
            "unrelated words",
        ),
        (
            Err(PasswordProblem::Breached),
            "stolen elsewhere",
            "use nowhere else",
        ),
        (
            check(8, "margarete"),
            "from the user name",
            "choose something",
        ),
        (
            check(8, "rolecall"),
            "name of this service",
            "unrelated words",
        ),
    ] {
        let message = problem.unwrap_err().to_string();
        assert!(
            message.contains(why) && message.contains(advice),
            "{message}"
        );
    }
}

#[tokio::test]
async fn pw_16_salts_are_random_and_long_and_the_output_is_whole() {
    let hasher = hasher(Parameters::default());
    let one = hasher.hash(password("purple tram lantern")).await.unwrap();
    let other = hasher.hash(password("purple tram lantern")).await.unwrap();
    assert_eq!(field(&one, 0), "argon2id");
    assert_eq!(field(&one, 1), "v=19");
    assert_eq!(field(&one, 2), "m=19456,t=2,p=1");
    assert_ne!(field(&one, 3), field(&other, 3));
    assert_eq!(base64_bytes(field(&one, 3)), 16);
    assert_eq!(base64_bytes(field(&one, 4)), 32);
}

#[tokio::test]
async fn pw_18_after_the_cost_is_raised_old_hashes_verify_and_are_renewed() {
    let before = hasher(CHEAP);
    let stored = before.hash(password("purple tram lantern")).await.unwrap();
    let after = hasher(Parameters::Argon2id {
        memory_kib: 16,
        passes: 2,
        lanes: 1,
    });
    let wrong = verify(&after, "purple tram", &stored).await;
    assert_eq!(wrong, Verdict::default());
    let verdict = verify(&after, "purple tram lantern", &stored).await;
    assert!(verdict.matches);
    let renewed = verdict.rehash.unwrap();
    assert_eq!(field(&renewed, 2), "m=16,t=2,p=1");
    let again = verify(&after, "purple tram lantern", &renewed).await;
    assert!(again.matches && again.rehash.is_none());
}

#[test]
fn pw_24_no_password_of_the_list_passes_the_other_rules() {
    let mut long = 0;
    for (number, line) in common::lines().into_iter().enumerate() {
        // the shortest lengths and the default are as strict as each other
        for min_length in if number % 7 == 0 {
            vec![8, 15]
        } else {
            vec![8]
        } {
            let refused = check(min_length, line);
            assert!(refused.is_err(), "`{line}` passed");
            let enough = line.chars().count() >= min_length;
            assert_ne!(
                matches!(refused, Err(PasswordProblem::TooShort { .. })),
                enough
            );
        }
        long += usize::from(line.chars().count() >= 8);
    }
    assert!(long > 3_000, "{long}");
}

#[tokio::test]
async fn pw_26_a_password_in_other_case_trimmed_or_cut_is_wrong() {
    for parameters in [CHEAP, Parameters::Bcrypt { cost: 4 }] {
        let hasher = hasher(parameters);
        let right = " Purple Tram Lantern ";
        let stored = hasher.hash(password(right)).await.unwrap();
        assert!(verify(&hasher, right, &stored).await.matches);
        for wrong in [
            " purple tram lantern ",
            " PURPLE TRAM LANTERN ",
            "Purple Tram Lantern",
            " Purple Tram Lantern",
            "Purple Tram Lantern ",
            " Purple Tram Lantern  ",
            " Purple Tram Lanter",
            " Purple",
            "",
        ] {
            let verdict = verify(&hasher, wrong, &stored).await;
            assert_eq!(verdict, Verdict::default(), "`{wrong}`");
        }
    }
}

#[test]
fn pw_28_new_argon2id_hashes_are_not_below_the_recommended_costs() {
    let Parameters::Argon2id {
        memory_kib,
        passes,
        lanes,
    } = Parameters::of(PasswordScheme::Argon2id)
    else {
        panic!("another scheme");
    };
    let floor = [
        (47_104, 1),
        (19_456, 2),
        (12_288, 3),
        (9_216, 4),
        (7_168, 5),
    ];
    assert!(
        floor
            .iter()
            .any(|(least, times)| memory_kib >= *least && passes >= *times && lanes == 1)
    );
}

#[tokio::test]
async fn pw_29_and_31_scrypt_and_pbkdf2_are_never_kept_however_costly() {
    for parameters in [CHEAP, Parameters::Bcrypt { cost: 4 }] {
        let hasher = hasher(parameters);
        for (form, right, stored) in foreign::rows() {
            if (form.contains("scrypt") || form.contains("pbkdf2")) && right.len() <= 72 {
                let verdict = verify(&hasher, &right, &stored).await;
                let kept = verdict.rehash.unwrap();
                assert!(
                    !kept.contains("scrypt") && !kept.contains("pbkdf2"),
                    "{form}"
                );
            }
        }
    }
    for name in ["scrypt", "pbkdf2", "pbkdf2-sha256"] {
        assert!(name.parse::<PasswordScheme>().is_err(), "{name}");
    }
}

#[tokio::test]
async fn pw_30_new_bcrypt_hashes_cost_enough_and_are_never_cut() {
    let Parameters::Bcrypt { cost } = Parameters::of(PasswordScheme::Bcrypt) else {
        panic!("another scheme");
    };
    assert!(cost >= 10);
    let hasher = hasher(Parameters::Bcrypt { cost: 4 });
    let fits = hasher.hash(password(&"x".repeat(72))).await.unwrap();
    assert!(fits.starts_with("$2b$04$"));
    assert!(hasher.hash(password(&"x".repeat(73))).await.is_err());
    assert!(hasher.hash(password(&"\u{e9}".repeat(37))).await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pw_32_nul_and_all_of_unicode_are_hashed_as_they_are(
        text in proptest::collection::vec(any::<char>(), 1..60),
        at in any::<proptest::sample::Index>(),
    ) {
        let right: String = text.iter().chain(&['\0', 'x']).collect();
        let mut other = text.clone();
        other.insert(at.index(text.len()), '\0');
        let other: String = other.iter().chain(&['\0', 'x']).collect();
        let cut: String = text.iter().chain(&['\0']).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let hasher = hasher(CHEAP);
            let stored = hasher.hash(password(&right)).await.unwrap();
            prop_assert!(verify(&hasher, &right, &stored).await.matches);
            prop_assert!(!verify(&hasher, &other, &stored).await.matches);
            prop_assert!(!verify(&hasher, &cut, &stored).await.matches);
            Ok(())
        })?;
    }
}
