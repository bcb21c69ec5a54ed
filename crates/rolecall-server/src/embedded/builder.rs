//! The options of an embedded server.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rolecall::{Clock, OnStale, SessionCookie, SystemClock};
use rolecall_passwords::{DEFAULT_MIN_LENGTH, Parameters};

use super::first_admin::FirstAdmin;
use crate::{
    config::{Mail, Mfa, Pages, Quotas, ROTATE_EVERY, RegistrationMode, SigningAlgorithm},
    hooks::Hooks,
    legacy::old_tokens::LegacyTokens,
    outgoing::allow::AllowedTarget,
    policy::at_start::EditedPolicy,
    profile::ProfileField,
    settings::{FactorRules, SessionLimits},
    start::Staleness,
};

/// Open or closed registration.
pub type Registration = RegistrationMode;

/// The options of an [`Embedded`](super::Embedded) server.
#[must_use]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one option with a method of its own"
)]
pub struct EmbeddedBuilder {
    pub(super) url: String,
    pub(super) schema: Option<String>,
    pub(super) public_url: String,
    pub(super) insecure_http: bool,
    pub(super) registration: Registration,
    pub(super) factors: FactorRules,
    pub(super) own_registration: bool,
    pub(super) verify_registrations: bool,
    pub(super) unique_email: bool,
    pub(super) self_delete: bool,
    pub(super) min_length: usize,
    pub(super) breached: Option<PathBuf>,
    pub(super) demo_users: Vec<(String, String, Vec<String>)>,
    pub(super) master_key: Option<String>,
    pub(super) previous_master_key: Option<String>,
    pub(super) algorithm: SigningAlgorithm,
    pub(super) rotate_every: Duration,
    pub(super) access_ttl: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) database_clock: Option<Arc<dyn Clock>>,
    pub(super) connects_late: bool,
    pub(super) staleness: Staleness,
    pub(super) hashing: Option<Parameters>,
    pub(super) sessions: SessionLimits,
    pub(super) quotas: Quotas,
    pub(super) pages: Pages,
    pub(super) mail: Mail,
    pub(super) legacy: Option<LegacyTokens>,
    pub(super) profile: Vec<ProfileField>,
    pub(super) email_claim: bool,
    pub(super) hooks: Hooks,
    pub(super) policy: Option<String>,
    pub(super) edited_policy: EditedPolicy,
    pub(super) first_admin: Option<FirstAdmin>,
    pub(super) cookie: Option<Box<SessionCookie>>,
    pub(super) outgoing: Vec<AllowedTarget>,
}

impl EmbeddedBuilder {
    /// While there is no administrator, creates this user with the role `rolecall.admin` and without a password, and
    /// prints a one-time code to standard error, with the command that sets the password. It prints nothing once that
    /// is done.
    ///
    /// ```
    /// use rolecall_server::Embedded;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rolecall_server::StartError> {
    /// let login = Embedded::builder("sqlite::memory:").first_admin("admin").open().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The code is valid for 24 hours. Each start prints a new one until it is used, and the ones before stop working.
    /// It goes to standard error and never to the log.
    ///
    /// The start is refused if a user with this name exists who is no administrator: somebody else may have
    /// registered it.
    pub fn first_admin(mut self, username: &str) -> Self {
        self.first_admin = Some(FirstAdmin::new(username, &[]));
        self
    }

    /// As [`first_admin`](Self::first_admin), and also assigns roles of the application when it creates the user. They
    /// must exist: the policy document defines them.
    pub fn first_admin_with_roles(mut self, username: &str, roles: &[&str]) -> Self {
        self.first_admin = Some(FirstAdmin::new(username, roles));
        self
    }

