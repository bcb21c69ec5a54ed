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
