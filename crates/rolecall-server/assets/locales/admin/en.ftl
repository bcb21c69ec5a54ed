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
admin-done-role-created = The role is created.
admin-done-role-deleted = The role is deleted.
admin-nav-start = Start
admin-nav-users = Users
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
