//! The access rule of a route.

use http::Method;

use crate::Rule;

/// A route and method, and the access rule for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteAccess {
    /// The path including prefixes, or the prefix of routes that `merge_public` added.
    pub path: String,
    /// The method; `None` for routes that `merge_public` added, which are not known.
    pub method: Option<Method>,
    /// The access rule.
    pub rule: Rule,
    /// The name of the handler's type, or the name given to `merge_public`.
    pub handler: String,
}

impl RouteAccess {
    /// Creates the access of a route of another framework. `handler` is the name of its handler.
    #[must_use]
    pub fn new(
        method: Method,
        path: impl Into<String>,
        rule: Rule,
        handler: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            method: Some(method),
            rule,
            handler: handler.into(),
        }
    }

    /// Returns true if a route cannot be at `path` beside this one: the two differ at most in the names of parameters.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        is_same_shape(&self.path, path)
    }
}

/// Returns true if every request for one path could be one for the other: they differ at most in the names of parameters.
pub(super) fn is_same_shape(one: &str, other: &str) -> bool {
    // every route is compared with every other when a server starts
    match (one.contains('{'), other.contains('{')) {
        (false, false) => return one == other,
        (true, true) => {}
        _ => return false,
    }
    let shape = |segment: &str| match segment.strip_prefix('{') {
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
