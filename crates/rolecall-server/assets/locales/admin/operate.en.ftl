admin-nav-audit = Audit log
admin-audit-lead = Every change, with who made it, newest first.
admin-audit-events-lead = Sign-ins, refusals and other events, newest first.
admin-audit-changes = Changes
admin-audit-events = Events
admin-audit-who = Who
admin-audit-what = What
admin-audit-about = About
admin-audit-kind = Event
admin-audit-entry = Entry
admin-audit-entry-title = Entry { $name }
admin-audit-event-title = Event { $name }
admin-audit-event = Event
admin-audit-mark = Mark
admin-audit-nobody = Nobody who is known
admin-audit-more = { $count ->
    [one] and one more change
   *[other] and { $count } more changes
}
admin-audit-unfinished = There are older entries that were not searched yet. Go on with the next page, or set a time.
admin-audit-nothing-found = Nothing matches. Search for less, or show all.
admin-audit-empty = Nothing has happened yet.
admin-audit-export = Download these entries as JSON (10,000 at a time)
admin-from-utc = From (UTC)
admin-audit-verify = Verify the log
admin-verify-lead = Checks that no entry was changed or removed, and that nobody has access that no entry explains. It takes a while with a long log.
admin-verify-mark = Mark that you kept
admin-verify-mark-hint = Some entry must have it. Leave it empty if you kept none.
admin-no-mark = A mark has 64 hex digits, with or without a revision and a colon before it.
admin-verify-keep = Keep this mark where nobody who can write to the database can write. It proves later that nothing up to here was changed.
admin-verify-bad = Find out who can write to the database. A backup shows what it was before.
admin-verify-more = { $count ->
    [one] and one more difference
   *[other] and { $count } more differences
}
admin-verdict-good = Intact
admin-verdict-bad = Altered
admin-verdict-intact = { $count ->
    [one] The log has one entry, and nothing is missing.
   *[other] The log has { $count } entries, and nothing is missing.
}
admin-verdict-altered = Entry { $revision } was changed, or entries before it are missing.
admin-verdict-truncated = The log ends at entry { $revision }, but the newest change is { $count }.
admin-verdict-unsealed = Entry { $revision } is not the newest one that was written.
admin-verdict-tampered = Entries before { $revision } had been removed when it was written.
admin-verdict-unknown-mark = No entry has that mark: the entries up to it are not the same any more.
admin-verdict-unexplained = The database holds access that no entry explains.
admin-nav-keys = Signing keys
admin-keys-lead = Keys that sign tokens. The next one is published before it signs, and an old one verifies until its last token has expired.
admin-keys-configured = The key is a shared secret of the configuration. Change it there:
admin-keys-early = Some services do not have the next key yet. They all do from this time on:
admin-key = Key
admin-key-from = Signs from
admin-key-until = Its tokens live until
admin-key-open = Not set yet
admin-key-next = Next
admin-key-active = Signs
admin-key-retiring = Verifies only
admin-key-retired = Retired
admin-key-access = access tokens
admin-key-id-token = ID tokens
admin-retire = Retire
admin-rotate-keys = Rotate the keys
admin-rotate-early = Rotate at once
admin-retire-key = Retire the key { $name }
admin-effect-key-signs = The key { $name } signs new tokens from now on.
admin-effect-key-verifies = Tokens of the key { $name } stay valid until they expire.
admin-effect-key-published = Another key is published, and signs after the next rotation.
admin-effect-key-early = Services that have not loaded the key yet refuse new tokens until they do, some for 15 minutes and longer.
admin-effect-key-unused = The key { $name } never signs anything. Another one is published in its place.
admin-effect-key-refused = Every token that the key { $name } signed is refused at once, and its users sign in again.
admin-done-key-rotated = The keys are rotated. Tokens of the old key stay valid until they expire.
admin-done-key-early = Done. Services that have not loaded the key yet refuse new tokens until they do: restart those that must not wait.
admin-done-key-retired = The key is retired. Its tokens are refused from now on.
admin-nav-mail = Mail
admin-mail-lead = Mails that this server sends: invitations, links to a new password, codes and notices.
admin-mail-not-set = No mail is sent. Set these two settings:
admin-mail-test = Try it
admin-mail-send = Send a test message
admin-mail-taken = Taken
admin-mail-refused = Not taken
admin-mail-look = Look whether it arrives at { $name }, and whether it is filed as spam: the DNS of { $domain } has to allow this server (SPF, DKIM, DMARC).
admin-mail-answer = This is what happened:
admin-mail-check-connection = Check host and port in the setting mail.url, and that this machine may connect to them.
admin-mail-check-protocol = Check host and port in the setting mail.url: what answers there does not speak SMTP as this needs it.
admin-mail-check-tls = Check that the certificate of the server names the host in the setting mail.url and that this machine trusts it, and the mode: smtps:// encrypts from the first byte (usually port 465), smtp:// by STARTTLS (usually port 587).
admin-mail-check-login = Check the user in the setting mail.url, and the password there or in mail.password.
admin-mail-check-mailbox = Check the address that the mail goes to, and that the server sends mails from the address in the setting mail.from.
admin-mail-check-later = Try again later. If it stays so, ask the operator of the mail server.
admin-mail-check-answer = Ask the operator of the mail server what its answer means.
admin-outbox = Outbox
admin-mail-counts = Waiting: { $waiting }. Given up: { $given_up }.
admin-mail-all = All
admin-mail-failed = Failed
admin-mail-to = To
admin-mail-kind = Kind
admin-mail-waits = Waits
admin-mail-given-up = Given up
admin-mail-tries = { $count ->
    [one] one try
   *[other] { $count } tries
}
admin-mail-again = next try
admin-mail-ended = on
admin-mail-empty = No mail waits. Those that were sent are not kept.
admin-mail-none-failed = No mail has failed in the last week.
admin-nav-settings = Settings
admin-settings-lead = All settings, and where each comes from. Change them there, and start the server again.
admin-settings-embedded = This server is part of an application, which sets everything in its code.
admin-settings-general = General
admin-setting = Setting
admin-value = Value
admin-origin = Comes from
admin-is-set = Set
admin-is-not-set = Not set
admin-origin-default = Default
admin-origin-file = File
admin-origin-environment = Variable
admin-origin-flag = Command line
admin-origin-secret-file = Secret file
admin-problems = Problems of this server
admin-problem-fault = Fault
admin-problem-warning = Warning
admin-problems-more = More is checked by
admin-doctor-insecure-http = `insecure_http` is on: passwords and tokens can cross the network unencrypted. Use a proxy that terminates TLS, and remove the setting.
admin-doctor-no-proxy = `proxy.trusted` is empty: behind a proxy, all clients share its address and one rate limit. Add the address of the proxy.
admin-doctor-database-tls = `database.url`: the connection to PostgreSQL is not encrypted or not verified, so others on the network may read and change it. Add `?sslmode=verify-full` (and `sslrootcert=` for a private authority).
admin-doctor-password-length = `passwords.min_length` is { $detail }: NIST SP 800-63B-4 requires { $name } for passwords without a second factor.
admin-doctor-registration = Everyone who registers gets the role `{ $name }`: remove it from `registration.roles`.
admin-doctor-stale = `guard.on_stale` is "accept": while the database is unreachable, revoked access may still work.
admin-doctor-symmetric = `tokens.algorithm` is HS256: everyone who can verify tokens can also issue them. Use ES256 if clients allow it.
admin-doctor-old-tokens-ended = `tokens.legacy.until` was { $name }: remove the section, and destroy the secret.
admin-doctor-old-tokens-guessed = `tokens.legacy.secret` has only { $detail } bytes: anyone with one token can guess it and impersonate any imported user. Choose an early `until`.
admin-doctor-old-tokens-long = `tokens.legacy.until` is { $name }, more than 30 days away: the last legacy token expires `max_age` after the old application stops. Choose that time.
admin-doctor-old-tokens-both = `tokens.legacy.secret` has only { $detail } bytes, so that anyone with one token can guess it and impersonate any imported user, and `tokens.legacy.until` is { $name }, more than 30 days away. Choose an early time: `max_age` after the old application stops.
admin-doctor-metrics = `metrics.listen` is { $name }: metrics need no authentication, so choose a private address.
admin-doctor-origins = `cors.allowed_origins` contains `{ $name }`: its pages can be changed in transit. Use https.
admin-doctor-idle = `login.idle` is longer than `login.max`, which ends a sign-in first. Lower it, or raise `login.max`.
admin-doctor-stay = `login.stay` is shorter than `login.max`: whoever ticks "stay signed in" is signed out earlier. Raise it, or set it to `off`.
admin-doctor-outgoing = `outgoing.allow` names all addresses, those of this machine and of its network too: whoever may register a client can make the server call them. List those of your applications.
admin-doctor-breached = No list is set, so only the most common passwords are refused. Build one with `rolecall passwords build`, and set `passwords.breached`.
admin-doctor-mail-tls = `mail.insecure_smtp` is on: mails, the links in them and the password cross the network unencrypted. Use `smtps://`, or a server that offers STARTTLS.
admin-doctor-mail-roots = No mail is sent, since no root certificates were found. Install the package `ca-certificates`, or set `SSL_CERT_FILE`.
admin-doctor-mail-address = `mail.from`: `{ $name }` is an IP address, and the mail servers of others refuse mails from there. Use an address at your domain, whose SPF, DKIM and DMARC records have to allow `{ $detail }`.
admin-doctor-mail-domain = `mail.from`: `{ $name }` is a name that is known in this network only, and the mail servers of others refuse mails from there. Use an address at your domain, whose SPF, DKIM and DMARC records have to allow `{ $detail }`.
admin-doctor-log-out-roots = No root certificates were found, so that the client `{ $name }` and others cannot be told of log-outs. Install the package `ca-certificates`, or set `SSL_CERT_FILE`.
admin-doctor-log-out-refused = Logout tokens that the client `{ $name }` did not take ({ $detail }): { $count }. They are sent again: check its `backchannel_logout_uri`, and that this server can reach it.
admin-doctor-log-out-untried = Logout tokens for the client `{ $name }` that were not tried for ten minutes: { $count }. See that a server runs, that it can look up the host of its `backchannel_logout_uri`, and that it is not kept waiting by other tokens for it.
admin-doctor-passkeys = Passkeys that were made for another host, and do not work under `public_url`: { $count }. Set it back, or let their owners sign in by a recovery code or an authenticator app and add new ones.
admin-doctor-assurance-roles = `login.mfa` is off, so that users without a second factor cannot add one, and never have the roles that need `aal2` or `phr` ({ $name }). Set `login.mfa = "optional"`, or lower the `acr` of these roles.
admin-doctor-assurance-clients = `login.mfa` is off, so that users without a second factor cannot add one, and never sign in through the clients that need `aal2` ({ $detail }). Set `login.mfa = "optional"`, or lower the `acr` of these clients.
admin-doctor-assurance-both = `login.mfa` is off, so that users without a second factor cannot add one. They never have the roles that need `aal2` or `phr` ({ $name }), and never sign in through the clients that need `aal2` ({ $detail }). Set `login.mfa = "optional"`, or lower the `acr` of them.
admin-doctor-look = `pages.clients` has a look for `{ $name }`, and there is no such client: `rolecall client list` shows the ids.
admin-doctor-clock-jumped = The clock of the database jumped by { $count } s, noticed at { $name }: nothing is deleted on its word. Set it right, or leave a server running until it trusts the time.
admin-doctor-clock-differs = This clock differs from that of the database by { $name } s: synchronize both.
admin-doctor-clock-behind = The newest change is dated { $name }, in the future: this clock or the clock of another node is wrong.
admin-doctor-unreadable = The database could not be read: { $detail }
