//! Which texts are parsed and which are rejected, and which passwords they match.

use super::fields::MAX_LENGTH;
use super::*;
use crate::scheme::{Parameters, PasswordScheme};
use crate::tests::foreign;

/// The password of every hash below but one; all were made by other software.
const PASSWORD: &str = "purple tram caf\u{e9}";

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn matches(stored: &str, text: &str) -> bool {
    let hash = StoredHash::parse(stored).unwrap();
    hash.verify(&password(text), &mut Memory::default())
        .unwrap()
}

fn text_of(hash: &StoredHash) -> String {
    match hash {
        StoredHash::Argon2(hash) => hash.to_string(),
        StoredHash::Bcrypt(hash) => hash.to_string(),
        StoredHash::Pbkdf2(_) | StoredHash::Scrypt(_) => {
            panic!("new hashes never have this scheme")
        }
    }
}

fn refusal(stored: &str) -> Option<UnusableHash> {
    StoredHash::parse(stored).err()
}

#[test]
fn hashes_of_other_software_match_the_correct_password_only() {
    for stored in [
        "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9ealTT6NHIr672j/ywYElEGCY",
        "$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$kmdHF2x+FceLIDyb8xbTdmSzYn237ZrdBuac8J9kDzk",
        "$argon2i$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$gLcyDyo1kY6S8lFPCzRHcg",
        "$argon2i$v=16$m=64,t=2,p=1$MDEyMzQ1Njc$9KETQ8s4mAeIKBR/MChSYByfqmQjBBts",
        "$argon2i$m=64,t=2,p=1$MDEyMzQ1Njc$9KETQ8s4mAeIKBR/MChSYByfqmQjBBts",
        "$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
        "$2a$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
        "$2y$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
        // stray bits in the last letter of the salt, as old software leaves them
        "$2y$04$abcdefghijklmnopqrstuv/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
    ] {
        assert!(matches(stored, PASSWORD), "{stored}");
        assert!(matches(stored, "purple tram cafe\u{301}"), "{stored}");
        for wrong in [
            "",
            "purple tram cafe",
            "Purple tram caf\u{e9}",
            "purple tram caf\u{e9} ",
        ] {
            assert!(!matches(stored, wrong), "{stored} matches `{wrong}`");
        }
    }
}

#[test]
fn x029_an_imported_bcrypt_hash_is_cut_at_72_bytes_as_its_origin_did() {
    let stored = "$2b$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C";
    let whole = "0123456789".repeat(7) + "ab";
    assert!(matches(stored, &whole));
    assert!(matches(stored, &format!("{whole} and a tail")));
    assert!(!matches(stored, &whole[..71]));
}

#[test]
fn an_empty_password_matches_its_hash() {
    let stored = "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq";
    assert!(matches(stored, ""));
    assert!(!matches(stored, " "));
}

#[test]
fn bcrypt_never_confuses_a_password_with_a_nul_with_its_twin() {
    let parameters = Parameters::Bcrypt { cost: 4 };
    let stored = parameters
        .hash(&password("ab"), &mut Memory::default())
        .unwrap();
    assert!(matches(&stored, "ab"));
    for twin in ["ab\0ab", "ab\0", "ab\0ab\0ab"] {
        assert!(!matches(&stored, twin), "{}", twin.escape_debug());
    }
}

#[test]
fn x027_absurd_parameters_are_refused_before_anything_is_allocated() {
    for costs in [
        "m=4194304,t=2,p=1",
        "m=4294967295,t=1,p=1",
        "m=262145,t=1,p=1",
        "m=64,t=21,p=1",
        "m=64,t=1000000,p=1",
        "m=262144,t=5,p=1",
        "m=1024,t=1,p=17",
        "m=64,t=0,p=1",
        "m=64,t=1,p=0",
        "m=7,t=1,p=1",
        "m=64,t=1,p=9",
    ] {
        let stored = format!(
            "$argon2id$v=19${costs}$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9ealTT6NHIr672j/ywYElEGCY"
        );
        assert_eq!(refusal(&stored), Some(UnusableHash::OutOfBounds), "{costs}");
    }
    for cost in ["00", "03", "17", "31", "99"] {
        let stored = format!("$2b${cost}$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC");
        assert_eq!(refusal(&stored), Some(UnusableHash::OutOfBounds), "{cost}");
    }
}

