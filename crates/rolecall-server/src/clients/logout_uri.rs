//! Addresses that logout tokens are posted to (`OpenID` Connect Back-Channel Logout 1.0 section 2.2).

use super::{
    registration::{refused, refused_because},
    store::Client,
};
use crate::{
    error::ApiError,
    outgoing::{allow::Allowed, target::Target},
    reasons::Reason,
};

const MEMBER: &str = "backchannel_logout_uri";
const MAX_LENGTH: usize = 500;

/// Checks that the server may call the address that a client registered. The addresses of its host are not asked for: a
/// name may lead elsewhere tomorrow, so that they are checked at each call.
///
/// # Errors
///
/// [`ApiError::Invalid`] with the way out.
pub(super) fn check(client: &Client, allowed: &Allowed) -> Result<(), ApiError> {
    let Some(uri) = client.sign_in.backchannel_logout_uri.as_deref() else {
        return Ok(());
    };
    if client.application.is_none() {
        return Err(refused_because(MEMBER, Reason::LogoutWithoutSignIn));
    }
    if uri.len() > MAX_LENGTH {
        let most = MAX_LENGTH.to_string();
        return Err(refused_because(MEMBER, Reason::LogoutUriTooLong { most }));
    }
    if let Err(error) = Target::check(uri, allowed) {
        return Err(refused(MEMBER, format!("{MEMBER} {error}")));
    }
    if client.public && !uri.starts_with("https:") {
        return Err(refused_because(MEMBER, Reason::LogoutNeedsHttps));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::sign_in::SignIn;

    fn client(uri: Option<&str>) -> Client {
        Client {
            sign_in: SignIn {
                backchannel_logout_uri: uri.map(str::to_owned),
                ..SignIn::default()
            },
            ..Client::sample()
        }
    }

    fn refusal(client: &Client, entries: &[&str]) -> String {
        let entries = entries.iter().map(|entry| entry.parse().unwrap()).collect();
        let checked = check(client, &Allowed::new(entries));
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn m084_i105_an_address_is_public_and_https_unless_the_operator_allows_it() {
        for (uri, allow, wrong) in [
            ("https://app.example/out", &[][..], ""),
            ("https://app.example/out#x", &[], "fragment"),
            ("http://app.example/out", &[], "must begin with https"),
            ("https://10.0.0.1/out", &[], "`outgoing.allow`"),
            ("https://localhost/out", &[], "`outgoing.allow`"),
            ("http://10.0.0.1/out", &["10.0.0.0/8"], ""),
            ("http://app.internal/out", &["app.internal"], ""),
            (
                "https://10.0.0.1/out",
                &["app.internal"],
                "`outgoing.allow`",
            ),
        ] {
            let refused = refusal(&client(Some(uri)), allow);
            assert!(refused.contains(wrong), "{uri}: {refused}");
            assert_eq!(refused.is_empty(), wrong.is_empty(), "{uri}: {refused}");
        }
        assert_eq!(refusal(&client(None), &[]), "");
        let long = format!("https://app.example/{}", "a".repeat(MAX_LENGTH));
        assert!(refusal(&client(Some(&long)), &[]).contains("at most 500"));
    }

    #[test]
    fn m084_a_client_without_a_secret_is_told_by_tls_only_and_one_that_signs_nobody_in_is_not_told()
    {
        let public = Client {
            public: true,
            ..client(Some("http://app.internal/out"))
        };
        assert!(refusal(&public, &["app.internal"]).contains("without a secret"));
        let other = Client {
            application: None,
            ..client(Some("https://app.example/out"))
        };
        assert!(refusal(&other, &[]).contains("authorization_code"));
    }
}
