//! The access matrix: which role may call which route.

mod caller;

#[cfg(all(feature = "axum", feature = "testing"))]
use std::sync::Arc;
use std::{collections::BTreeSet, fmt};

use http::Method;
use rolecall_core::{Acr, Policy, RoleName};

#[cfg(feature = "testing")]
use crate::Guard;
#[cfg(all(feature = "axum", feature = "testing"))]
use crate::Principal;
use crate::{RouteAccess, Rule};

pub use self::caller::Caller;

/// The access matrix of a router: which role may call which route.
///
/// It is derived from the types of the handlers. Its text is the content of `access.lock`, which `assert_access_matrix`
/// (feature `testing`) compares with the router, and for which it requests every cell.
///
/// ```
/// use rolecall::{AccessMatrix, Authenticated, GuardedRouter, Require, routing::get};
/// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
///
/// rolecall::roles! { mod role { Admin = "admin", User = "user" } }
/// async fn read_items(_: Require<role::Admin>) {}
/// async fn read_me(_: Authenticated) {}
///
/// let app: GuardedRouter = GuardedRouter::new(guard())
///     .route("/items/", get(read_items))
///     .route("/me", get(read_me));
/// let matrix = AccessMatrix::of(&app).roles(role::ALL).to_string();
/// assert!(matrix.ends_with("\
/// anonymous  any token  admin  user  | route
/// 401        403        ok     403   | GET /items/ for role:admin
/// 401        ok         ok     ok    | GET /me for any token
/// "));
/// ```
#[derive(Clone)]
pub struct AccessMatrix {
    pub(crate) routes: Vec<RouteAccess>,
    roles: Vec<String>,
    pub(crate) policy: Option<Policy>,
    /// The command that writes the file again, for its comment.
    command: String,
    /// The router, whose requests stop after the access rule.
    #[cfg(all(feature = "axum", feature = "testing"))]
    pub(crate) probe: Option<axum::Router>,
    /// The guard of the router.
    #[cfg(feature = "testing")]
    pub(crate) guard: Option<Guard>,
    #[cfg(all(feature = "axum", feature = "testing"))]
    pub(crate) data_rules: Vec<DataSides>,
}

/// Returns the results of a rule on data for a caller: with data that it should admit, and with data that it should not.
#[cfg(all(feature = "axum", feature = "testing"))]
type TryBoth = dyn Fn(&Principal) -> (bool, bool) + Send + Sync;

/// Data on both sides of a rule on data.
#[cfg(all(feature = "axum", feature = "testing"))]
#[derive(Clone)]
pub(crate) struct DataSides {
    pub(crate) name: &'static str,
    pub(crate) of: Arc<TryBoth>,
}

/// The tenant that is used for paths that name one.
pub(crate) const SOME_TENANT: &str = "rolecall-test";
/// A tenant that no path names.
pub(crate) const OTHER_TENANT: &str = "rolecall-test-other";

/// A column of the matrix.
pub(crate) struct Column {
    pub(crate) title: String,
    /// `None` for a request without a token.
    pub(crate) caller: Option<Caller>,
    /// The caller in a session of the lowest assurance, if the policy gives less to that.
    pub(crate) below: Option<Caller>,
    /// False if the role may also give permissions that are not known.
    pub(crate) complete: bool,
}

/// The result for a route and a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Admitted,
    /// Admitted with a token for the tenant that the path names.
    AdmittedInTenant,
    /// Admitted with a token for whatever tenant.
    AdmittedInAnyTenant,
    NotAuthenticated,
    NotPermitted,
    /// Depends on the permissions of the role.
    Depends,
    /// Admitted in a session that reaches the assurance of the role, and asked to step up in one that does not.
    StepUp,
    /// Admitted if the handler's rule on data, which has this name, admits the caller.
    IfData(&'static str),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            // never as wide as to join the next column
            Self::IfData(name) => return f.pad(&format!("if {name}  ")),
            Self::StepUp => return f.pad("step-up  "),
            Self::Admitted => "ok",
            Self::AdmittedInTenant => "own",
            Self::AdmittedInAnyTenant => "any",
            Self::NotAuthenticated => "401",
            Self::NotPermitted => "403",
            Self::Depends => "?",
        };
        f.pad(word)
    }
}

