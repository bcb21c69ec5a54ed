//! Access rules as types: roles, permissions, and their combinations.

use std::marker::PhantomData;

use crate::Rule;

/// A role as a type, implemented by [`roles!`](crate::roles).
pub trait Role: Requirement {
    /// The name of the role.
    const NAME: &'static str;
}

/// A permission as a type, implemented by [`permissions!`](crate::permissions).
pub trait PermissionName: Requirement {
    /// The name of the permission, `object:operation`.
    const NAME: &'static str;
}

/// A type parameter for [`Require<_>`](crate::Require): a role, a permission, [`AnyOf`] or [`AllOf`].
///
/// An implementation of your own cannot make a route public that looks guarded:
///
/// ```compile_fail,E0080
/// use rolecall::{AccessRule, Require, Requirement, Rule};
///
/// struct Open;
/// impl Requirement for Open {
///     const RULE: Rule = Rule::Public;
/// }
/// const _: Rule = <Require<Open> as AccessRule>::RULE;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an access rule",
    label = "not a role or permission, and no combination of them",
    note = "declare roles and permissions with `rolecall::roles!` and `rolecall::permissions!`, and write `Require<role::Admin>`",
    note = "combine several in a tuple: `Require<AnyOf<(A, B)>>` needs one of them, `Require<AllOf<(A, B)>>` all of them"
)]
pub trait Requirement: Send + Sync + 'static {
    /// The requirement as a value.
    const RULE: Rule;
}

/// A type that a nested [`AnyOf`] or [`AllOf`] can contain: a role or a permission.
#[diagnostic::on_unimplemented(
    message = "`AnyOf` and `AllOf` nest at most 2 deep, and hold only roles and permissions"
)]
pub trait Term: Clause {}

/// A type that [`AnyOf`] and [`AllOf`] can contain: a role, a permission, or one of these two made of [`Term`]s.
#[diagnostic::on_unimplemented(
    message = "`AnyOf` and `AllOf` nest at most 2 deep, and hold only roles and permissions"
)]
pub trait Clause: Requirement {}

/// Needs at least one of a tuple of up to 8 roles and permissions: `AnyOf<(role::Admin, may::ReadItems)>`.
pub struct AnyOf<T>(PhantomData<fn() -> T>);

/// Needs all of a tuple of up to 8 roles and permissions: `AllOf<(role::Editor, may::WriteItems)>`.
pub struct AllOf<T>(PhantomData<fn() -> T>);

/// The rules of the elements of a tuple.
trait Rules {
    const RULES: &'static [Rule];
}

macro_rules! tuples {
    ($($first:ident $(, $rest:ident)*;)*) => {$(
        impl<$first: Requirement, $($rest: Requirement),*> Rules for ($first, $($rest,)*) {
            const RULES: &'static [Rule] = &[$first::RULE, $($rest::RULE),*];
        }

        impl<$first: Clause, $($rest: Clause),*> Requirement for AnyOf<($first, $($rest,)*)> {
            const RULE: Rule = Rule::AnyOf(<($first, $($rest,)*) as Rules>::RULES);
        }
        impl<$first: Term, $($rest: Term),*> Clause for AnyOf<($first, $($rest,)*)> {}

        impl<$first: Clause, $($rest: Clause),*> Requirement for AllOf<($first, $($rest,)*)> {
            const RULE: Rule = Rule::AllOf(<($first, $($rest,)*) as Rules>::RULES);
        }
        impl<$first: Term, $($rest: Term),*> Clause for AllOf<($first, $($rest,)*)> {}
    )*};
}

tuples! {
    A;
    A, B;
    A, B, C;
    A, B, C, D;
    A, B, C, D, E;
    A, B, C, D, E, F;
    A, B, C, D, E, F, G;
    A, B, C, D, E, F, G, H;
}

/// Returns true if all `names` are different.
#[doc(hidden)]
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "bounded by the loops; const fn has no iterators"
)]
pub const fn are_distinct(names: &[&str]) -> bool {
    let mut first = 0;
    while first < names.len() {
        let mut second = first + 1;
        while second < names.len() {
            if are_equal(names[first].as_bytes(), names[second].as_bytes()) {
                return false;
            }
            second += 1;
        }
        first += 1;
    }
    true
}

