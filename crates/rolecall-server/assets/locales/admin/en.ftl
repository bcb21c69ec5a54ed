admin-nobody = Nothing to administrate
admin-nobody-text = This account has no role for these pages. Ask an administrator for one, or sign in with another account.
admin-skip = Skip to the content
admin-navigation = Administration
admin-pages = Pages of the list
admin-first-page = First page
admin-next-page = Next page
admin-in-tenant = Tenant { $tenant }
admin-in-no-tenant = All tenants
admin-tenant = Tenant
admin-tenant-title = Where to act
admin-tenant-lead = In a tenant, your roles there count too, and what you do is for that tenant.
admin-act-there = Act there
admin-faults = This cannot be done yet:
admin-exceeds = You can only give, change or take what you hold yourself. You lack: { $name }
admin-too-many = Too many tries. Try again in { $name } seconds.
admin-unknown = Not found
admin-unknown-text = It does not exist, or not any more.
admin-forbidden = Not permitted
admin-forbidden-text = Your roles do not allow this.
admin-refused = This cannot be done
admin-refused-text = Nothing was changed.
admin-too-large = This form is too long
admin-too-large-text = Nothing was changed. Choose or enter less at a time, and send it again.
admin-lacking = Missing:
admin-receipt = Give this receipt to another administrator, who can see with it what is missing:
admin-to-start = Back to the start
admin-done-saved = Saved.
admin-done-tenant = You act there from now on.
admin-done-user-disabled = The user is disabled. All sessions have ended.
admin-done-user-enabled = The user can sign in again.
admin-done-user-deleted = The user is deleted.
admin-done-assigned = The role is assigned. It works with the next token.
admin-done-requested = A second person has to confirm the role.
admin-done-unassigned = The role is taken away. Tokens with it are refused from now on.
admin-done-ended = Ended. Tokens of it are refused from now on.
admin-done-mailed = A link was sent to the verified address of the user.
admin-done-bulk = Done for everybody in the selection.
admin-done-invitation-withdrawn = The invitation is withdrawn. Its link does not work any more.
admin-done-role-created = The role is created.
admin-done-role-deleted = The role is deleted.
admin-nav-start = Start
admin-nav-users = Users
admin-nav-invitations = Invitations
admin-start-lead = What needs doing, and what happened.
admin-todo = To do
admin-todo-nothing = Nothing needs doing.
admin-todo-requests = { $count ->
    [one] One role waits for a second person
   *[other] { $count } roles wait for a second person
}{ $name }
admin-todo-expiring = { $count ->
    [one] One role assignment ends within a week
   *[other] { $count } role assignments end within a week
}{ $name }
admin-todo-mails = { $count ->
    [one] One mail could not be sent
   *[other] { $count } mails could not be sent
}: { $name }
admin-todo-one-administrator = There is only one administrator. Give a second person the role { $name }, so that nobody is locked out.
admin-day = The last 24 hours
admin-day-counts = Sign-ins: { $signed_in }. Refusals: { $refused }.
admin-day-plot = Bars by hour: { $signed_in } sign-ins and { $refused } refusals in the last 24 hours
admin-signed-in = Sign-ins
admin-refusals = Refusals
admin-keys-age = Signing keys in use
admin-key-days = { $days ->
    [0] since today
    [one] for one day
   *[other] for { $days } days
}
admin-changes = Last changes
admin-users-lead = Find somebody by a part of the name or address.
admin-new-user = New user
admin-search = Search
admin-status = Status
admin-any = Any
admin-status-active = Active
admin-status-disabled = Disabled
admin-status-password_change_required = Has to choose a password
admin-role = Role
admin-roles = Roles
admin-without-factor = Without a second factor
admin-find = Find
admin-clear = Show all
admin-choose = Choose
admin-choose-all = Choose all on this page
admin-choose-user = Choose { $name }
admin-user-name = User name
admin-verified = verified
admin-none = None
admin-more-roles = { $count ->
    [one] and one more
   *[other] and { $count } more
}
admin-never = Never
admin-factors = Second factors
admin-last-sign-in = Last sign-in
admin-created = Created
admin-updated = Changed
admin-id = Id
admin-with-chosen = With those chosen
admin-action = Action
admin-bulk-assign = Give a role
admin-bulk-unassign = Take a role away
admin-bulk-disable = Disable
admin-until-utc = Until (UTC)
admin-preview = Preview
admin-no-users-found = Nobody matches. Search for less of the name, or show all.
admin-no-users = There is nobody yet. Create the first user.
admin-bulk-lead = { $count ->
    [0] Nothing would change.
    [one] This changes one user. Nothing has happened yet.
   *[other] This changes { $count } users. Nothing has happened yet.
}
admin-bulk-done = { $count ->
    [0] Nothing was changed.
    [one] Done for one user.
   *[other] Done for { $count } users.
}
admin-what-happened = What happened
admin-what-will-happen = What will happen
admin-will-assign = Gets the role
admin-will-change-role = Has the role with other times, and gets these
admin-will-request = Gets the role when a second person confirms it
admin-has-role = Has the role already
admin-will-unassign = Loses the role; tokens with it are refused at once
admin-lacks-role = Does not have the role
admin-will-disable = Is signed out and cannot sign in
admin-is-disabled = Is disabled already
admin-did = Done
admin-did-request = Waits for a second person
admin-did-not = Not done:
admin-bulk-stopped = You may no longer do that.
admin-nobody-chosen = Choose at least one user.
admin-cancel = Cancel
admin-confirm-lead = This is what will happen:
admin-final = This cannot be undone.
admin-do-it = Do it
admin-disable-user = Disable { $name }
admin-enable-user = Enable { $name }
admin-reset-user = Reset the password of { $name }
admin-delete-user = Delete { $name }
admin-end-sessions = End sessions of { $name }
admin-remove-factor = Remove a second factor of { $name }
admin-unassign-role = Take the role { $name } away
admin-delete-role = Delete the role { $name }
admin-let-any-sign-in = Let any sign-in have the role { $name }
admin-require-factor = Require a second factor for the role { $name }
admin-require-passkey = Require a passkey for the role { $name }
admin-effect-signed-out = { $count ->
    [0] Every browser is signed out, and all tokens are refused at once.
    [one] Every browser is signed out, one session of an application ends, and all tokens are refused at once.
   *[other] Every browser is signed out, { $count } sessions of applications end, and all tokens are refused at once.
}
admin-effect-one-session = The session { $name } ends.
admin-effect-one-browser = The browser { $name } is signed out, and the sessions of applications that were opened in it end, except those that may go on without the user (offline_access).
admin-effect-no-sign-in = Nobody can sign in with the account.
admin-undo = Undo
admin-kept = The form has what was entered before the sign-in. Nothing of it is saved yet: look at it again before you save it.
admin-effect-oneself = It is your own account: another administrator would have to enable it again.
admin-effect-can-undo = You can undo it.
admin-effect-sign-in-again = The user can sign in again.
admin-effect-password-gone = The present password stops working.
admin-effect-code-shown = You get a one-time code for the user, which is shown once.
admin-effect-link-mailed = A link to a new password goes to the verified address of the user.
admin-effect-roles-gone = { $count ->
    [0] The account has no role.
    [one] One role assignment goes.
   *[other] { $count } role assignments go.
}
admin-effect-account-gone = The account, its factors and its consents are deleted.
admin-effect-audit-stays = The audit log keeps what the account did.
admin-effect-factor-gone = The factor { $name } stops working.
admin-effect-tokens-refused = Tokens that rest on it are refused at once.
admin-effect-loses-role = { $name } loses the role, and what only this role gives.
admin-effect-holders-lose = { $count ->
    [0] Nobody has the role.
    [one] One assignment of the role ends.
    [1000] 1000 assignments of the role end, or more.
   *[other] { $count } assignments of the role end.
}
admin-effect-holders-of-acr = { $count ->
    [0] Nobody has the role, and no role that somebody has inherits it.
    [one] One assignment gives the role, directly or by a role that inherits it.
   *[other] { $count } assignments give the role, directly or by a role that inherits it.
}
admin-effect-needs-acr = What it gives counts only after such a sign-in. Tokens without it are refused at once, and their holders are asked to sign in again. Whoever has no such factor yet adds one then.
admin-effect-needs-no-acr = What it gives counts after any sign-in, with a password alone, too.
admin-effect-no-password-grant = Programs that send the password themselves sign its holders in no more.
admin-effect-seniors-lose = Roles that inherit it lose what it gives: { $name }
admin-user-created = { $name } is created
admin-user-created-lead = Give this one-time code to the user, who chooses a password with it on the sign-in page. It is not shown again.
admin-user-reset = The password of { $name } is reset
admin-user-reset-lead = Give this one-time code to the user, who chooses a new password with it on the sign-in page. It is not shown again.
admin-user-invited = { $name } is invited
admin-user-invited-lead = Give this link to the user. Whoever has it can make the account, whose e-mail address is not verified. It is not shown again.
admin-mail-is-sent = The user gets a mail with what to do next.
admin-needs-confirmation = The code works when another administrator confirms it, or its owner uses a device that is known.
admin-works-until = It works until
admin-go-on = Go on
admin-assign-role = Give a role
admin-assign-lead = { $name } gets the role, and all that it gives.
admin-tenant-hint = Leave it empty to give the role everywhere.
admin-from-hint = Leave it empty if the role counts at once.
admin-until-hint = Leave it empty if the role has no end.
admin-reason = Reason
admin-wrong-role = A role has a name of lower-case letters, digits, dots, dashes and underscores.
admin-wrong-tenant = A tenant has a name of lower-case letters, digits, dots, dashes and underscores.
admin-wrong-time = Write the end as 2030-12-31T18:00, in UTC.
admin-edit-user = Name and address
admin-edit-user-lead = With another name, the user is signed out everywhere.
admin-new-user-lead = The user chooses the password.
admin-way = How the user gets in
admin-way-code = With a one-time code that you hand over
admin-way-invite = With an invitation by mail
admin-no-mail = This server sends no mail. Then only an administrator who may give all roles can pass on the link of an invitation. Create the user with a one-time code instead.
admin-way-invite-link = With an invitation link that you hand over
admin-user-name-hint = With an invitation, the user chooses the name.
admin-email = E-mail address
admin-first-role-hint = Several roles stand between spaces. You can give more later.
admin-tenant-by-invitation = Only somebody who is invited can get the first roles in one tenant. Leave it empty otherwise: a role in a tenant can be given when the user exists.
admin-invitations-lead = People who were invited and have no account yet.
admin-invitations-empty = Nobody is invited.
admin-invite = Invite somebody
admin-invitation = Invitation
admin-invitation-of = Invitation of { $name }
admin-invited-by = Invited by
admin-invitation-withdraw = Withdraw
admin-invitation-withdraw-text = After you withdraw the invitation, its link does not work any more. You can invite the same address again.
admin-create = Create
admin-edit = Edit
admin-reset = Reset password
admin-enable = Enable
admin-disable = Disable
admin-delete = Delete
admin-assignments = Roles given
admin-validity = Validity
admin-given-by = Given by
admin-everywhere = Everywhere
admin-in-force = In force
admin-not-yet = Not yet
admin-expired = Expired
admin-from = from
admin-until = until
admin-unassign = Take away
admin-no-assignments = No role yet. Give one with the button above.
admin-permissions = What the user may do, and why
admin-permission = Permission
admin-why = Why
admin-no-permissions = The user may do nothing yet.
admin-all-roles = Roles, inherited ones too
admin-by-way = by
admin-since = since
admin-last-used = last used
admin-no-factors = No second factor: the password alone opens the account.
admin-sessions = Sessions
admin-no-sessions = No application has a session of the user.
admin-browsers = Browsers that are signed in
admin-no-browsers = The user is signed in with no browser.
admin-end-all = End all sessions
admin-clients-allowed = Applications allowed
admin-no-clients-allowed = The user has allowed no application.
admin-events = Events
admin-nav-roles = Roles
admin-roles-lead = What people can be given: permissions under one name.
admin-new-role = New role
admin-permissions-own = Permissions of its own
admin-inherits = Inherits
admin-rules = Rules
admin-needs-approval = A second person confirms each assignment
admin-no-approval = One person can assign it
admin-approval = Approval
admin-acr = Sign-in needed
admin-acr-aal1 = Any sign-in
admin-acr-aal2 = With a second factor
admin-acr-phr = With a passkey
admin-wrong-acr = Choose the sign-in that is needed.
admin-no-roles = There is no role yet. Create the first one.
admin-nothing-found = Nothing matches. Search for less of it, or show all.
admin-change-contents = Change what it gives
admin-role-fixed = This role is rolecall's own: it can be given, and stays as it is.
admin-role-stays = This role is rolecall's own, and cannot be deleted.
admin-by-name = Applications check for it by name
admin-gives = What it gives
admin-reach = All permissions, inherited ones too
admin-gives-nothing = It gives nothing yet.
admin-all-juniors = All roles that it inherits
admin-seniors = Roles that inherit it
admin-holders = Who has it
admin-holder = Holder
admin-by-role = By the role
admin-a-client = client
admin-no-end = No end
admin-no-holders = Nobody has it yet. Give it on the page of a user.
admin-role-form-lead = What it gives is chosen on its own page.
admin-name = Name
admin-description = Description
admin-contents-of = What { $name } gives
admin-contents-lead = What is taken away is refused at once, to everybody who has the role.
admin-add-permission = Add the permission
admin-add-junior = Inherit the role
admin-setup = Create the first administrator
admin-setup-lead = The server has printed a one-time code when it started. With it, you create the account that can do everything.
admin-setup-code = One-time code
admin-nav-people = In this tenant
admin-people-lead = Everybody with a role in { $tenant }.
admin-no-people = Nobody has a role in this tenant yet.
admin-choose-tenant-first = Choose a tenant first:
admin-fault-unknown = { $kind ->
   *[other] no { $kind } `{ $name }`
}
admin-fault-exists = { $kind ->
   *[other] { $kind } `{ $name }` already exists
}
admin-fault-receipt = Another administrator can see with this receipt what is missing: { $name }