    /// Returns the default options.
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            schema: None,
            public_url: "http://127.0.0.1:8000".to_owned(),
            insecure_http: false,
            registration: Registration::Closed,
            factors: FactorRules::default(),
            own_registration: false,
            verify_registrations: true,
            unique_email: false,
            self_delete: false,
            min_length: DEFAULT_MIN_LENGTH,
            breached: None,
            demo_users: Vec::new(),
            master_key: None,
            previous_master_key: None,
            algorithm: SigningAlgorithm::default(),
            rotate_every: ROTATE_EVERY,
            access_ttl: Duration::from_mins(30),
            clock: Arc::new(SystemClock),
            database_clock: None,
            connects_late: false,
            staleness: Staleness::default(),
            hashing: None,
            sessions: SessionLimits::default(),
            quotas: Quotas::default(),
            pages: Pages::default(),
            mail: Mail::default(),
            legacy: None,
            profile: Vec::new(),
            email_claim: false,
            hooks: Hooks::default(),
            policy: None,
            edited_policy: EditedPolicy::default(),
            first_admin: None,
            cookie: None,
            outgoing: Vec::new(),
        }
    }

    /// Lets the server call this host or network although it is not public, and without TLS, to tell clients of a
    /// log-out. It may be repeated.
    ///
    /// ```
    /// use rolecall_server::Embedded;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Embedded::builder("sqlite::memory:").allow_outgoing("app.internal".parse()?);
    /// let login = builder.allow_outgoing("10.0.0.0/8".parse()?).open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow_outgoing(mut self, target: AllowedTarget) -> Self {
        self.outgoing.push(target);
        self
    }

    /// Also accepts the access token in this cookie, on the application's routes and at `/api`. Requests that may change
    /// something need a proof that a page of the application sent them; see
    /// [`Guard::with_cookie`](rolecall::Guard::with_cookie).
    pub fn cookie(mut self, cookie: SessionCookie) -> Self {
        self.cookie = Some(Box::new(cookie));
        self
    }

    /// Keeps rolecall's tables in this schema of a PostgreSQL database, which is created if it does not exist. Without
    /// it they are in the first schema of the connection's `search_path`, usually `public`, where an application may not
    /// have tables of the same names.
    pub fn schema(mut self, name: &str) -> Self {
        self.schema = Some(name.to_owned());
        self
    }

    /// Sets the most sessions that one user may have, 100 by default. Beyond that, the idlest session ends.
    pub fn sessions_per_user(mut self, sessions: u32) -> Self {
        self.sessions.per_user = sessions.max(1);
        self
    }

    /// Accepts tokens of the previous application, for users who were imported from it: on the application's own routes,
    /// never at `/api`.
    pub fn legacy_tokens(mut self, tokens: LegacyTokens) -> Self {
        self.legacy = Some(tokens);
        self
    }

    /// Sets the master key, 32 bytes in hex or base64. PostgreSQL needs one; by default, a file beside a SQLite database
    /// holds it.
    pub fn master_key(mut self, key: &str) -> Self {
        self.master_key = Some(key.to_owned());
        self
    }

    /// Sets the master key that [`master_key`](Self::master_key) replaces, for the time of the rotation: the database
    /// knows which of the two it is sealed with.
    pub fn previous_master_key(mut self, key: &str) -> Self {
        self.previous_master_key = Some(key.to_owned());
        self
    }

    /// Sets the algorithm that signs access tokens, ES256 by default. A change takes effect after the new key has been
    /// published for 30 minutes.
    pub fn algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the time after which the signing key is rotated, 30 days by default. Zero turns automatic rotation off.
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = every;
        self
    }

    /// Sets the lifetime of access tokens: 30 minutes by default, and at most a day.
    pub fn access_ttl(mut self, lifetime: Duration) -> Self {
        self.access_ttl = lifetime.min(Duration::from_hours(24));
        self
    }

    /// Sets the greatest age of the guards' state while the database does not answer, 30 s by default. Beyond it, they
    /// answer 503.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.staleness.max = age;
        self
    }

    /// Sets what the guards do when their state is too old: they refuse by default.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.staleness.on_stale = on_stale;
        self
    }

    /// Sets how much one subject may write in an hour.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// Sets the look of the sign-in pages: name, pictures, colours, languages. Faults refuse the start.
    ///
    /// ```
    /// use rolecall_server::{Embedded, config::Pages};
    ///
    /// let pages = Pages {
    ///     name: "Example Ltd".to_owned(),
    ///     color: Some("#7a1fa2".parse()?),
    ///     ..Pages::default()
    /// };
    /// let builder = Embedded::builder("sqlite::memory:").pages(pages);
    /// # Ok::<(), String>(())
    /// ```
    pub fn pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// Sends mail by an SMTP server: links to reset a password, and notices. Without it, no mail is sent. Faults refuse the
    /// start.
    ///
    /// ```
    /// use rolecall_server::{Embedded, config::Mail};
    ///
    /// let mail = Mail {
    ///     url: Some("smtps://login:secret@mail.example.com".into()),
    ///     from: Some("Example <login@example.com>".to_owned()),
    ///     ..Mail::default()
    /// };
    /// let builder = Embedded::builder("sqlite::memory:").mail(mail);
    /// ```
    pub fn mail(mut self, mail: Mail) -> Self {
        self.mail = mail;
        self
    }

    /// Sets the clock of this process and of the database, for tests that control the time.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self.database_clock = Some(Arc::clone(&self.clock));
        self
    }

    /// Sets the URL under which clients reach the application, `http://127.0.0.1:8000` by default. It is the issuer of the
    /// tokens.
    ///
    /// It must begin with `https://`, except for the names and addresses of this machine: `localhost`, `127.0.0.1`,
    /// `[::1]`.
    pub fn public_url(mut self, url: &str) -> Self {
        url.trim_end_matches('/').clone_into(&mut self.public_url);
        self
    }

    /// Accepts a [public URL](Self::public_url) without TLS on other machines too. Passwords and tokens then cross the
    /// network unencrypted.
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Sets whether an e-mail address belongs to one user at most, without regard to case; it may belong to several by
    /// default.
    pub fn unique_email(mut self, unique: bool) -> Self {
        self.unique_email = unique;
        self
    }

    /// Sets whether users may delete their own account, on the page `/account`; only administrators do by default. Users to
    /// whom rows of the application's own tables refer cannot, unless their foreign key has `ON DELETE CASCADE` or `ON
    /// DELETE SET NULL`.
    pub fn self_delete(mut self, allowed: bool) -> Self {
        self.self_delete = allowed;
        self
    }

    /// Opens or closes registration, which is closed by default.
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = registration;
        self
    }

    /// Sets the need of a second factor when somebody signs in with a browser: those who have added one are asked for it by
    /// default.
    pub fn second_factor(mut self, need: Mfa) -> Self {
        self.factors.mfa = need;
        self
    }

    /// Lets people have a device remembered for a while, on which a sign-in asks for no second factor. None is by default.
    pub fn remember_device(mut self, lifetime: Option<Duration>) -> Self {
        self.factors.remember = lifetime;
        self
    }

    /// Sets whether people can sign in with a code that is sent to their verified address, in place of the password. They
    /// cannot by default, nor without [mail](Self::mail).
    pub fn mail_code(mut self, offered: bool) -> Self {
        self.factors.mail_code = offered;
        self
    }

    /// Sets whether users with an address that is not verified prove it with a code when they sign in with a browser, where
    /// [mail](Self::mail) is sent. They do not by default.
    pub fn verified_address(mut self, required: bool) -> Self {
        self.factors.verified_address = required;
        self
    }

    /// Sets whether people who register prove their address by mail before they have an account, which they do by default
    /// where [mail](Self::mail) is sent. `POST /register` is refused then, and `/signup` is the way.
    pub fn verify_registrations(mut self, verify: bool) -> Self {
        self.verify_registrations = verify;
        self
    }

    /// Leaves out rolecall's `POST /register`, for an application with a registration of its own at this path: a form, an
    /// invitation, a payment before. It can create users with [`Accounts::create`](super::Accounts::create).
    ///
    /// For an own route at another path of rolecall's, put those under a prefix with
    /// [`WithApplication::nest`](super::WithApplication::nest).
    pub fn own_registration(mut self) -> Self {
        self.own_registration = true;
        self
    }

    /// Sets the minimum length of a password in characters: 15 by default, and never below 8.
    pub fn min_length(mut self, characters: usize) -> Self {
        self.min_length = characters.max(rolecall_passwords::LOWEST_MIN_LENGTH);
        self
    }

    /// Refuses new passwords that are in this list of breached ones, which `rolecall passwords build` writes. The file may
    /// be replaced while the server runs.
    pub fn breached_passwords(mut self, file: impl Into<PathBuf>) -> Self {
        self.breached = Some(file.into());
        self
    }

    /// Adds a demo user, with a password that need not be secret. Roles that do not exist are created, except reserved
    /// ones, which begin with `rolecall.`. An existing user stays as it is.
    pub fn demo_user(mut self, username: &str, password: &str, roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self.demo_users
            .push((username.to_owned(), password.to_owned(), roles));
        self
    }
}
