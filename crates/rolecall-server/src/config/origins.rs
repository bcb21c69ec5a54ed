//! The origins of web pages.

use std::net::Ipv6Addr;

use http::Uri;

/// Returns what is wrong with an origin in the configuration. Only one that is written as browsers send it ever matches.
pub(super) fn fault(origin: &str) -> Option<String> {
    let sent = as_sent(origin);
    if sent.as_deref() == Some(origin) {
        return None;
    }
    let advice = sent.map_or_else(
        || "write scheme and host, such as `https://app.example.com`, without a path and without `*`".to_owned(),
        |sent| format!("browsers send `{sent}`; write that"),
    );
    Some(format!(
        "`cors.allowed_origins`: `{origin}` is not an origin; {advice}"
    ))
}

/// Returns the origin as browsers send it (RFC 6454 section 6.2): in lower case, without a path and without the default
/// port, and an IPv6 address in its shortest form. `None` for anything else.
fn as_sent(origin: &str) -> Option<String> {
    if origin.contains(['#', '?', '@', '*', '\\']) {
        return None;
    }
    let uri: Uri = origin.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?;
    let host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
        None => host.to_ascii_lowercase(),
    };
    let is_bare = matches!(uri.path(), "" | "/");
    is_bare.then(|| match uri.port_u16() {
        Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_no_browser_sends_is_refused_with_the_one_that_it_sends() {
        for (written, sent) in [
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://app.example.com:80", "http://app.example.com"),
            ("https://app.example.com/", "https://app.example.com"),
            ("https://App.Example.com", "https://app.example.com"),
            (
                "HTTPS://app.example.com:8443/",
                "https://app.example.com:8443",
            ),
            ("https://app.example.com:", "https://app.example.com"),
            (
                "https://app.example.com:08443",
                "https://app.example.com:8443",
            ),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ] {
            let text = fault(written).unwrap_or_else(|| panic!("{written} is accepted"));
            assert!(text.contains(&format!("browsers send `{sent}`")), "{text}");
            assert_eq!(fault(sent), None);
        }
    }

    #[test]
    fn anything_else_is_no_origin() {
        for other in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://app.example.com/x",
            "ftp://app.example.com",
            "https://u@app.example.com",
            "https://*.example.com",
            "https://[1]",
            "https://m\u{fc}nchen.example",
        ] {
            let text = fault(other).unwrap_or_else(|| panic!("{other} is accepted"));
            assert!(text.contains("write scheme and host"), "{text}");
        }
    }
}
