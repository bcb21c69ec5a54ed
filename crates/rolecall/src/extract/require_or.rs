use std::{fmt, marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::{Admitted, Decision},
};
use crate::{Denial, Principal, Requirement, Rule};

/// A rule on data, for [`RequireOr`]: the owner of an article may change it, the members of a project see it.
///
/// The rule decides only where a handler asks it with [`RequireOr::check`].
///
/// ```
/// use rolecall::{DataRule, Principal};
///
/// struct Article { author: String }
///
/// struct Author;
/// impl DataRule for Author {
///     type Data = Article;
///     const NAME: &'static str = "author";
///     fn admits(caller: &Principal, article: &Article) -> bool {
///         caller.subject() == article.author
///     }
/// }
/// ```
pub trait DataRule: Send + Sync + 'static {
    /// The data that the rule looks at.
    type Data: ?Sized;

    /// The name of those whom the rule admits, as the access matrix shows it after `if`.
    const NAME: &'static str;

    /// Returns true if `caller` may do with `data` what the handler does.
    #[must_use]
    fn admits(caller: &Principal, data: &Self::Data) -> bool;
}

/// A caller who satisfies `R`, or whom the rule `D` admits for the data that the handler has still to load.
///
/// **The router admits every valid token**, since it does not know the data. The handler loads the data and must call
/// [`check`](Self::check) before it changes anything. The access matrix shows `if NAME` for callers without `R`.
///
/// Nothing else protects the data. If a handler succeeds without having called `check`, the answer is 500 and the log
/// names the route, but that is after the handler ran: what it changed stays changed. The test of the access matrix runs
/// no handler and does not find it. So request each such route once as a stranger in a test, and compare the data
/// afterwards. Give the argument a name such as `caller`: the compiler then warns if the handler never uses it, which it
/// does not for `_` and `_caller`.
///
/// ```
/// use rolecall::{DataRule, Denial, GuardedMethods, Principal, RequireOr, routing::put};
///
/// rolecall::roles! { mod role { Moderator = "moderator" } }
///
/// struct Article { author: String }
///
/// struct Author;
/// impl DataRule for Author {
///     type Data = Article;
///     const NAME: &'static str = "author";
///     fn admits(caller: &Principal, article: &Article) -> bool {
///         caller.subject() == article.author
///     }
/// }
///
/// async fn update_article(caller: RequireOr<role::Moderator, Author>) -> Result<String, Denial> {
///     let article = Article { author: "alice".to_owned() }; // from the database
///     let caller = caller.check(&article)?;
///     Ok(format!("{} changed it", caller.username()))
/// }
///
/// let articles: GuardedMethods = put(update_article);
/// ```
#[must_use = "nothing is decided yet: call `check` with the data before the first change"]
pub struct RequireOr<R: Requirement, D: DataRule> {
    principal: Arc<Principal>,
    decision: Decision,
    rules: PhantomData<fn() -> (R, D)>,
}

impl<R: Requirement, D: DataRule> RequireOr<R, D> {
    const HOLDERS: &'static Rule = &R::RULE;

    /// Returns the caller if they satisfy `R` or the rule admits them for `data`. Call it before the first change, and
    /// return the error with `?`.
    ///
    /// # Errors
    ///
    /// [`Denial::Forbidden`], with the scope of `R`.
    #[must_use = "a refusal has no effect unless the handler returns it: write `caller.check(&data)?`"]
    pub fn check(&self, data: &D::Data) -> Result<&Principal, Denial> {
        self.decision.make();
        if self.principal.has::<R>() || D::admits(&self.principal, data) {
            Ok(&self.principal)
        } else {
            Err(self.principal.refusal(&R::RULE))
        }
    }

    /// Returns the caller, for whom nothing but the token has been checked yet, to load the data with.
    ///
    /// This decides nothing: call [`check`](Self::check) before the first change.
    #[must_use = "this decides nothing: load the data with it, then call `check`"]
    pub fn unchecked(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Requirement, D: DataRule> Clone for RequireOr<R, D> {
    fn clone(&self) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            decision: self.decision.clone(),
            rules: PhantomData,
        }
    }
}

impl<R: Requirement, D: DataRule> fmt::Debug for RequireOr<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireOr").field(&self.principal).finish()
    }
}

impl<R: Requirement, D: DataRule> Sealed for RequireOr<R, D> {}
impl<R: Requirement, D: DataRule> Access for RequireOr<R, D> {
    type Rule = Self;
}

impl<R: Requirement, D: DataRule> AccessRule for RequireOr<R, D> {
    const RULE: Rule = {
        assert!(
            !R::RULE.admits_anonymous(),
            "`RequireOr<_, _>` cannot stand for a public route: take `Public` or `Optional`"
        );
        assert!(
            R::RULE.depth() <= 2,
            "`AnyOf` and `AllOf` nest at most 2 deep"
        );
        assert!(
            !R::RULE.needs_tenant(),
            "`RequireOr<_, _>` does not look at the path's tenant: let the rule on data compare it"
        );
        assert!(!D::NAME.is_empty(), "a `DataRule` needs a name");
        Rule::OrIf(Self::HOLDERS, D::NAME)
    };
}

impl<R: Requirement, D: DataRule, S: Send + Sync> FromRequestParts<S> for RequireOr<R, D> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        let principal = Admitted::principal(parts)?;
        // the rule is a constant whose assertions must run also where this is not the first argument
        let _ = <Self as AccessRule>::RULE;
        Ok(Self {
            principal,
            decision: Admitted::decision(parts),
            rules: PhantomData,
        })
    }
}
