//! A person with a browser, and the application that the person signs in to.

use std::process::Command;

use anyhow::{Context as _, ensure};

use super::http::{self, Response};
use super::wrk;

/// Never called: the codes are read from the redirect.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A public client of the operator's own, to which nobody is asked to consent.
pub(super) struct Application {
    client_id: String,
}

impl Application {
    /// Registers it with the program `rolecall`, which has its settings.
    pub(super) fn register(mut rolecall: Command) -> anyhow::Result<Self> {
        rolecall.args([
            "client", "add", "bench", "--json", "--kind", "native", "--public",
        ]);
        let output = rolecall
            .args(["--redirect-uri", CALLBACK, "--consent", "skip"])
            .output()?;
        let client_id = http::text_member(&String::from_utf8_lossy(&output.stdout), "client_id");
        let error = || String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Self {
            client_id: client_id.with_context(error)?,
        })
    }

    /// The path at which sign-ins begin.
    fn request(&self) -> String {
        let Self { client_id } = self;
        format!(
            "/authorize?client_id={client_id}&redirect_uri={CALLBACK}&response_type=code&scope=openid\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        )
    }

    /// Exchanges a code for tokens, and returns the access token.
    pub(super) fn redeem(&self, port: u16, code: &str) -> anyhow::Result<String> {
        let Self { client_id } = self;
        let form = format!(
            "grant_type=authorization_code&client_id={client_id}&redirect_uri={CALLBACK}&code={code}\
             &code_verifier={VERIFIER}"
        );
        http::post(port, "/token", wrk::FORM, &form)?.token()
    }
}

/// A person with a browser, which keeps cookies.
pub(super) struct Visitor {
    port: u16,
    username: String,
    cookies: Vec<(String, String)>,
}

impl Visitor {
    pub(super) fn new(port: u16, username: String) -> Self {
        Self {
            port,
            username,
            cookies: Vec::new(),
        }
    }

    /// Becomes a new browser.
    pub(super) fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Signs in with the password, and returns the code that the application gets.
    pub(super) fn sign_in(&mut self, application: &Application) -> anyhow::Result<String> {
        let begun = self.visit(&application.request(), None)?;
        let page = location(&begun)?;
        ensure!(self.visit(&page, None)?.status == 200, "no page at {page}");
        let (_, flow) = page.split_once("flow=").context("no flow")?;
        let form = format!("flow={flow}&{}", wrk::form(&self.username));
        code(&self.visit("/login", Some(&form))?)
    }

    /// Asks for another code without a page, while signed in.
    pub(super) fn silent_round(&mut self, application: &Application) -> anyhow::Result<String> {
        let path = format!("{}&prompt=none", application.request());
        code(&self.visit(&path, None)?)
    }

    fn visit(&mut self, path: &str, form: Option<&str>) -> anyhow::Result<Response> {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let response = http::visit(self.port, path, &cookies, form)?;
        for cookie in response.headers("set-cookie") {
            self.keep(cookie);
        }
        Ok(response)
    }

    /// Keeps the cookie of a `Set-Cookie` header, whose other members do not matter here but for the end.
    fn keep(&mut self, header: &str) {
        let (pair, members) = header.split_once(';').unwrap_or((header, ""));
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        self.cookies.retain(|(kept, _)| kept != name);
        if !members.contains("Max-Age=0") {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

fn location(response: &Response) -> anyhow::Result<String> {
    let status = response.status;
    let location = response.headers("location").next();
    Ok(location
        .with_context(|| format!("no redirect: {status}"))?
        .to_owned())
}

/// The code in the redirect to the application.
fn code(response: &Response) -> anyhow::Result<String> {
    let location = location(response)?;
    let (_, query) = location
        .split_once("code=")
        .with_context(|| format!("no code in {location}"))?;
    Ok(query.split('&').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_replaced_and_removed() {
        let mut visitor = Visitor::new(0, String::new());
        visitor.keep("a=1; Path=/");
        visitor.keep("b=2");
        visitor.keep("a=3; Path=/; Max-Age=60");
        assert_eq!(
            visitor.cookies,
            [("b".into(), "2".into()), ("a".into(), "3".into())]
        );
        visitor.keep("a=; Max-Age=0; Path=/");
        assert_eq!(visitor.cookies, [("b".to_owned(), "2".to_owned())]);
    }
}
