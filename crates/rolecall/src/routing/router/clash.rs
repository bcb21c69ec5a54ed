//! Two routes of which a router can have only one.

use super::{GuardedRoute, RouteAccess};

/// The crate of rolecall's own routes, as it begins the names of their handlers.
const OWN_ROUTES: &str = "rolecall_server::";

/// Returns true if every request for one path could be one for the other: they differ at most in the names of parameters.
pub(super) fn is_same_shape(one: &str, other: &str) -> bool {
    let shape = |segment: &'_ str| match segment.strip_prefix('{') {
        Some(rest) if rest.starts_with('*') => "{*}",
        Some(_) if segment.ends_with('}') => "{}",
        _ => "",
    };
    let (mut left, mut right) = (one.split('/'), other.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) => {
                let shapes = (shape(one), shape(other));
                if shapes.0 != shapes.1 || (shapes.0.is_empty() && one != other) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

impl RouteAccess {
    /// Returns true if a route cannot be at `path` beside this one: the two differ at most in the names of parameters.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        is_same_shape(&self.path, path)
    }
}

/// Panics if `new` cannot be added to `known`, which has a path of the same shape, and says what to do.
#[track_caller]
pub(super) fn refuse<S>(known: &GuardedRoute<S>, new: &GuardedRoute<S>) {
    let way_out = way_out(known, new);
    let (path, other) = (&known.path, &new.path);
    assert!(
        path == other,
        "`{path}` and `{other}` conflict, since they match the same requests: {way_out}"
    );
    for rule in &new.methods.rules {
        let rules = &mut known.methods.rules.iter();
        let first = rules.find(|known| known.method == rule.method);
        assert!(
            first.is_none(),
            "`{} {path}` has two handlers, {} and {}: {way_out}",
            rule.method,
            first.map_or("", |known| known.handler),
            rule.handler,
        );
    }
    assert!(
        known.guard.is_same_as(&new.guard),
        "the methods of a path must have the same guard, and `{path}` has two: {way_out}"
    );
}

/// Returns the advice, which is more exact if one of the routes is rolecall's own.
fn way_out<S>(known: &GuardedRoute<S>, new: &GuardedRoute<S>) -> String {
    let rules = known.methods.rules.iter().chain(&new.methods.rules);
    let mut handlers = rules.map(|rule| rule.handler);
    if handlers.any(|handler| handler.starts_with(OWN_ROUTES)) {
        "one of them is rolecall's own; choose another path for yours, or put rolecall's routes under a prefix with \
         `login.with_application(routes).nest(\"/auth\").routes()`"
            .to_owned()
    } else {
        "choose another path for one of them, or put one of the routers under a prefix with `nest`"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_by_table() {
        for (one, other, same) in [
            ("/x", "/x", true),
            ("/x", "/y", false),
            ("/x", "/x/", false),
            ("/x/{id}", "/x/{name}", true),
            ("/x/{id}", "/x/me", false),
            ("/x/{id}", "/x/{*rest}", false),
            ("/x/{*path}", "/x/{*rest}", true),
            ("/x/{id}/a", "/x/{name}/b", false),
            ("/x/{id}/a", "/x/{name}/a", true),
        ] {
            assert_eq!(is_same_shape(one, other), same, "{one} {other}");
            assert_eq!(is_same_shape(other, one), same, "{other} {one}");
        }
    }
}
