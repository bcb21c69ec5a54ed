//! Origins of pages, in the form in which browsers send them.

use http::Uri;

use super::error::CookieError;

/// Checks that a browser could send `origin` in the header `Origin`, so that comparing texts is enough.
pub(super) fn check(origin: &str) -> Result<(), CookieError> {
    match fault(origin) {
        Some(reason) => {
            let shown: String = origin.chars().take(200).collect();
            Err(CookieError::Origin(
                shown.escape_debug().to_string(),
                reason,
            ))
        }
        None => Ok(()),
    }
}

fn fault(origin: &str) -> Option<&'static str> {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Some("write the scheme too, such as `https://app.example`");
    };
    if authority.contains(['/', '?', '#', '@']) || authority.is_empty() {
        return Some("write the scheme, the host and a port, without a path or a slash at the end");
    }
    let Some(host) = host_of(origin) else {
        return Some("the host or the port is not valid");
    };
    if origin.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("write it in lower case");
    }
    if !origin.is_ascii() {
        return Some("write an international name in its ASCII form, `xn--...`");
    }
    match scheme {
        "https" if !authority.ends_with(":443") => None,
        "http" if !is_loopback(&host) => Some(
            "use HTTPS, since browsers store such a cookie over HTTP only on `localhost` and loopback addresses",
        ),
        "http" if !authority.ends_with(":80") => None,
        "http" | "https" => Some("leave out the default port, as browsers do"),
        _ => Some("the scheme must be `https`"),
    }
}

fn host_of(origin: &str) -> Option<String> {
    let uri: Uri = origin.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host();
    // `http` ignores an empty port
    let has_port = authority.as_str().len() > host.len();
    if has_port && authority.port_u16().is_none() || host.is_empty() || host.contains('*') {
        return None;
    }
    Some(host.to_owned())
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_accepted_in_the_form_of_browsers_only() {
        for origin in [
            "https://app.example",
            "https://app.example:8443",
            "https://xn--bcher-kva.example",
            "https://192.0.2.1",
            "http://localhost",
            "http://localhost:5173",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
        ] {
            assert_eq!(check(origin), Ok(()), "{origin}");
        }
        for origin in [
            "",
            "app.example",
            "https://",
            "https:// ",
            "https://app.example/",
            "https://app.example/path",
            "https://user@app.example",
            "https://app.example:443",
            "https://app.example:",
            "https://app.example:99999",
            "https://APP.example",
            "HTTPS://app.example",
            "https://b\u{fc}cher.example",
            "https://*.example",
            "http://app.example",
            "http://localhost:80",
            "http://localhost.example",
            "ws://app.example",
            "file://app.example",
            "null",
            "*",
        ] {
            assert!(
                matches!(check(origin), Err(CookieError::Origin(..))),
                "{origin}"
            );
        }
    }

    #[test]
    fn a_fault_names_the_origin_and_the_way_out() {
        let error = check("https://app.example:443").unwrap_err().to_string();
        assert_eq!(
            error,
            "`https://app.example:443` is not an origin: leave out the default port, as browsers do"
        );
    }
}