#[test]
fn salts_and_outputs_that_protect_nothing_are_rejected() {
    for (salt, output) in [
        ("c2FsdA", "cbbfd8RbR8tZ9muqZM9eag"),
        ("MDEyMzQ1Njc", "cbbf"),
    ] {
        let stored = format!("$argon2id$v=19$m=64,t=1,p=1${salt}${output}");
        assert_eq!(refusal(&stored), Some(UnusableHash::OutOfBounds));
    }
}

#[test]
fn malformed_and_unknown_hashes_are_rejected() {
    let bcrypt = "$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC";
    for stored in [
        bcrypt[..59].to_owned(),
        format!("{bcrypt}x"),
        bcrypt.replace("$04$", "$+4$"),
        bcrypt.replace("$04$", "$0x$"),
        bcrypt.replace("04$a", "04xa"),
        bcrypt.replace("abc", "a\u{e9}"),
        bcrypt.replace("abc", "a=c"),
        "$argon2id$v=18$m=64,t=1,p=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag".to_owned(),
        "$argon2id$v=19$m=64,t=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag".to_owned(),
        "$argon2id$".to_owned(),
    ] {
        assert_eq!(refusal(&stored), Some(UnusableHash::Malformed), "{stored}");
    }
    for stored in [
        "",
        "plain text",
        "$argon2d$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$DqfK9/mLcJW8cjqdNa4dlPlPRBsxKSnI",
        &bcrypt.replace("2b", "2x"),
        "$1$abcdefgh$0123456789abcdefghijkl",
        "5f4dcc3b5aa765d61d8327deb882cf99",
    ] {
        assert_eq!(
            refusal(stored),
            Some(UnusableHash::UnknownScheme),
            "{stored}"
        );
    }
}

#[test]
fn new_hashes_have_the_documented_form_and_different_salts() {
    let mut memory = Memory::default();
    for (parameters, prefix) in [
        (Parameters::default(), "$argon2id$v=19$m=19456,t=2,p=1$"),
        (Parameters::Bcrypt { cost: 4 }, "$2b$04$"),
    ] {
        let one = parameters.hash(&password(PASSWORD), &mut memory).unwrap();
        let other = parameters.hash(&password(PASSWORD), &mut memory).unwrap();
        assert!(one.starts_with(prefix), "{one}");
        assert_ne!(one, other);
        assert!(matches(&one, PASSWORD) && matches(&other, PASSWORD));
        let read = StoredHash::parse(&one).unwrap();
        assert_eq!(text_of(&read), one);
        assert!(parameters.is_current(&read));
    }
    assert_eq!(
        Parameters::of(PasswordScheme::Bcrypt),
        Parameters::Bcrypt { cost: 12 }
    );
}

#[test]
fn a_hash_with_other_costs_or_another_scheme_is_not_current() {
    let current = Parameters::Argon2id {
        memory_kib: 64,
        passes: 2,
        lanes: 1,
    };
    for stored in [
        "$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$kmdHF2x+FceLIDyb8xbTdmSzYn237ZrdBuac8J9kDzk",
        "$argon2i$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$gLcyDyo1kY6S8lFPCzRHcg",
        "$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
    ] {
        assert!(
            !current.is_current(&StoredHash::parse(stored).unwrap()),
            "{stored}"
        );
    }
}

#[test]
fn earlier_use_of_the_memory_changes_no_result() {
    let mut memory = Memory::default();
    let large = Parameters::Argon2id {
        memory_kib: 512,
        passes: 1,
        lanes: 1,
    };
    large
        .hash(&password("something else"), &mut memory)
        .unwrap();
    let stored = "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9ealTT6NHIr672j/ywYElEGCY";
    let hash = StoredHash::parse(stored).unwrap();
    assert!(hash.verify(&password(PASSWORD), &mut memory).unwrap());
}

const PBKDF2: &str = "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$";
const OUTPUT_32: &str = "IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA";

fn hex(bytes: usize) -> String {
    "5a".repeat(bytes)
}