#[expect(
    clippy::indexing_slicing,
    reason = "bounded by the lengths compared above; const fn has no iterators"
)]
const fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Declares a module with a type for each role, for use in [`Require<_>`](crate::Require), and their names in `ALL`.
///
/// An invalid or duplicate name is a compile error.
///
/// ```
/// rolecall::roles! {
///     /// The roles of this application.
///     pub mod role { Admin = "admin", User = "user" }
/// }
///
/// assert_eq!(role::ALL, ["admin", "user"]);
/// assert_eq!(<role::Admin as rolecall::Role>::NAME, "admin");
/// ```
#[macro_export]
macro_rules! roles {
    ($(#[$meta:meta])* $vis:vis mod $module:ident { $($(#[$doc:meta])* $role:ident = $name:literal),+ $(,)? }) => {
        $crate::__names! {
            [Role, is_name, "the role", "a name of a role: use 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"]
            $(#[$meta])* $vis mod $module { $($(#[$doc])* $role = $name),+ }
        }
    };
}

/// Declares a module with a type for each permission, for use in [`Require<_>`](crate::Require), and their names in
/// `ALL`.
///
/// An invalid or duplicate name is a compile error.
///
/// ```
/// rolecall::permissions! { pub mod may { ReadItems = "items:read", WriteItems = "items:write" } }
///
/// assert_eq!(may::ALL, ["items:read", "items:write"]);
/// ```
#[macro_export]
macro_rules! permissions {
    ($(#[$meta:meta])* $vis:vis mod $module:ident { $($(#[$doc:meta])* $permission:ident = $name:literal),+ $(,)? }) => {
        $crate::__names! {
            [PermissionName, is_permission, "the permission", "a permission: write `object:operation`, each 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the object not `role`"]
            $(#[$meta])* $vis mod $module { $($(#[$doc])* $permission = $name),+ }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __names {
    ([$kind:ident, $check:ident, $what:literal, $fault:literal] $(#[$meta:meta])* $vis:vis mod $module:ident { $($(#[$doc:meta])* $type:ident = $name:literal),+ }) => {
        $(#[$meta])*
        #[doc = "\n\nTypes for access rules, each with its name."]
        $vis mod $module {
            $(
                #[doc = concat!("Represents ", $what, " `", $name, "`.")]
                $(#[$doc])*
                #[derive(Clone, Copy, Debug)]
                pub struct $type;

                const _: () = assert!($crate::$check($name), concat!("`", $name, "` is not ", $fault));

                impl $crate::$kind for $type {
                    const NAME: &'static str = $name;
                }
                impl $crate::Requirement for $type {
                    const RULE: $crate::Rule = $crate::__rule!($kind, $name);
                }
                impl $crate::Term for $type {}
                impl $crate::Clause for $type {}
            )+

            /// All names of this module, in the order of their declaration.
            pub const ALL: &[&str] = &[$($name),+];

            const _: () = assert!($crate::are_distinct(ALL), "a name is declared twice");
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __rule {
    (Role, $name:literal) => {
        $crate::Rule::Role($name)
    };
    (PermissionName, $name:literal) => {
        $crate::Rule::Permission($name)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::roles! {
        #[expect(unreachable_pub, reason = "the macro writes `pub` in case the module is public")]
        mod role { Admin = "admin", User = "user" }
    }
    crate::permissions! {
        #[expect(unreachable_pub, reason = "the macro writes `pub` in case the module is public")]
        mod may { Read = "items:read" }
    }

    #[test]
    fn types_have_the_rules_that_they_name() {
        assert_eq!(role::Admin::RULE, Rule::Role("admin"));
        assert_eq!(may::Read::RULE, Rule::Permission("items:read"));
        assert_eq!(
            <AnyOf<(role::Admin, AllOf<(role::User, may::Read)>)>>::RULE,
            Rule::AnyOf(&[
                Rule::Role("admin"),
                Rule::AllOf(&[Rule::Role("user"), Rule::Permission("items:read")])
            ])
        );
        assert_eq!(
            <AllOf<(role::Admin,)>>::RULE,
            Rule::AllOf(&[Rule::Role("admin")])
        );
    }

    #[test]
    fn are_distinct_finds_duplicates() {
        assert!(are_distinct(&["a", "b", "ab", ""]));
        assert!(!are_distinct(&["a", "b", "a"]));
        assert!(are_distinct(&[]));
    }
}
