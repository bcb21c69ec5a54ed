//! Keycloak's password hashes, converted to forms that rolecall verifies.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use rolecall_passwords::check_stored_hash;
use serde::Deserialize;

use super::realm::{Credential, Members};

#[derive(Deserialize)]
struct Secret {
    value: String,
    #[serde(default)]
    salt: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    hash_iterations: Option<u32>,
    algorithm: Option<String>,
    additional_parameters: Option<Members<Vec<String>>>,
}

/// Returns the hash of a password in a form that rolecall verifies.
///
/// # Errors
///
/// The reason why it cannot be verified, which contains nothing of the hash.
pub(super) fn hash_of(credential: &Credential) -> Result<String, String> {
    if credential.value.is_some() {
        return Err("it is in plain text".to_owned());
    }
    let (secret, data) = parts(credential)?;
    let algorithm = data.algorithm.as_deref().unwrap_or_default();
    let converted = match algorithm {
        "pbkdf2" => pbkdf2("pbkdf2-sha1", 20, &secret, &data),
        "pbkdf2-sha256" => pbkdf2(algorithm, 32, &secret, &data),
        "pbkdf2-sha512" => pbkdf2(algorithm, 64, &secret, &data),
        "argon2" => argon2(&secret, &data),
        "bcrypt" => Some(secret.value),
        _ => return Err("its algorithm is not supported".to_owned()),
    };
    let hash = converted.ok_or_else(|| "it is malformed".to_owned())?;
    check_stored_hash(&hash).map_err(|reason| reason.to_string())?;
    Ok(hash)
}

fn parts(credential: &Credential) -> Result<(Secret, Data), String> {
    let malformed = || "it is malformed".to_owned();
    if let Some(secret) = &credential.secret {
        let data = credential.data.as_deref().ok_or_else(malformed)?;
        let secret = serde_json::from_str(secret).map_err(|_| malformed())?;
        return Ok((secret, serde_json::from_str(data).map_err(|_| malformed())?));
    }
    let secret = Secret {
        value: credential
            .hashed_salted_value
            .clone()
            .ok_or_else(malformed)?,
        salt: credential.salt.clone(),
    };
    let data = Data {
        hash_iterations: credential.hash_iterations,
        algorithm: credential.algorithm.clone(),
        additional_parameters: None,
    };
    Ok((secret, data))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Converts a PBKDF2 hash. For years Keycloak derived more bytes than the hash function has; the first block is a
/// valid hash by itself (RFC 8018 section 5.2), so the rest is left out.
fn pbkdf2(id: &str, length: usize, secret: &Secret, data: &Data) -> Option<String> {
    let iterations = data.hash_iterations?;
    let (mut output, salt) = (decode(&secret.value)?, decode(secret.salt.as_deref()?)?);
    output.truncate(length);
    let length = output.len();
    let [salt, output] = [salt, output].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Some(format!("${id}$i={iterations},l={length}${salt}${output}"))
}

fn argon2(secret: &Secret, data: &Data) -> Option<String> {
    let parameters = data.additional_parameters.as_ref()?;
    let parameter = |name: &str| {
        let found = parameters.0.iter().find(|(one, _)| one == name);
        found
            .and_then(|(_, values)| values.first())
            .map(String::as_str)
    };
    let number = |name: &str| parameter(name)?.parse::<u32>().ok();
    let kind = match parameter("type")? {
        "id" => "argon2id",
        "i" => "argon2i",
        _ => return None,
    };
    let version = match parameter("version")? {
        "1.3" => 19,
        _ => return None,
    };
    let (memory, lanes) = (number("memory")?, number("parallelism")?);
    let passes = data.hash_iterations?;
    let (output, salt) = (decode(&secret.value)?, decode(secret.salt.as_deref()?)?);
    let [salt, output] = [salt, output].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Some(format!(
        "${kind}$v={version}$m={memory},t={passes},p={lanes}${salt}${output}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(secret: &str, data: &str) -> Credential {
        Credential {
            r#type: Some("password".into()),
            secret: Some(secret.into()),
            data: Some(data.into()),
            ..Credential::default()
        }
    }

    #[test]
    fn hashes_are_converted_to_the_phc_form() {
        let salt = STANDARD.encode([7; 16]);
        for (algorithm, derived, begins) in [
            ("pbkdf2-sha256", 32, "$pbkdf2-sha256$i=27500,l=32$"),
            ("pbkdf2-sha256", 64, "$pbkdf2-sha256$i=27500,l=32$"),
            ("pbkdf2-sha512", 64, "$pbkdf2-sha512$i=27500,l=64$"),
            ("pbkdf2-sha512", 128, "$pbkdf2-sha512$i=27500,l=64$"),
            ("pbkdf2", 64, "$pbkdf2-sha1$i=27500,l=20$"),
        ] {
            let secret = format!(
                r#"{{"value":"{}","salt":"{salt}"}}"#,
                STANDARD.encode(vec![9; derived])
            );
            let data = format!(
                r#"{{"hashIterations":27500,"algorithm":"{algorithm}","additionalParameters":{{}}}}"#
            );
            let hash = hash_of(&credential(&secret, &data)).unwrap();
            assert!(hash.starts_with(begins), "{hash}");
        }
        let secret = format!(
            r#"{{"value":"{}","salt":"{salt}"}}"#,
            STANDARD.encode([9; 32])
        );
        let data = r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#;
        let hash = hash_of(&credential(&secret, data)).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
        let data = data.replace(r#"["id"]"#, r#"["i"]"#);
        let hash = hash_of(&credential(&secret, &data)).unwrap();
        assert!(hash.starts_with("$argon2i$v=19$m=7168,t=5,p=1$"), "{hash}");
        // written by a provider of the community
        let bcrypt = "$2y$10$abcdefghijklmnopqrstuu5s0v4vVEqLQSFB7KBSYK6J3P1wQ4vNK";
        let secret = format!(r#"{{"value":"{bcrypt}","salt":""}}"#);
        let data = r#"{"hashIterations":10,"algorithm":"bcrypt","additionalParameters":{}}"#;
        assert_eq!(hash_of(&credential(&secret, data)).unwrap(), bcrypt);
    }

    #[test]
    fn an_unusable_hash_is_rejected_and_not_repeated() {
        for (secret, data, reason) in [
            ("", "{}", "malformed"),
            (r#"{"value":"canary"}"#, "", "malformed"),
            (
                r#"{"value":"canary","salt":"x"}"#,
                r#"{"algorithm":"md5"}"#,
                "not supported",
            ),
            (
                r#"{"value":"Y2FuYXJ5","salt":"x"}"#,
                r#"{"algorithm":"pbkdf2-sha256","hashIterations":1}"#,
                "malformed",
            ),
            (
                r#"{"value":"Y2FuYXJ5","salt":"Y2FuYXJ5Y2FuYXJ5"}"#,
                r#"{"algorithm":"pbkdf2-sha256","hashIterations":1}"#,
                "out of bounds",
            ),
            (
                r#"{"value":"canary"}"#,
                r#"{"algorithm":"bcrypt"}"#,
                "not supported",
            ),
        ] {
            let refused = hash_of(&credential(secret, data)).unwrap_err();
            assert!(
                refused.contains(reason) && !refused.contains("canary"),
                "{data}: {refused}"
            );
        }
        let plain = Credential {
            value: Some("canary".into()),
            ..Credential::default()
        };
        assert!(!hash_of(&plain).unwrap_err().contains("canary"));
        assert_eq!(format!("{plain:?}"), "Credential { .. }");
    }
}