#[test]
fn the_phc_form_of_pbkdf2_is_parsed_with_and_without_its_length() {
    // the same hash in passlib's form, in which `.` stands for `+`
    let passlib =
        "$pbkdf2-sha256$1000$mq4jyBFweCoi.6rMJR53LQ$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ";
    let (salt, output) = (
        "mq4jyBFweCoi+6rMJR53LQ",
        "nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ",
    );
    for costs in ["i=1000", "i=1000,l=32", "l=32,i=1000"] {
        let phc = format!("$pbkdf2-sha256${costs}${salt}${output}");
        assert_eq!(StoredHash::parse(&phc), StoredHash::parse(passlib), "{phc}");
        assert!(matches(&phc, " Purple tram lantern "), "{phc}");
        assert!(!matches(&phc, " Purple tram lantern"), "{phc}");
    }
    let spelled_otherwise = passlib.replace('.', "+");
    assert_eq!(refusal(&spelled_otherwise), Some(UnusableHash::Malformed));
}

#[test]
fn pbkdf2_without_a_hash_function_means_sha1() {
    let unnamed = "$pbkdf2$1000$v5p5abqxxrPbe/HDwuX7zw$IwqNy0LHsLtGa2rfQqwUDOKd9SI";
    let named = unnamed.replace("pbkdf2", "pbkdf2-sha1");
    assert_eq!(StoredHash::parse(unnamed), StoredHash::parse(&named));
    assert!(matches(unnamed, " Purple tram lantern "));
}

#[test]
fn absurd_work_for_pbkdf2_and_scrypt_is_rejected_before_it_begins() {
    for stored in [
        format!("{PBKDF2}{OUTPUT_32}").replace("i=1000", "i=10000001"),
        format!("{PBKDF2}{OUTPUT_32}").replace("i=1000", "i=4294967295"),
        format!("{PBKDF2}{OUTPUT_32}").replace("i=1000", "i=0"),
        format!("$pbkdf2-sha256$10000001$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}"),
        format!("pbkdf2_sha256$10000001$saltsaltsalt${OUTPUT_32}="),
        format!("pbkdf2:sha256:10000001$saltsaltsalt${}", hex(32)),
        // an output longer than that of the hash function costs all iterations once more
        format!(
            "$pbkdf2-sha256$i=9999999,l=64$MDEyMzQ1Njc4OWFiY2RlZg${}",
            "A".repeat(86)
        ),
    ] {
        assert_eq!(
            refusal(&stored),
            Some(UnusableHash::OutOfBounds),
            "{stored}"
        );
    }
    for (log_n, r, p) in [
        (0, 8, 1),
        (19, 8, 1),
        (18, 9, 1),
        (18, 8, 3),
        (17, 8, 5),
        (24, 1, 1),
        (25, 1, 1),
        (63, 1, 1),
        (255, 1, 1),
        (u32::MAX, 1, 1),
        (1, 65, 1),
        (1, u32::MAX, u32::MAX),
        (1, 0, 1),
        (1, 1, 0),
        (1, 1, 17),
        (14, 8, u32::MAX),
    ] {
        let stored = format!("$scrypt$ln={log_n},r={r},p={p}$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}");
        assert_eq!(
            refusal(&stored),
            Some(UnusableHash::OutOfBounds),
            "{stored}"
        );
    }
    for (n, r, p) in [
        (524_288, 8, 1),
        (2_147_483_648_u32, 1, 1),
        (1, 8, 1),
        (16384, 8, 4_000_000),
    ] {
        let stored = format!("scrypt:{n}:{r}:{p}$saltsaltsalt${}", hex(64));
        assert_eq!(
            refusal(&stored),
            Some(UnusableHash::OutOfBounds),
            "{stored}"
        );
    }
}

#[test]
fn recommended_and_usual_costs_are_within_bounds() {
    for costs in [
        "ln=18,r=8,p=1",
        "ln=17,r=8,p=1",
        "ln=16,r=8,p=2",
        "ln=15,r=8,p=3",
        "ln=14,r=8,p=5",
        "ln=13,r=8,p=10",
        "ln=1,r=1,p=1",
    ] {
        let stored = format!("$scrypt${costs}$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}");
        assert_eq!(refusal(&stored), None, "{stored}");
    }
    for iterations in [1, 29_000, 600_000, 1_500_000, 10_000_000] {
        let stored = format!("pbkdf2:sha256:{iterations}$saltsaltsalt${}", hex(32));
        assert_eq!(refusal(&stored), None, "{stored}");
    }
}

