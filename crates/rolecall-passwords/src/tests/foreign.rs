//! Hashes made by passlib, Django, Werkzeug, bcrypt and argon2-cffi, from `tests/fixtures/hashes`.

use super::*;

const HASHES: &str = include_str!("../../tests/fixtures/hashes/hashes.tsv");
const DEFAULTS: &str = include_str!("../../tests/fixtures/hashes/defaults.tsv");

/// Returns form, password and hash of every row of `hashes.tsv`.
pub(crate) fn rows() -> Vec<(String, String, String)> {
    table(HASHES)
}

fn table(text: &str) -> Vec<(String, String, String)> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("form\tpassword\thash"));
    lines
        .map(|line| {
            let [form, password, hash] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not three columns: {line}");
            };
            (form.to_owned(), password.to_owned(), hash.to_owned())
        })
        .collect()
}

/// Checks whether the origin itself ignores everything after 72 bytes.
fn truncates(form: &str) -> bool {
    form.contains("bcrypt") && !form.contains("sha256")
}

/// Returns passwords that resemble the correct one but must not match.
fn similar(form: &str, right: &str) -> Vec<String> {
    let mut shorter = right.to_owned();
    shorter.pop();
    let whole = right.len() <= 72 || !truncates(form);
    let mut wrong = vec![
        String::new(),
        "purple tram".to_owned(),
        right.trim().to_owned(),
        right.trim_start().to_owned(),
        right.to_uppercase(),
        right.to_lowercase(),
        right.chars().take(20).collect(),
        right.chars().skip(1).collect(),
        format!(" {right}"),
        format!("{right}\0"),
        "x".repeat(256),
    ];
    if whole {
        wrong.extend([
            shorter,
            right.trim_end().to_owned(),
            format!("{right} "),
            right.repeat(2),
        ]);
    }
    wrong.retain(|wrong| wrong != right);
    wrong
}

#[test]
fn every_form_has_three_passwords_one_of_them_over_72_bytes() {
    let rows = rows();
    assert_eq!(rows.len(), 26 * 3);
    for form in rows.chunks(3) {
        assert!(form.iter().all(|row| row.0 == form[0].0));
        assert!(form.iter().any(|row| row.1.is_ascii()));
        assert!(form.iter().any(|row| !row.1.is_ascii()));
        assert!(form.iter().any(|row| row.1.len() > 72));
    }
}

#[tokio::test]
async fn a_foreign_hash_matches_the_correct_password_only_and_is_renewed() {
    let hasher = hasher(CHEAP);
    for (form, right, stored) in rows() {
        for wrong in similar(&form, &right) {
            let verdict = verify(&hasher, &wrong, &stored).await;
            assert_eq!(verdict, Verdict::default(), "{form} matches `{wrong}`");
        }
        let verdict = verify(&hasher, &right, &stored).await;
        assert!(verdict.matches, "{form} does not match `{right}`");
        let renewed = verdict.rehash.unwrap();
        assert!(renewed.starts_with("$argon2id$"), "{form}");
        let current = verify(&hasher, &right, &renewed).await;
        assert!(current.matches && current.rehash.is_none(), "{form}");
        for wrong in similar("argon2", &right) {
            assert!(!verify(&hasher, &wrong, &renewed).await.matches, "{form}");
        }
    }
}

#[tokio::test]
async fn a_foreign_hash_does_not_match_another_password_of_its_form() {
    let hasher = hasher(CHEAP);
    for form in rows().chunks(3) {
        for (index, (name, _, stored)) in form.iter().enumerate() {
            let (_, other, _) = &form[(index + 1) % 3];
            assert!(!verify(&hasher, other, stored).await.matches, "{name}");
        }
    }
}

#[tokio::test]
async fn a_decomposed_password_matches_a_foreign_hash() {
    use unicode_normalization::UnicodeNormalization as _;
    let hasher = hasher(CHEAP);
    for (form, right, stored) in rows() {
        let decomposed: String = right.nfd().collect();
        assert!(
            verify(&hasher, &decomposed, &stored).await.matches,
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_foreign_hash_is_renewed_as_bcrypt_only_if_that_keeps_the_whole_password() {
    let hasher = hasher(Parameters::Bcrypt { cost: 5 });
    for (form, right, stored) in rows() {
        let verdict = verify(&hasher, &right, &stored).await;
        assert!(verdict.matches, "{form}");
        match verdict.rehash {
            Some(renewed) => {
                assert!(
                    right.len() <= 72 && renewed.starts_with("$2b$05$"),
                    "{form}"
                );
                assert!(verify(&hasher, &right, &renewed).await.matches, "{form}");
            }
            None => assert!(right.len() > 72, "{form}"),
        }
    }
}

#[tokio::test]
async fn hashes_at_the_default_costs_of_their_origin_are_accepted() {
    let hasher = hasher(CHEAP);
    for (form, right, stored) in table(DEFAULTS) {
        let verdict = verify(&hasher, &right, &stored).await;
        assert!(verdict.matches && verdict.rehash.is_some(), "{form}");
        assert!(
            !verify(&hasher, right.trim(), &stored).await.matches,
            "{form}"
        );
    }
}

#[tokio::test]
async fn an_absurd_foreign_hash_costs_one_job_and_matches_no_password() {
    let hasher = hasher(CHEAP);
    for stored in [
        "$scrypt$ln=40,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
        "pbkdf2_sha256$4000000000$saltsaltsalt$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ=",
        "bcrypt_sha256$$2b$31$UJqN5Nx7Yf9e.1XpJtXpcuQA1HoBmn/GGAya/QCQ9Ji84c4v4WE06",
        "argon2$argon2id$v=19$m=4194304,t=9,p=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag",
    ] {
        let before = hasher.load().started;
        let verdict = verify(&hasher, "purple tram", stored).await;
        assert_eq!(verdict, Verdict::default(), "{stored}");
        assert_eq!(hasher.load().started, before + 1);
    }
}
