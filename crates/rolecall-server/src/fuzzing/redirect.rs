use crate::clients::{
    redirect::{Registrant, form_action, is_shared, matches, may_register, shown_host},
    sign_in::Application,
};

/// Registers a redirect URI and compares a request's with it: the kind of client in the first byte, then the registered
/// URI, a line feed and the other one.
///
/// # Panics
///
/// If a URI may be registered that another program reads otherwise, or if a request may name one that leads elsewhere.
pub fn run(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else {
        return;
    };
    let kinds = [Application::Web, Application::Native, Application::Browser];
    let kind = kinds.get(usize::from(*kind) % kinds.len()).copied();
    let text = String::from_utf8_lossy(text);
    let (registered, uri) = text.split_once('\n').unwrap_or((&text, ""));
    let registrant = Registrant {
        application: kind,
        is_local: false,
    };
    if !may_register(registered, registrant) {
        return;
    }
    assert!(matches(registered, registered, kind));
    check_registered(registered, kind);
    if matches(registered, uri, kind) && registered != uri {
        assert_eq!(kind, Some(Application::Native), "{uri}");
        let (one, other): (http::Uri, http::Uri) = (parsed(registered), parsed(uri));
        assert_eq!(one.scheme_str(), Some("http"));
        assert_eq!(other.scheme_str(), Some("http"));
        assert_eq!(one.host(), other.host());
        assert_eq!(one.path_and_query(), other.path_and_query());
        let is_own = |host: &str| ["127.0.0.1", "[::1]", "localhost"].contains(&host);
        assert!(other.host().is_some_and(is_own), "{uri}");
        check_registered(uri, kind);
        assert!(may_register(uri, registrant), "{uri}");
    }
}

/// Checks what a page shows and allows of a URI against another parser.
fn check_registered(uri: &str, kind: Option<Application>) {
    assert!(
        uri.is_ascii() && !uri.contains(['#', '\\', '*', ' ', '"', '<', '>']),
        "{uri}"
    );
    if kind != Some(Application::Native) {
        assert!(uri.starts_with("https://"), "{uri}");
    }
    let scheme = uri.split(':').next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        assert!(is_shared(uri) && scheme.contains('.'), "{uri}");
        assert_eq!(form_action(uri), format!("{scheme}:"));
        return;
    }
    let parsed = parsed(uri);
    let authority = parsed.authority().map(http::uri::Authority::as_str);
    assert_eq!(authority, Some(shown_host(uri)));
    assert_eq!(form_action(uri), format!("{scheme}://{}", shown_host(uri)));
    assert!(!shown_host(uri).contains('@'), "{uri}");
    assert!(
        !parsed.path().split('/').any(|segment| segment == ".."),
        "{uri}"
    );
}

fn parsed(uri: &str) -> http::Uri {
    let parsed = uri.parse();
    assert!(parsed.is_ok(), "{uri}");
    parsed.unwrap_or_default()
}