/// The beginning of a PBKDF2 or scrypt output is itself a valid, shorter output. A column that
/// was too narrow must not lead to a hash that more passwords match.
#[test]
fn a_truncated_output_is_not_a_shorter_hash() {
    for (form, password, stored) in foreign::rows() {
        for length in 1..stored.len() {
            let cut = &stored[..length];
            if let Ok(hash) = StoredHash::parse(cut) {
                let password = self::password(&password);
                let same = hash.verify(&password, &mut Memory::default()).unwrap();
                assert!(!same, "{form}: {cut}");
            }
        }
    }
}

#[test]
fn a_nul_at_the_end_of_a_password_is_not_ignored() {
    for (form, right, stored) in foreign::rows() {
        assert!(!matches(&stored, &format!("{right}\0")), "{form}");
        assert!(!matches(&stored, &format!("{right}\0\0")), "{form}");
        assert!(!matches(&stored, &format!("{right}\0{right}")), "{form}");
    }
}

#[test]
fn foreign_salts_and_outputs_that_protect_nothing_are_rejected() {
    for stored in [
        format!("$scrypt$ln=8,r=8,p=1$c2FsdA${OUTPUT_32}"),
        format!("$pbkdf2-sha256$i=1000$c2FsdA${OUTPUT_32}"),
        format!("$pbkdf2-sha256$1000$c2FsdA${OUTPUT_32}"),
        format!("pbkdf2_sha256$1000$salt${OUTPUT_32}="),
        format!("pbkdf2_sha256$1000$${OUTPUT_32}="),
        format!("pbkdf2:sha256:1000$salt${}", hex(32)),
        format!("scrypt:256:8:1$salt${}", hex(64)),
        format!("scrypt:256:8:1${}${}", "s".repeat(65), hex(64)),
        "$pbkdf2-sha256$i=1000,l=15$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwU".to_owned(),
    ] {
        assert_eq!(
            refusal(&stored),
            Some(UnusableHash::OutOfBounds),
            "{stored}"
        );
    }
}

