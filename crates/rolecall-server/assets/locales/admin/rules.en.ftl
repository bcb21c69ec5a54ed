admin-nav-matrix = Permissions by role
admin-nav-hierarchy = Hierarchy
admin-nav-constraints = Constraints
admin-nav-requests = Requests
admin-nav-decisions = May they?
admin-nav-policy = Policy
admin-change = Change
admin-save = Save
admin-back = Back
admin-show = Show
admin-more = More
admin-matrix-preview = Preview of the change
admin-done-policy = The policy is changed. Tokens that hold more than they may are refused from now on.
admin-done-constraint-created = The constraint is in force.
admin-done-constraint-deleted = The constraint is deleted.
admin-done-request-confirmed = Confirmed. The role works with the next token.
admin-done-request-ended = The request is ended. Nobody got the role by it.
admin-policy-changed = Somebody else has changed it since this page was shown, and nothing was saved. Look at it again.
admin-nothing-changed = Nothing is changed: tick or untick a cell first.
admin-too-many-cells = These are too many cells for one preview. Save some of them first, or edit the policy as a document.
admin-no-role = Enter the name of a role, such as editor.
admin-no-role-name = This is not the name of a role: { $name }
admin-no-number = Enter a whole number, 1 or more.
admin-no-constraint-name = Enter a name of lower-case letters, digits, dots, dashes and underscores.
admin-confirm-first = Tick the box first. Nothing was deleted.
admin-no-time = Enter a date and a time, or nothing.
admin-no-user = Enter a user name, or the id of a user.
admin-no-need = Enter a permission such as items:read, or role: and the name of a role.
admin-no-tenant-name = This is not the name of a tenant.
admin-no-receipt = Paste the receipt that the refusal had.
admin-sign-in-first = You signed in more than 15 minutes ago. Sign in again, then press the button once more.
admin-sign-in-beside = Sign in again in a new tab; this page keeps your document
admin-plan-changes = Changes
admin-plan-nothing = This is the policy that is in force. Nothing would change.
admin-plan-people = Who gains and who loses
admin-plan-counts = { $gaining ->
    [0] Nobody gains anything
    [one] One user or client gains something
   *[other] { $gaining } users and clients gain something
}, { $losing ->
    [0] and nobody loses anything.
    [one] and one loses something.
   *[other] and { $losing } lose something.
}
admin-plan-no-names = Your roles do not allow you to see who they are.
admin-plan-who = User or client
admin-plan-roles = Roles that change
admin-plan-more-roles = { $count ->
    [one] One more role changes.
   *[other] { $count } more roles change.
}
admin-plan-more-changes = { $count ->
    [one] One more change is not listed.
   *[other] { $count } more changes are not listed.
}
admin-gains = Gains
admin-loses = Loses
admin-needs-more = Needs a stronger sign-in:
admin-diff-added = Added:
admin-diff-removed = Removed:
admin-diff-changed = Changed:
admin-matrix-lead = Tick what a role holds itself. Nothing is saved before you have seen who gains and who loses what.
admin-matrix-hint = A note below a box says where the role has the permission from anyway. The column with the star holds all permissions of the object, also those that come later.
admin-matrix-empty = There are no permissions yet. Write the first ones into the policy.
admin-matrix-no-roles = No role fits. Clear the filter, or create a role.
admin-object = Object
admin-roles-that-contain = Roles whose name contains
admin-by = by { $name }
admin-columns = Columns
admin-columns-before = Columns before
admin-columns-after = More columns
admin-preview-lead = This is what happens when you save. Nothing is changed yet.
admin-hierarchy-lead = Each role also has what the roles right of it have.
admin-hierarchy-around = Only what is above and below the role
admin-hierarchy-all = All roles
admin-hierarchy-unknown = There is no role { $role }.
admin-hierarchy-empty = There are no roles yet. Write the first ones into the policy.
admin-hierarchy-picture = Picture
admin-hierarchy-title = The hierarchy of { $count ->
    [one] one role
   *[other] { $count } roles
}. It stands below as a list, too.
admin-hierarchy-crowded = { $count } roles are too many for a picture. Enter one of them above to see what is around it.
admin-hierarchy-list = List
admin-hierarchy-above = shown further up with what it inherits
admin-hierarchy-more = { $count ->
    [one] One more line is not listed. Enter a role above.
   *[other] { $count } more lines are not listed. Enter a role above.
}
admin-policy-lead = All rules in one document, without users. Plan it, look at who gains and who loses what, then put it in force.
admin-policy-history = History
admin-policy-lines = Where the document is wrong
admin-policy-too-long = The policy is longer than a form can be. Use the command line:
admin-policy-document = Document
admin-policy-plan = Plan
admin-policy-apply = Put in force
admin-policy-hint = Written in TOML. Putting it in force replaces the whole policy in one step, or changes nothing.
admin-history-lead = Documents that were in force, the newest first. Go back to one, or see what it changed.
admin-history-empty = There is no earlier policy yet.
admin-revision = Version
admin-version = Revision { $revision }
admin-time = Time
admin-size = Size
admin-state = State
admin-bytes = { $count } bytes
admin-version-effects = Show what going back would do
admin-version-changed = What it changed
admin-version-oldest = It is the oldest version that is kept.
admin-version-same = It changed no rule.
admin-version-back = Go back to it
admin-version-back-text = The rules of this version would replace those in force. Who has which role stays as it is.
admin-go-back = Go back to this version
admin-constraints-lead = Constraints keep roles apart: who may order must not also pay.
admin-constraints-empty = No roles are kept apart.
admin-constraint = Constraint
admin-constraint-new = New constraint
admin-constraint-meaning = Meaning
admin-constraint-static = { $count ->
    [one] Nobody can have more than one of these roles.
   *[other] Nobody can have more than { $count } of these roles.
}
admin-constraint-session = { $count ->
    [one] In one session, only one of these roles can be active.
   *[other] In one session, only { $count } of these roles can be active.
}
admin-constraint-subject = { $count ->
    [one] At one time, somebody can use only one of these roles, in all sessions together.
   *[other] At one time, somebody can use only { $count } of these roles, in all sessions together.
}
admin-constraint-roles = Roles
admin-constraint-roles-hint = One role in a line, two or more.
admin-constraint-at-most = At most so many of them together
admin-constraint-kind = What is kept apart
admin-constraint-kind-static = To have the roles (static)
admin-constraint-kind-dynamic = To use the roles at the same time (dynamic)
admin-constraint-counts = What a dynamic constraint counts
admin-constraint-per-session = The roles of one session
admin-constraint-per-subject = The roles of all sessions of somebody together
admin-constraint-breaks = If somebody breaks it already, nothing is saved, and you see who it is.
admin-constraint-delete-text = Nobody loses anything. From then on, these roles can be given and used together.
admin-constraint-delete-confirm = Delete { $name }
admin-requests-lead = These roles wait until a second person confirms them.
admin-requests-empty = Nothing waits for a second person.
admin-request = Request
admin-request-for = { $role } for { $name }
admin-request-new = Ask for a role
admin-request-hint = A role that needs a second person waits for one. Any other is assigned at once.
admin-request-confirm = Confirm
admin-request-reject = Reject
admin-request-withdraw = Withdraw
admin-request-own-text = You have asked for this yourself, so that somebody else has to confirm it.
admin-request-confirm-text = After you confirm it, the role works with the next token.
admin-asked-by = Asked by
admin-for = For
admin-request-from = From
admin-request-until = Until
admin-request-until-utc = Until (in UTC; empty for no end)
admin-ask = Ask
admin-user-or-id = User name or id
admin-decisions-lead = Ask what somebody may do, and why. The answer is what the database says now.
admin-yes = Yes
admin-no = No
admin-answer-allowed = { $name } may: { $need }
admin-answer-denied = { $name } may not: { $need }
admin-answer-refusal = A token was refused at this time. The answer is what the database says now about that time.
admin-ask-may = Ask
admin-ask-button = Ask
admin-need = Permission or role
admin-need-hint = A role is written as
admin-at-utc = At (in UTC; empty for now)
admin-session-acr = Strength of the sign-in
admin-any-session = any
admin-look-up = Look up a refusal
admin-look-up-text = An answer 403 has a receipt, which holds who was refused, what for, and when.
admin-receipt-label = Receipt
admin-look-up-button = Look up
admin-step-need-met = { $need } is held:
admin-step-need-unmet = { $need } is not held:
admin-step-status = The account cannot be used:
admin-step-assignment = The role { $role } is assigned.
admin-step-given = given by { $by } at
admin-step-inheritance = It inherits:
admin-step-grant = The role { $role } holds { $permission }.
admin-step-assurance = The role { $role } counts only in sessions with { $needed }.
admin-step-present = This session has { $present }.
admin-step-missing = { $need } is missing.
admin-step-unknown = { $need } does not exist.
admin-step-would-give = These roles would give it:
admin-step-may-give = Who can assign { $role }
admin-step-nobody = nobody
admin-step-not-listed = { $count ->
    [one] One more lost assignment is not listed.
   *[other] { $count } more lost assignments are not listed.
}
admin-lost-expired = The assignment has ended:
admin-lost-not_yet_valid = The assignment has not begun:
admin-lost-other_tenant = The assignment is for another tenant:
admin-lost-global_only = It counts only without a tenant:
admin-lost-unassigned = The role was taken away:
admin-lost-narrowed = The token was made for less than the user holds.
admin-lost-sign_in_too_old = The sign-in was too long ago for this. The user can sign in again.
admin-lost-token_is_older = The token is older than the assignment. The next token has it.
admin-done-permission-created = The permission is created. Add it to a role.
admin-done-permission-deleted = The permission is deleted.
admin-no-permission-name = Enter an object and an action with a colon in between, such as items:read, of lower-case letters, digits, dots, dashes and underscores.
admin-permission-list = Permissions
admin-permission-list-lead = A permission is what a route asks for. People have it by the roles that give it.
admin-no-more-permissions = No further permissions.
admin-permission-new = New permission
admin-permission-roles = Roles that give it
admin-permission-no-role = No role gives it yet. Add it to one on the page of the role.
admin-permission-delete-text = No role gives it. Routes that ask for it let nobody in.
admin-permission-delete-loses = These roles give it by a wildcard and lose it; tokens that rest on it are refused at once.
admin-permission-held = It can be deleted once no role holds it by its name.
