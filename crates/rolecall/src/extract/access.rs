use crate::Rule;

/// A handler argument that states who may call the handler.
///
/// [`Require`](crate::Require), [`Fresh`](crate::Fresh), [`Authenticated`](crate::Authenticated),
/// [`Optional`](crate::Optional) and [`Public`](crate::Public) implement it. An extractor of your own implements it by naming one of them; the router
/// enforces that rule before the extractor runs.
///
/// ```
/// use axum::extract::FromRequestParts;
/// use http::request::Parts;
/// use rolecall::{Access, Denial, Require};
///
/// rolecall::roles! { mod role { User = "user" } }
///
/// struct CurrentCustomer { name: String }
///
/// impl Access for CurrentCustomer {
///     type Rule = Require<role::User>;
/// }
///
/// impl<S: Send + Sync> FromRequestParts<S> for CurrentCustomer {
///     type Rejection = Denial;
///     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denial> {
///         let caller = Require::<role::User>::from_request_parts(parts, state).await?;
///         Ok(Self { name: caller.username().to_owned() })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler does not say who may call it: take `Public`, `Authenticated` or `Require<_>`",
    label = "this says nothing about who may call the handler",
    note = "the rule stands first, before the arguments that read the request: `(caller: Require<_>, Json(body): Json<_>)`",
    note = "an extractor of your own states it with `impl rolecall::Access for ItsType {{ type Rule = Require<_>; }}`"
)]
pub trait Access {
    /// The rule, given by one of rolecall's own extractors.
    type Rule: AccessRule;
}

impl<T: Access> Access for Option<T>
where
    Self: OptionalRule,
{
    type Rule = T::Rule;
}

/// Implemented by nothing: an access rule that may or may not hold is none.
#[diagnostic::on_unimplemented(
    message = "`Option<_>` around an access rule guards nothing",
    label = "neither admits nor refuses",
    note = "to serve callers with and without a token take `rolecall::Optional`, and ask its `principal()` for roles and permissions"
)]
pub trait OptionalRule {}

/// An extractor of rolecall with an access rule.
pub trait AccessRule: sealed::Sealed {
    /// The rule as a value.
    const RULE: Rule;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// The arguments of a handler, up to 16, whose first one implements [`Access`].
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler does not say who may call it: take `Public`, `Authenticated` or `Require<_>`",
    label = "a handler without arguments says nothing about who may call it"
)]
pub trait GuardedArgs {
    /// The rule of the first argument.
    const RULE: Rule;
}

macro_rules! guarded_args {
    ($($rest:ident),*) => {
        impl<M, First: Access, $($rest),*> GuardedArgs for (M, First, $($rest,)*) {
            const RULE: Rule = <First::Rule as AccessRule>::RULE;
        }
    };
}

guarded_args!();
guarded_args!(A2);
guarded_args!(A2, A3);
guarded_args!(A2, A3, A4);
guarded_args!(A2, A3, A4, A5);
guarded_args!(A2, A3, A4, A5, A6);
guarded_args!(A2, A3, A4, A5, A6, A7);
guarded_args!(A2, A3, A4, A5, A6, A7, A8);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15);
guarded_args!(
    A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16
);