impl Column {
    pub(crate) fn cell(&self, rule: &Rule) -> Cell {
        let Some(caller) = &self.caller else {
            return if rule.admits_anonymous() {
                Cell::Admitted
            } else {
                Cell::NotAuthenticated
            };
        };
        if let Rule::OrIf(holders, data) = rule {
            return match admission(holders, caller) {
                Cell::NotPermitted => Cell::IfData(data),
                cell => cell,
            };
        }
        match admission(rule, caller) {
            Cell::NotPermitted if self.complete => Cell::NotPermitted,
            Cell::NotPermitted => {
                let with = caller.clone().with(permissions_of(rule));
                match admission(rule, &with) {
                    Cell::NotPermitted => Cell::NotPermitted,
                    _ => Cell::Depends,
                }
            }
            cell => match &self.below {
                Some(below) if admission(rule, below) == Cell::NotPermitted => Cell::StepUp,
                _ => cell,
            },
        }
    }
}

/// Returns with which tokens a caller is admitted: without a tenant, for the tenant of the path, or for another one.
pub(crate) fn admission(rule: &Rule, caller: &Caller) -> Cell {
    let admits = |caller: &Caller| rule.admits_in(Some(SOME_TENANT), caller);
    if admits(caller) {
        Cell::Admitted
    } else if admits(&caller.in_tenant(OTHER_TENANT)) {
        Cell::AdmittedInAnyTenant
    } else if admits(&caller.in_tenant(SOME_TENANT)) {
        Cell::AdmittedInTenant
    } else {
        Cell::NotPermitted
    }
}

/// Returns the permissions that a rule mentions.
pub(crate) fn permissions_of(rule: &Rule) -> impl Iterator<Item = String> {
    let names = rule.names().into_iter();
    names.filter(|name| !name.starts_with("role:"))
}

impl AccessMatrix {
    /// Creates the matrix of a router, without columns for roles.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn of<S: Clone + Send + Sync + 'static>(router: &crate::GuardedRouter<S>) -> Self {
        let matrix = Self::from_routes(router.access_table());
        #[cfg(feature = "testing")]
        let matrix = Self {
            probe: Some(router.probe()),
            guard: Some(router.guard().clone()),
            ..matrix
        };
        matrix
    }

    /// Creates the matrix of any list of routes, without columns for roles: those of another framework.
    ///
    /// ```
    /// use http::Method;
    /// use rolecall::{AccessMatrix, RouteAccess, Rule};
    ///
    /// let route = RouteAccess::new(Method::GET, "/items/", Rule::Role("admin"), "read_items");
    /// let matrix = AccessMatrix::from_routes(vec![route]).roles(&["admin"]).to_string();
    /// assert!(matrix.ends_with("\
    /// anonymous  any token  admin  | route
    /// 401        403        ok     | GET /items/ for role:admin
    /// "));
    /// ```
    #[must_use]
    pub fn from_routes(mut routes: Vec<RouteAccess>) -> Self {
        // sorted, so that moving code does not change the file
        let key = |route: &RouteAccess| {
            let method = route.method.as_ref().map(Method::to_string);
            (method.is_none(), route.path.clone(), method)
        };
        routes.sort_by_key(key);
        Self {
            routes,
            roles: Vec::new(),
            policy: None,
            command: BLESS.to_owned(),
            #[cfg(all(feature = "axum", feature = "testing"))]
            probe: None,
            #[cfg(feature = "testing")]
            guard: None,
            #[cfg(all(feature = "axum", feature = "testing"))]
            data_rules: Vec::new(),
        }
    }

    /// Adds a column for each of these roles, such as `role::ALL`.
    #[must_use]
    pub fn roles(mut self, roles: &[&str]) -> Self {
        for role in roles {
            if !self.roles.iter().any(|known| known == role) {
                self.roles.push((*role).to_owned());
            }
        }
        self
    }

    /// Uses `policy` for the permissions and juniors of each role, and adds a column for each of its roles.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        let names: Vec<&str> = policy.roles().map(|(role, _)| role.as_str()).collect();
        self.policy = Some(policy.clone());
        self.roles(&names)
    }

    /// Names the command that writes the file again, for applications that are not tested by `cargo test`.
    #[must_use]
    pub fn with_command(mut self, command: &str) -> Self {
        command.clone_into(&mut self.command);
        self
    }

    /// Returns the columns: no token, any token, and each role.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let fixed = |title: &str, caller| Column {
            title: title.to_owned(),
            caller,
            below: None,
            complete: true,
        };
        let mut columns = vec![
            fixed("anonymous", None),
            fixed("any token", Some(Caller::default())),
        ];
        columns.extend(self.roles.iter().map(|role| {
            let caller = self.caller_with(role);
            let policy = self.policy.as_ref();
            Column {
                title: role.clone(),
                below: policy.and_then(|policy| caller.at_lowest(policy)),
                caller: Some(caller),
                complete: policy.is_some(),
            }
        }));
        columns
    }

    /// Returns a caller with `role` and all that the policy gives to it.
    fn caller_with(&self, role: &str) -> Caller {
        let role_only = Caller {
            roles: vec![role.to_owned()],
            assigned: Some(role.to_owned()),
            ..Caller::default()
        };
        let known = self.policy.as_ref().zip(role.parse::<RoleName>().ok());
        let Some((policy, name)) = known.filter(|(policy, _)| policy.role(role).is_some()) else {
            return role_only;
        };
        let texts = |names: BTreeSet<_>| names.iter().map(ToString::to_string).collect();
        Caller {
            roles: texts(policy.closure([&name])),
            permissions: policy
                .permissions_of([&name])
                .iter()
                .map(ToString::to_string)
                .collect(),
            acr: Acr::Phr,
            ..role_only
        }
    }

    /// Describes in words who is admitted.
    fn audience(&self, rule: &Rule) -> String {
        match rule {
            Rule::Public => "everyone".to_owned(),
            Rule::Optional => "everyone, with or without a token".to_owned(),
            Rule::Authenticated => "any token".to_owned(),
            Rule::ForTenant(rule) => format!("{} in the path's tenant", self.audience(rule)),
            Rule::InTenant(rule) => format!("{} in the token's tenant", self.audience(rule)),
            Rule::Fresh(rule, seconds) => {
                format!("{}, signed in within {seconds} s", self.audience(rule))
            }
            Rule::OrIf(rule, data) => format!("{}, or if {data}", self.audience(rule)),
            Rule::Permission(name) if self.policy.is_none() => format!("holders of {name}"),
            other => other.to_string(),
        }
    }
}

