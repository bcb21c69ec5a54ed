//! Opening an embedded server.

use rolecall::OnStale;
use rolecall_core::RoleName;
use rolecall_passwords::PasswordScheme;

use super::{Embedded, EmbeddedBuilder, Registration, profile::MAX_TOKEN_BYTES};
use crate::{
    bootstrap::Origin,
    config::{FAILURES_PER_MINUTE, check_public_url, mail_faults, page_faults},
    demo,
    error::ApiError,
    hooks::sender,
    outgoing::allow::Allowed,
    profile::declared::ProfileFields,
    settings::{BrowserLimits, PolicyLimits, Settings},
    start::{self, Options, StartError},
    store::{OpenError, Opening, Tuning},
};

impl EmbeddedBuilder {
    /// Opens the database, puts the policy document in force, and creates the demo users and the first administrator, in
    /// this order:
    ///
    /// 1. Options, policy document and its tests are checked, before the database is touched.
    /// 2. rolecall's tables are created or updated.
    /// 3. Hooks are subscribed, so that they get the events of the next steps.
    /// 4. The policy is put in force, and the users of `demo_user` are created.
    /// 5. The first administrator is created, and the code printed.
    /// 6. Hooks begin to run, and this returns.
    ///
    /// Run the migrations of the application's own tables after it, because their foreign keys need the table `users`.
    /// Then a hook can run before those tables exist: one that returns its error gets the event again a second later.
    ///
    /// # Errors
    ///
    /// [`StartError`], with a message for the operator.
    pub async fn open(self) -> Result<Embedded, StartError> {
        // boxed, since the future of a start goes into those of everything that embeds a server
        Box::pin(self.open_all()).await
    }

    async fn open_all(self) -> Result<Embedded, StartError> {
        self.check_public_url()?;
        let policy = self.parse_policy()?;
        let (staleness, edited) = (self.staleness, self.edited_policy);
        let (demo_users, first_admin) = (self.demo_users.clone(), self.first_admin.clone());
        let hooks = self.hooks.clone();
        let cookie = self.cookie.clone();
        let own_registration = self.own_registration;
        let options = self.into_options()?;
        // each step is boxed too: the compiler follows futures only so deep
        let opened = Box::pin(start::open(options)).await?;
        if !hooks.is_empty() {
            // before users are created here, so that their events are written
            let subscribed = Box::pin(sender::subscribe(&opened.app, &hooks)).await;
            subscribed.map_err(ApiError::from)?;
        }
        if let Some(policy) = &policy {
            Box::pin(super::policy::put_in_force(&opened.app, policy, edited)).await?;
        }
        for (username, password, roles) in &demo_users {
            Box::pin(demo::ensure_user(&opened.app, username, password, roles)).await?;
        }
        Box::pin(start::check_registration_roles(&opened.app)).await?;
        if let Some(first_admin) = &first_admin {
            Box::pin(first_admin.ensure(&opened.app)).await?;
        }
        let mut embedded = Embedded::from_opened(opened, staleness)?;
        embedded.own_registration = own_registration;
        embedded.run_hooks(hooks)?;
        if let Some(cookie) = cookie {
            // `/forward-auth` does not see the method of the request that it decides on, so it reads no cookie
            embedded.guard = embedded.guard.with_cookie((*cookie).clone());
            embedded.api_guard = embedded.api_guard.with_cookie(*cookie);
        }
        Ok(embedded)
    }

    /// Checks the public URL as the program checks that of its configuration.
    fn check_public_url(&self) -> Result<(), StartError> {
        let url = &self.public_url;
        // where the application listens is not known here
        check_public_url(url, true, self.insecure_http).map_err(|fault| {
            let text = fault.describe(url, ".public_url(\"https://...\")", ".insecure_http()");
            StartError::PublicUrl(text)
        })
    }

    fn into_options(self) -> Result<Options, StartError> {
        let parse = |key: Option<&str>| key.map(str::parse).transpose();
        let schema = self.schema.as_deref().map(str::parse).transpose();
        let profile = self.profile_fields()?;
        let faults = page_faults(&self.pages);
        if !faults.is_empty() {
            return Err(StartError::Pages(faults.join("\n")));
        }
        let faults = mail_faults(&self.mail);
        if !faults.is_empty() {
            return Err(StartError::Mail(faults.join("\n")));
        }
        Ok(Options {
            settings: Settings {
                profile,
                ..self.settings()
            },
            schema: schema.map_err(OpenError::Schema)?,
            opening: Opening::Create,
            origin: Origin::NotDev,
            tuning: Tuning {
                holds_connections: !self.connects_late,
                ..Tuning::default()
            },
            master_key: parse(self.master_key.as_deref())?,
            previous_master_key: parse(self.previous_master_key.as_deref())?,
            database_url: self.url.into(),
            algorithm: self.algorithm.into(),
            secret: None,
            serves: true,
            legacy: self.legacy,
            scheme: PasswordScheme::default(),
            hashing: self.hashing,
            min_length: self.min_length,
            breached: self.breached,
            clock: self.clock,
            database_clock: self.database_clock,
        })
    }

    fn settings(&self) -> Settings {
        let demo_users = self.demo_users.iter().map(|(name, ..)| name.clone());
        let is_strict = self.staleness.on_stale == OnStale::Refuse;
        Settings {
            audience: self.public_url.clone(),
            public_url: self.public_url.clone(),
            issuer: self.public_url.clone(),
            access_ttl: self.access_ttl,
            max_token_bytes: MAX_TOKEN_BYTES,
            rotate_every: Some(self.rotate_every).filter(|every| !every.is_zero()),
            registration_open: self.registration == Registration::Open,
            unique_email: self.unique_email,
            self_delete: self.self_delete,
            profile: ProfileFields::default(),
            browser: BrowserLimits::default(),
            factors: self.factors,
            pages: self.pages.clone(),
            mail: self.mail.settings().unwrap_or_default(),
            policy: PolicyLimits::default(),
            registration_verify: self.verify_registrations,
            registration_domains: Vec::new(),
            registration_roles: "user".parse::<RoleName>().into_iter().collect(),
            password_grant: true,
            sessions: self.sessions.clone(),
            quotas: (&self.quotas).into(),
            failures_per_minute: FAILURES_PER_MINUTE,
            stale_after: is_strict.then_some(self.staleness.max),
            outgoing: Allowed::new(self.outgoing.clone()),
            config: None,
            exempt_users: demo_users.collect(),
        }
    }
}
