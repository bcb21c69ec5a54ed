//! Two routes of which a router can have only one.

use crate::routing::methods::MethodRule;

/// The crate of rolecall's own routes, as it begins the names of their handlers.
const OWN_ROUTES: &str = "rolecall_server::";

/// A path and the rules of its methods.
pub(super) struct Routed<'a> {
    pub(super) path: &'a str,
    pub(super) rules: &'a [MethodRule],
}

/// Panics if `new` cannot be added to `known`, whose path has the same shape, and says what to do.
#[track_caller]
pub(super) fn refuse(known: &Routed<'_>, new: &Routed<'_>, has_same_guard: bool) {
    let way_out = way_out(known, new);
    let (path, other) = (known.path, new.path);
    assert!(
        path == other,
        "`{path}` and `{other}` conflict, since they match the same requests: {way_out}"
    );
    for rule in new.rules {
        let first = known.rules.iter().find(|known| known.method == rule.method);
        assert!(
            first.is_none(),
            "`{} {path}` has two handlers, {} and {}: {way_out}",
            rule.method,
            first.map_or("", |known| known.handler),
            rule.handler,
        );
    }
    assert!(
        has_same_guard,
        "the methods of a path must have the same guard, and `{path}` has two: {way_out}"
    );
}

/// Returns the advice, which is more exact if one of the routes is rolecall's own.
fn way_out(known: &Routed<'_>, new: &Routed<'_>) -> &'static str {
    let mut rules = known.rules.iter().chain(new.rules);
    if rules.any(|rule| rule.handler.starts_with(OWN_ROUTES)) {
        "one of them is rolecall's own; choose another path for yours, or put rolecall's routes under a prefix with \
         `login.with_application(routes).nest(\"/auth\").routes()`"
    } else {
        "choose another path for one of them, or put one of the routers under a prefix with `nest`"
    }
}