const HEAD: &str = "\
# Who may call what, derived from the types of the handlers.
# ok = let in, 401 = not authenticated, 403 = not permitted, ? = depends on the permissions of the role
";

/// Part of the legend only if a rule needs a tenant.
const OWN: &str =
    "# own = let in with a token for the tenant that the path names, 403 with any other\n";

/// Part of the legend only if a rule needs a token for any tenant.
const ANY: &str = "# any = let in with a token for any tenant, 403 with one for none
";

/// Part of the legend only if the policy has a role that needs more than the lowest assurance.
const STEP_UP: &str = "# step-up = let in with a session that reaches the assurance of the role, 401 with any other\n";

/// Part of the legend only if a rule limits the age of the sign-in.
const FRESH: &str = "# signed in within = 401 with a token of an older sign-in\n";

/// Part of the legend only if a handler has a rule on data.
const IF: &str = "# if = let in, and the handler refuses with 403 unless its rule on the data admits the caller\n";

const BLESS: &str = "ROLECALL_BLESS=1 cargo test";

impl fmt::Display for AccessMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |is_such: fn(&Rule) -> bool| self.routes.iter().any(|one| is_such(&one.rule));
        let own = if has(Rule::needs_tenant) { OWN } else { "" };
        let any = if has(|rule| matches!(rule, Rule::InTenant(_))) {
            ANY
        } else {
            ""
        };
        let on_data = if has(|rule| matches!(rule, Rule::OrIf(..))) {
            IF
        } else {
            ""
        };
        let columns = self.columns();
        let has_step_up = columns.iter().any(|column| column.below.is_some());
        let step_up = if has_step_up { STEP_UP } else { "" };
        let fresh = if has(|rule| rule.max_age().is_some()) {
            FRESH
        } else {
            ""
        };
        write!(f, "{HEAD}{own}{any}{on_data}{step_up}{fresh}")?;
        let command = &self.command;
        write!(
            f,
            "# Written by the tests: `{command}` writes it again, and a review reads the difference.\n\n"
        )?;
        for column in &columns {
            write!(f, "{}  ", column.title)?;
        }
        writeln!(f, "| route")?;
        for route in &self.routes {
            // widths depend only on the titles, so that a new route does not change other lines
            for column in &columns {
                let width = column.title.chars().count() + 2;
                write!(f, "{:width$}", column.cell(&route.rule))?;
            }
            let RouteAccess { path, handler, .. } = route;
            match &route.method {
                Some(method) => {
                    writeln!(f, "| {method} {path} for {}", self.audience(&route.rule))?;
                }
                None => writeln!(
                    f,
                    "| everything that `{handler}` has under {path}, unguarded"
                )?,
            }
        }
        Ok(())
    }
}
