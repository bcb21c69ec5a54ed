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
