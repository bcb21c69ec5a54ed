//! The body of the fuzz target `hash`, which a test runs on the kept inputs.

use crate::memory::Memory;
use crate::password::Password;
use crate::stored::StoredHash;

/// Parses any bytes as a stored hash.
///
/// # Panics
///
/// Unless the text is rejected, or is an affordable hash with the costs that the text states
/// that is the same after printing and parsing.
pub fn hash(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(hash) = StoredHash::parse(&text) else {
        return;
    };
    assert!(text.len() <= 512 && text.is_ascii(), "{text}");
    let cheap = match &hash {
        StoredHash::Argon2(argon2) => {
            let [memory, passes, lanes] = argon2.costs();
            assert!(memory <= 256 * 1024 && passes <= 20 && lanes <= 16);
            assert!(u64::from(memory) * u64::from(passes) <= 1024 * 1024);
            for stated in [("m", memory), ("t", passes), ("p", lanes)] {
                assert!(
                    text.contains(&format!("{}={}", stated.0, stated.1)),
                    "{text}"
                );
            }
            assert_printable(&hash, &argon2.to_string());
            memory <= 64 && passes <= 2
        }
        StoredHash::Bcrypt(bcrypt) => {
            assert!((4..=16).contains(&bcrypt.costs()));
            let two_digits = format!("{:02}", bcrypt.costs());
            assert!(
                text.contains(&two_digits) || text.contains(&bcrypt.costs().to_string()),
                "{text}"
            );
            if text.starts_with("$2") || text.starts_with("bcrypt$") {
                assert_printable(&hash, &bcrypt.to_string());
            }
            false
        }
        StoredHash::Pbkdf2(pbkdf2) => {
            assert!((1..=10_000_000).contains(&pbkdf2.costs()));
            assert!(text.contains(&pbkdf2.costs().to_string()), "{text}");
            pbkdf2.costs() <= 64
        }
        StoredHash::Scrypt(scrypt) => {
            let [log_n, r, p] = scrypt.costs();
            assert!((1..=24).contains(&log_n));
            let memory = (128 * u64::from(r)) << log_n;
            assert!(memory <= 256 * 1024 * 1024, "{text}");
            assert!(memory * u64::from(p) <= 512 * 1024 * 1024, "{text}");
            log_n <= 4 && r * p <= 8
        }
    };
    for cut in 1..text.len().min(8) {
        let cut = text.get(..text.len() - cut).unwrap_or_default();
        assert!(StoredHash::parse(cut).as_ref() != Ok(&hash), "{text}");
    }
    if let (true, Ok(password)) = (cheap, Password::new("a password".to_owned())) {
        let mut memory = Memory::default();
        let once = hash.verify(&password, &mut memory).ok();
        assert!(once.is_some(), "an affordable hash is computed");
        assert_eq!(once, hash.verify(&password, &mut memory).ok());
    }
}

/// Panics unless the printed text is parsed as the same hash.
fn assert_printable(hash: &StoredHash, printed: &str) {
    assert_eq!(StoredHash::parse(printed).as_ref(), Ok(hash), "{printed}");
}

#[cfg(test)]
#[path = "../../../fuzz/unpack.rs"]
mod unpack;

#[cfg(test)]
mod tests;
