//! Tries both sides of the rules on data that stand beside the handlers.

use std::sync::Arc;

use crate::{
    AccessMatrix, Caller, DataRule, Principal, RouteAccess, Rule,
    matrix::{Cell, DataSides, admission},
};

impl AccessMatrix {
    /// Adds data on both sides of the rule `D`, for [`assert`](Self::assert): `admitted` returns data for which the rule
    /// admits the caller, `refused` data for which it does not.
    ///
    /// The rule of each route with [`RequireOr<_, D>`](crate::RequireOr) is then tried with both. No handler runs, so one
    /// that forgets to call [`check`](crate::RequireOr::check) is not found: request it once as a stranger in another test.
    ///
    /// ```
    /// use rolecall::{
    ///     AccessMatrix, DataRule, Denial, GuardedRouter, Principal, RequireOr, routing::put, testing::TestIssuer,
    /// };
    ///
    /// rolecall::roles! { mod role { Moderator = "moderator" } }
    ///
    /// struct Author;
    /// impl DataRule for Author {
    ///     type Data = str;
    ///     const NAME: &'static str = "author";
    ///     fn admits(caller: &Principal, author: &str) -> bool {
    ///         caller.subject() == author
    ///     }
    /// }
    /// async fn update_article(caller: RequireOr<role::Moderator, Author>) -> Result<(), Denial> {
    ///     caller.check("anna").map(drop) // the author, from the database
    /// }
    ///
    /// let issuer = TestIssuer::new();
    /// let app: GuardedRouter = GuardedRouter::new(issuer.guard()).route("/articles/{id}", put(update_article));
    /// let matrix = AccessMatrix::of(&app).roles(role::ALL).data_rule::<Author, _>(
    ///     |caller| caller.subject().to_owned(),
    ///     |_| "somebody else".to_owned(),
    /// );
    /// assert!(matrix.to_string().ends_with("\
    /// anonymous  any token  moderator  | route
    /// 401        if author  ok         | PUT /articles/{id} for role:moderator, or if author
    /// "));
    /// ```
    #[must_use]
    pub fn data_rule<D, T>(
        mut self,
        admitted: impl Fn(&Principal) -> T + Send + Sync + 'static,
        refused: impl Fn(&Principal) -> T + Send + Sync + 'static,
    ) -> Self
    where
        D: DataRule,
        T: std::borrow::Borrow<D::Data>,
    {
        self.data_rules.push(DataSides {
            name: D::NAME,
            of: Arc::new(move |caller| {
                (
                    D::admits(caller, admitted(caller).borrow()),
                    D::admits(caller, refused(caller).borrow()),
                )
            }),
        });
        self
    }
}

/// Tries the rule on data of a route, if it has one, as a caller without the roles and permissions that make it
/// unnecessary.
pub(super) fn try_data_rule(
    matrix: &AccessMatrix,
    route: &RouteAccess,
    token: &dyn Fn(&Caller) -> String,
) -> Result<(), String> {
    let Rule::OrIf(holders, name) = route.rule else {
        return Ok(());
    };
    let stranger = Caller::default();
    if admission(holders, &stranger) != Cell::NotPermitted {
        return Err(format!(
            "`{holders}` admits everyone, so that `if {name}` decides nothing"
        ));
    }
    let sides = matrix.data_rules.iter().find(|sides| sides.name == name);
    let Some(sides) = sides else {
        return Err(format!(
            "there is no data to try `if {name}` with: build the matrix with `AccessMatrix::of(&app(issuer.guard()))`, add \
             the policy with `.document(&read_policy(\"policy.toml\"))`, and the data with \
             `.data_rule::<Rule, _>(admitted, refused)`; the documentation of the crate `rolecall` shows it"
        ));
    };
    let guard = matrix.guard.as_ref().ok_or("a matrix without a guard")?;
    let principal = guard.verify(&token(&stranger));
    let principal = principal.map_err(|denial| format!("the token is not accepted: {denial}"))?;
    match (sides.of)(&principal) {
        (true, false) => Ok(()),
        (false, _) => Err(format!("`if {name}` refuses the data that it should admit")),
        (true, true) => Err(format!("`if {name}` admits the data that it should refuse")),
    }
}
