//! The addresses that mails can be sent to.

use lettre::Address;

use crate::{
    accounts::registration::parse_email,
    error::{ApiError, FieldError},
};

/// Reads an address to which a mail is to be sent.
///
/// # Errors
///
/// A fault of `email`: it is no address, or one that mail servers refuse or read in another way.
pub(crate) fn parse(text: &str) -> Result<String, ApiError> {
    let address = parse_email(text)?;
    let is_odd = |c: char| matches!(c, ',' | ';' | ':' | '<' | '>' | '(' | ')' | '"' | '\\');
    let (user, host) = address.split_once('@').unwrap_or_default();
    let has_gap = |part: &str| part.split('.').any(str::is_empty);
    let is_usable = !address.contains(is_odd)
        && !has_gap(user)
        && !has_gap(host)
        && Address::new(user, host).is_ok();
    if is_usable {
        return Ok(address);
    }
    let msg = "email: mail cannot be sent to this address; write it as in `name@example.com`";
    Err(ApiError::Invalid(FieldError::body("email", "email", msg)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y437_addresses_that_mail_carries_by_table() {
        for good in [
            "a@c.example",
            "a+b@c.example",
            "a.b-c_d@sub.c.example",
            "o'neil@c.example",
            "a@localhost",
        ] {
            assert_eq!(parse(good).unwrap(), good);
        }
        for bad in [
            "",
            "a",
            "a@c.example,d",
            "a,b@c.example",
            "a;b@c",
            "a@b..c",
            ".a@c.example",
            "a.@c.example",
            "a@.c.example",
            "a@c.example.",
            "a\\\\b@c.example",
            "<a@c.example",
            "a@b>",
            "(x)a@c.example",
            "a:b@c.example",
            "a@c.example:25",
            "\"a\"@c.example",
        ] {
            let refused = parse(bad);
            assert!(
                matches!(&refused, Err(ApiError::Invalid(fault)) if fault.msg.contains("e-mail") || fault.msg.starts_with("email")),
                "{bad}: {refused:?}"
            );
        }
    }
}