#[test]
fn foreign_hashes_in_a_form_that_their_origin_never_writes_are_rejected() {
    let (h32, h64) = (hex(32), hex(64));
    let b64 = format!("{}==", "A".repeat(86));
    for stored in [
        format!("{PBKDF2}{OUTPUT_32}").replace("l=32", "l=31"),
        format!("{PBKDF2}{OUTPUT_32}").replace("l=32", "x=32"),
        format!("{PBKDF2}{OUTPUT_32}").replace("i=1000", "i=01000"),
        format!("{PBKDF2}{OUTPUT_32}").replace("sha256$", "sha256$v=1$"),
        format!("{PBKDF2}{OUTPUT_32}$"),
        format!("$pbkdf2-sha256$01000$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}"),
        format!("$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}"),
        format!("$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}="),
        format!("pbkdf2_sha256$1000$saltsaltsalt${OUTPUT_32}"),
        format!("pbkdf2_sha256$-1$saltsaltsalt${OUTPUT_32}="),
        format!("pbkdf2_sha256$1e3$saltsaltsalt${OUTPUT_32}="),
        format!("pbkdf2:sha256$saltsaltsalt${h32}"),
        format!("pbkdf2:sha256:1000:1$saltsaltsalt${h32}"),
        format!("pbkdf2:sha256:1000$saltsaltsalt${}", h32.to_uppercase()),
        format!("pbkdf2:sha256:1000$saltsaltsalt${h32}0"),
        format!("scrypt:256:8$saltsaltsalt${h64}"),
        format!("scrypt:256:8:1:1$saltsaltsalt${h64}"),
        format!("scrypt:255:8:1$saltsaltsalt${h64}"),
        format!("scrypt:0:8:1$saltsaltsalt${h64}"),
        format!("scrypt:256:8:1$saltsaltsalt${h32}"),
        format!("scrypt$saltsaltsalt$256$8$1${b64}"),
        format!("scrypt$256$saltsaltsalt$8$1$1${b64}"),
        format!("$scrypt$v=1$ln=8,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}"),
        format!("$scrypt$ln=8,r=8$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}"),
        "$bcrypt-sha256$v=2,t=2a,r=4$9XS3ct9BwwU/4J3q07wZRu$mqGpwQNUHCYFBLh5mt/O1TF.jpWj/IS"
            .to_owned(),
        "$bcrypt-sha256$v=3,t=2b,r=4$9XS3ct9BwwU/4J3q07wZRu$mqGpwQNUHCYFBLh5mt/O1TF.jpWj/IS"
            .to_owned(),
        "$bcrypt-sha256$2y,4$9XS3ct9BwwU/4J3q07wZRu$mqGpwQNUHCYFBLh5mt/O1TF.jpWj/IS".to_owned(),
        // stray bits in the salt, whose text is the key of the HMAC
        "$bcrypt-sha256$v=2,t=2b,r=4$9XS3ct9BwwU/4J3q07wZRv$mqGpwQNUHCYFBLh5mt/O1TF.jpWj/IS"
            .to_owned(),
        "bcrypt$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC".to_owned(),
        "bcrypt_sha256$".to_owned(),
        "argon2$".to_owned(),
        "x".repeat(MAX_LENGTH + 1),
    ] {
        assert_eq!(refusal(&stored), Some(UnusableHash::Malformed), "{stored}");
    }
    for stored in [
        format!("$pbkdf2-md5$1000$MDEyMzQ1Njc4OWFiY2RlZg${OUTPUT_32}"),
        format!("pbkdf2_md5$1000$saltsaltsalt${OUTPUT_32}="),
        format!("pbkdf2:md5:1000$saltsaltsalt${h32}"),
        "argon2$argon2d$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$DqfK9/mLcJW8cjqdNa4dlPlPRBsxKSnI".to_owned(),
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99".to_owned(),
        // the mark of Django for a user without a usable password
        "!Zb4r9mXo1Vw7".to_owned(),
    ] {
        let unusable = refusal(&stored);
        assert!(unusable.is_some(), "{stored}");
        assert_ne!(unusable, Some(UnusableHash::OutOfBounds), "{stored}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// A row of the fixtures with one alteration: a character replaced, removed, inserted or
    /// doubled, or the end truncated.
    fn mutated() -> impl Strategy<Value = (String, String, String)> {
        let rows = foreign::rows();
        (
            0..rows.len(),
            any::<proptest::sample::Index>(),
            0..5_u8,
            "[ -~]",
        )
            .prop_map(move |(row, index, kind, with)| {
                let (_, password, stored) = rows[row].clone();
                let at = index.index(stored.len());
                let (before, after) = stored.split_at(at);
                let changed = match kind {
                    0 => format!("{before}{with}{}", &after[1..]),
                    1 => format!("{before}{}", &after[1..]),
                    2 => format!("{before}{with}{after}"),
                    3 => format!("{before}{}{after}", &after[..1]),
                    _ => before.to_owned(),
                };
                (password, stored, changed)
            })
    }

    fn form() -> impl Strategy<Value = String> {
        let id = "\\$(argon2id?|2[aby]|bcrypt-sha256|scrypt|pbkdf2(-sha(1|256|512))?)|argon2|bcrypt|bcrypt_sha256|scrypt|pbkdf2_sha(1|256|512)|scrypt:[0-9:]{0,12}|pbkdf2:sha(1|256|512):[0-9]{0,11}";
        let field = "[a-zA-Z0-9./+=,:-]{0,90}|(m|t|p|ln|r|i|l)=[0-9]{1,10}(,(m|t|p|ln|r|i|l)=[0-9]{1,10}){0,2}|[0-9]{1,10}|\\PC{0,8}|";
        (id, proptest::collection::vec(field, 0..6))
            .prop_map(|(id, fields)| format!("{id}${}", fields.join("$")))
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(stored in prop_oneof!["\\PC{0,80}", form()]) {
            let _ = StoredHash::parse(&stored);
        }

        #[test]
        fn an_altered_hash_matches_only_if_it_means_the_same((password, stored, changed) in mutated()) {
            let Ok(hash) = StoredHash::parse(&changed) else { return Ok(()) };
            let same = hash.verify(&self::password(&password), &mut Memory::default()).unwrap();
            prop_assert_eq!(same, StoredHash::parse(&stored).as_ref() == Ok(&hash), "{}", changed);
        }
    }
}
