//! The text that `dev` prints: addresses, users, and commands to paste.
//!
//! INVARIANT: the commands can be pasted twice, and before or after those of `docs/tour.md`: they leave `admin` and
//! `alice` as they are. There are no comments among them, since an interactive zsh takes them as commands.

use std::net::SocketAddr;

use crate::demo::{CLIENT as DEMO_CLIENT, PASSWORD};

/// The code verifier of RFC 7636 appendix B, and its challenge: an application makes new ones for each sign-in.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The facts that the text mentions.
pub(super) struct Greeting<'a> {
    /// The URL of the server.
    pub(super) url: &'a str,
    /// The address that was configured.
    pub(super) requested: SocketAddr,
    /// The address on which the server listens.
    pub(super) bound: SocketAddr,
    /// The URL of the database, which works in every folder.
    pub(super) database: &'a str,
    /// True if the database stays when the server stops.
    pub(super) kept: bool,
}

impl Greeting<'_> {
    /// Returns the text that is printed once the server is ready.
    pub(super) fn text(&self) -> String {
        let (url, version) = (self.url, env!("CARGO_PKG_VERSION"));
        // browsers have passkeys for this name, and not for addresses
        let port = self.bound.port();
        let moved = if self.bound.port() == self.requested.port() {
            String::new()
        } else {
            format!(" (port {} is taken)", self.requested.port())
        };
        let data = if self.kept {
            "kept"
        } else {
            "removed at the end; use --keep DIR to keep it"
        };
        let database = self.database;
        let (code_flow, commands) = (self.code_flow(), self.commands());
        format!(
            r"
rolecall {version} for development, on this machine only. Stop it with Ctrl+C.

  server    {url}{moved}
  browser   {url}/docs    (press Authorize: the code flow with client_id {DEMO_CLIENT}, or the form with admin, {PASSWORD})
  account   http://localhost:{port}/account    (the sign-in pages: alice, {PASSWORD})
  database  {database}    ({data})

  user      password        roles
  admin     {PASSWORD}    admin, rolecall.admin
  alice     {PASSWORD}    user
{code_flow}
Paste these into another terminal.
{commands}
"
        )
    }

    /// Returns the steps of the authorization code flow, which new applications use.
    fn code_flow(&self) -> String {
        let url = self.url;
        let redirect_uri = format!("{url}/docs/oauth2-redirect.html");
        format!(
            r#"
Sign in by the authorization code flow, as an application of your own does. Open this address, and sign in as alice:

  {url}/authorize?response_type=code&client_id={DEMO_CLIENT}&redirect_uri={redirect_uri}&scope=openid%20role:user&code_challenge={CHALLENGE}&code_challenge_method=S256

The page that follows is empty. Within a minute, put the code of its address in place of CODE:

  curl -s {url}/token -d "grant_type=authorization_code&client_id={DEMO_CLIENT}&redirect_uri={redirect_uri}&code_verifier={VERIFIER}&code=CODE"
"#
        )
    }

    fn commands(&self) -> String {
        let url = self.url;
        let cut = r#"sed 's/.*"access_token":"\([^"]*\)".*/\1/'"#;
        let log_in = |name: &str, password: &str| {
            format!(
                r#"curl -s {url}/token -d "grant_type=password&username={name}&password={password}""#
            )
        };
        let as_admin = log_in("admin", PASSWORD);
        let as_carol = log_in("carol", "correct%20horse%20battery");
        let binary = std::env::current_exe()
            .map_or_else(|_| "rolecall".to_owned(), |path| path.display().to_string());
        let (binary, database) = (quote(&binary), quote(self.database));
        format!(
            r#"
Log in without a browser, with the form of the tutorial (the password grant, for applications of your own alone):

  {as_admin}

Keep the token. Call a route for the role admin (200), and one for the role user, which admin lacks (403):

  TOKEN=$({as_admin} | {cut})
  curl -si {url}/items/ -H "Authorization: Bearer $TOKEN"
  curl -si {url}/users/ -H "Authorization: Bearer $TOKEN"

Register a user, who gets the role user:

  curl -s {url}/register -H "Content-Type: application/json" -d '{{"username":"carol","password":"correct horse battery"}}'

Assign a role on the command line (200), and take it away: within a second, the token that carries it is refused (401):

  export ROLECALL_DATABASE__URL={database}
  {binary} assign carol admin
  CAROL=$({as_carol} | {cut})
  curl -si {url}/items/ -H "Authorization: Bearer $CAROL"
  {binary} unassign carol admin; sleep 1
  curl -si {url}/items/ -H "Authorization: Bearer $CAROL"
"#
        )
    }
}

/// Quotes a word for a shell if it needs that.
fn quote(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-:@+,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(database: &str) -> String {
        let greeting = Greeting {
            url: "http://127.0.0.1:8001",
            requested: "127.0.0.1:8000".parse().unwrap(),
            bound: "127.0.0.1:8001".parse().unwrap(),
            database,
            kept: true,
        };
        greeting.text()
    }

    #[test]
    fn the_commands_leave_the_users_of_the_pages_as_they_are() {
        let text = greeting("sqlite:/tmp/demo/rolecall.db");
        assert!(text.contains("(port 8000 is taken)"));
        for name in ["admin", "alice", "bob"] {
            for command in ["assign", "unassign", "user delete", "user reset"] {
                assert!(
                    !text.contains(&format!("{command} {name} ")),
                    "{command} {name}"
                );
            }
            assert!(!text.contains(&format!(r#""username":"{name}""#)), "{name}");
        }
    }

    #[test]
    fn the_code_flow_comes_before_the_password_grant() {
        let text = greeting("sqlite:/tmp/demo/rolecall.db");
        let place = |part: &str| text.find(part).unwrap();
        let address = place("  http://127.0.0.1:8001/authorize?response_type=code&client_id=demo&");
        let exchange = place("grant_type=authorization_code&client_id=demo&");
        assert!(address < exchange && exchange < place("Paste these into another terminal."));
        assert!(exchange < place("grant_type=password"));
    }

    #[test]
    fn no_command_has_a_comment_or_an_option_of_a_new_curl() {
        let text = greeting("sqlite:/tmp/demo/rolecall.db");
        let commands: Vec<&str> = text.lines().filter(|line| line.contains("curl ")).collect();
        assert!(commands.len() > 5, "{text}");
        assert!(!text.contains('#') && !text.contains("--json"), "{text}");
    }

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        for (word, quoted) in [
            (
                "sqlite:/tmp/demo/rolecall.db",
                "sqlite:/tmp/demo/rolecall.db",
            ),
            ("/Users/Zoë/rolecall", "/Users/Zoë/rolecall"),
            ("/my files/rolecall", "'/my files/rolecall'"),
            ("/o'neil/$x", r"'/o'\''neil/$x'"),
            ("", "''"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
