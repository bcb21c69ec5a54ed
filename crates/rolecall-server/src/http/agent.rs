//! The program and the system that a client names in its `User-Agent`, so that people recognize their sessions.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header::USER_AGENT, request::Parts};

/// Longer headers are not read; those of browsers are about a tenth of that.
const MAX_LENGTH: usize = 1024;

/// Products in a header, and the names that people know them by. The first that is found counts: browsers also name those
/// that they resemble.
const PROGRAMS: [(&str, &str); 39] = [
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("OPR", "Opera"),
    ("OPT", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("YaBrowser", "Yandex Browser"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("Ddg", "DuckDuckGo"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    (SAFARI, SAFARI),
    ("WindowsPowerShell", "PowerShell"),
    ("PowerShell", "PowerShell"),
    ("curl", "curl"),
    ("Wget", "Wget"),
    ("HTTPie", "HTTPie"),
    ("PostmanRuntime", "Postman"),
    ("insomnia", "Insomnia"),
    ("python-requests", "Python"),
    ("python-httpx", "Python"),
    ("Python-urllib", "Python"),
    ("Python", "Python"),
    ("Go-http-client", "Go"),
    ("okhttp", "OkHttp"),
    ("Java-http-client", "Java"),
    ("Java", "Java"),
    ("Apache-HttpClient", "Java"),
    ("axios", "Node.js"),
    ("node-fetch", "Node.js"),
    ("undici", "Node.js"),
    ("node", "Node.js"),
    ("Deno", "Deno"),
    ("Bun", "Bun"),
];

/// Other browsers with the engine of Safari name it and nothing else that is known.
const SAFARI: &str = "Safari";

/// Parts of headers, and the systems that they stand for. The first that is found counts: phones also name the systems that
/// theirs resembles.
const SYSTEMS: [(&str, &str); 9] = [
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
];

/// The systems that have Safari.
const OF_SAFARI: [&str; 3] = ["iOS", "iPadOS", "macOS"];

/// The program and the system of a client, as far as it names ones that are known. Nothing of what it sends is kept: the
/// names are ours. As an extractor it never fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agent {
    program: Option<&'static str>,
    system: Option<&'static str>,
}

impl Agent {
    /// Returns what the only `User-Agent` of a request names.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(USER_AGENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().map(Self::named_in).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// Returns what the text of a `User-Agent` names.
    pub(crate) fn named_in(header: &str) -> Self {
        if header.len() > MAX_LENGTH {
            return Self::default();
        }
        let known = SYSTEMS.iter().find(|(mark, _)| header.contains(mark));
        let system = known.map(|(_, name)| *name);
        let has = |product: &str| products(header).any(|one| one == product);
        let known = PROGRAMS.iter().find(|(product, _)| has(product));
        let has_safari = system.is_some_and(|system| OF_SAFARI.contains(&system));
        let program = known.map(|(_, name)| *name);
        Self {
            program: program.filter(|name| *name != SAFARI || has_safari),
            system,
        }
    }

    /// Describes the client in a few words, such as `Firefox on Linux` or `curl`; `None` if it named nothing that is known.
    pub(crate) fn describe(self) -> Option<String> {
        match (self.program, self.system) {
            (Some(program), Some(system)) => Some(format!("{program} on {system}")),
            (one, other) => one.or(other).map(str::to_owned),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Agent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// Returns the products of a header without their versions (RFC 9110 section 10.1.5), and the words of its comments.
fn products(header: &str) -> impl Iterator<Item = &str> {
    let words = header.split([' ', '(', ')', ';', ',']);
    words.map(|word| word.split_once('/').map_or(word, |(product, _)| product))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Description, system, and what follows it.
    const BROWSERS: &str = "
        Firefox on Linux | X11; Linux x86_64; rv:140.0 | Gecko/20100101 Firefox/140.0
        Firefox on Android | Android 15; Mobile; rv:140.0 | Gecko/140.0 Firefox/140.0
        Firefox on iOS | iPhone; CPU iPhone OS 18_5 like Mac OS X | AppleWebKit/605.1 FxiOS/140.0 Mobile/15E148 Safari/605.1
        Chrome on Android | Linux; Android 10; K | AppleWebKit/537.36 Chrome/156.0.0.0 Mobile Safari/537.36
        Chrome on Windows | Windows NT 10.0; Win64; x64 | AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36
        Edge on Windows | Windows NT 10.0; Win64; x64 | AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0
        Chrome on ChromeOS | X11; CrOS x86_64 14541.0.0 | AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36
        Chrome on Linux | X11; Linux x86_64 | AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36
        Opera on macOS | Macintosh; Intel Mac OS X 10_15_7 | AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36 OPR/130.0.0.0
        Safari on macOS | Macintosh; Intel Mac OS X 10_15_7 | AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15
        Safari on iOS | iPhone; CPU iPhone OS 18_5 like Mac OS X | AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1
        Chrome on iPadOS | iPad; CPU OS 18_5 like Mac OS X | AppleWebKit/605.1.15 CriOS/156.0 Mobile/15E148 Safari/604.1
        Samsung Internet on Android | Linux; Android 15; K | AppleWebKit/537.36 SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36
        Linux | X11; Linux x86_64 | AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15
    ";

    fn described(header: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_bytes(header.as_bytes()).unwrap(),
        );
        Agent::of(&headers).describe()
    }

    #[test]
    fn browsers_by_table() {
        for line in BROWSERS.lines().filter(|line| line.contains('|')) {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [expected, system, products] = parts[..] else {
                panic!("{line}")
            };
            let header = format!("Mozilla/5.0 ({system}) (KHTML, like Gecko) {products}");
            assert_eq!(described(&header).as_deref(), Some(expected), "{header}");
        }
    }

    #[test]
    fn programs_by_table() {
        for (header, expected) in [
            ("curl/8.14.1", Some("curl")),
            ("Wget/1.25.0", Some("Wget")),
            ("python-requests/2.32.4", Some("Python")),
            ("Python/3.13 aiohttp/3.12.13", Some("Python")),
            ("Go-http-client/2.0", Some("Go")),
            ("node", Some("Node.js")),
            (
                "Mozilla/5.0 (Windows NT 10.0; en-US) WindowsPowerShell/5.1",
                Some("PowerShell on Windows"),
            ),
            ("", None),
            ("Mozilla/5.0", None),
            ("somebody's own program/1.0", None),
            // a product is a whole word
            ("notcurl/1.0 myFirefox/2", None),
        ] {
            assert_eq!(described(header).as_deref(), expected, "{header:?}");
        }
    }

    #[test]
    fn nothing_that_a_client_sends_is_kept() {
        let odd = "curl/<b>x</b>\u{202e} Firefox/1\u{e9}";
        assert_eq!(described(odd), None, "a header that is no ASCII");
        assert_eq!(
            described("<script>/1 Linux curl/\"'&"),
            Some("curl on Linux".to_owned())
        );
        let long = format!("curl/8.14.1 {}", "x".repeat(MAX_LENGTH));
        assert_eq!(described(&long), None);
        let mut twice = HeaderMap::new();
        for value in ["curl/8.14.1", "Wget/1.25.0"] {
            twice.append(USER_AGENT, HeaderValue::from_static(value));
        }
        assert_eq!(Agent::of(&twice).describe(), None);
        assert_eq!(Agent::of(&HeaderMap::new()).describe(), None);
    }

    #[test]
    fn every_description_is_short_and_can_be_taken_apart() {
        for (_, program) in PROGRAMS {
            for (_, system) in SYSTEMS {
                let agent = Agent {
                    program: Some(program),
                    system: Some(system),
                };
                let text = agent.describe().unwrap();
                assert!(text.len() <= 40, "{text}");
                assert_eq!(text.split_once(" on "), Some((program, system)));
            }
        }
    }
}
