use crate::{RelyingParty, UnusableOrigin};

#[test]
fn the_origin_is_written_as_browsers_write_it() {
    let cases = [
        (
            "https://login.example.com",
            "https://login.example.com",
            "login.example.com",
        ),
        (
            "https://Login.Example.com:443/",
            "https://login.example.com",
            "login.example.com",
        ),
        (
            "HTTPS://login.example.com/auth?x#y",
            "https://login.example.com",
            "login.example.com",
        ),
        (
            "https://login.example.com:8443",
            "https://login.example.com:8443",
            "login.example.com",
        ),
        (
            "http://localhost:8080",
            "http://localhost:8080",
            "localhost",
        ),
        ("http://localhost:80", "http://localhost", "localhost"),
        (
            "http://app.localhost",
            "http://app.localhost",
            "app.localhost",
        ),
        ("https://intranet", "https://intranet", "intranet"),
    ];
    for (url, origin, id) in cases {
        let server = RelyingParty::new(url, "Example").unwrap();
        assert_eq!((server.origin(), server.id()), (origin, id), "{url}");
    }
}

#[test]
fn addresses_for_which_browsers_have_no_passkeys_are_refused() {
    let cases = [
        ("http://login.example.com", UnusableOrigin::Insecure),
        ("http://localhost.example.com", UnusableOrigin::Insecure),
        ("http://127.0.0.1:8080", UnusableOrigin::IpAddress),
        ("https://192.0.2.1", UnusableOrigin::IpAddress),
        ("https://[2001:db8::1]:8443", UnusableOrigin::IpAddress),
        ("ftp://example.com", UnusableOrigin::Malformed),
        ("login.example.com", UnusableOrigin::Malformed),
        ("https://", UnusableOrigin::Malformed),
        ("https://user@example.com", UnusableOrigin::Malformed),
        ("https://example.com:port", UnusableOrigin::Malformed),
        ("https://example.com:", UnusableOrigin::Malformed),
        ("https://bücher.example", UnusableOrigin::Malformed),
    ];
    for (url, reason) in cases {
        assert_eq!(RelyingParty::new(url, "Example"), Err(reason), "{url}");
    }
}
