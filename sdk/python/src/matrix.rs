//! The access matrix of an application of any framework.

use std::path::PathBuf;

use ::rolecall::{
    AccessMatrix, Caller, RouteAccess,
    testing::{CellAnswer, CellRequest},
};
use http::{HeaderValue, Method, StatusCode};
use pyo3::{exceptions::PyAssertionError, prelude::*};

use crate::{guard::invalid, rule::Rule, testing::TestIssuer};

/// Method, path, rule, handler.
type Route = (String, String, Rule, String);

const RUST_COMMAND: &str = "ROLECALL_BLESS=1 cargo test";
const COMMAND: &str = "ROLECALL_BLESS=1 pytest";

fn build(routes: Vec<Route>, roles: &[String]) -> PyResult<AccessMatrix> {
    let routes: PyResult<Vec<RouteAccess>> = routes
        .into_iter()
        .map(|(method, path, rule, handler)| {
            let method: Method = method.parse().map_err(invalid)?;
            Ok(RouteAccess::new(method, path, rule.rule, handler))
        })
        .collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    Ok(AccessMatrix::from_routes(routes?)
        .roles(&roles)
        .with_command(COMMAND))
}

/// Returns the access matrix as text.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "arguments of Python")]
pub(crate) fn matrix(routes: Vec<Route>, roles: Vec<String>) -> PyResult<String> {
    Ok(build(routes, &roles)?.to_string())
}

/// Requests every cell with `send(method, path, token)`, which returns status and challenge, and compares the file.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "arguments of Python")]
pub(crate) fn check_matrix(
    routes: Vec<Route>,
    roles: Vec<String>,
    lock_file: PathBuf,
    bless: bool,
    issuer: &TestIssuer,
    send: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let matrix = build(routes, &roles)?;
    let token = |caller: &Caller| issuer.0.token_of(caller);
    let request = |cell: CellRequest<'_>| -> PyResult<CellAnswer> {
        let returned = send.call1((cell.method.as_str(), cell.path, cell.token))?;
        let (status, challenge): (u16, Option<String>) = returned.extract()?;
        Ok(CellAnswer {
            status: StatusCode::from_u16(status).map_err(invalid)?,
            challenge: challenge
                .map(HeaderValue::try_from)
                .transpose()
                .map_err(invalid)?,
        })
    };
    let answer = |cell: CellRequest<'_>| request(cell).map_err(|error| error.to_string());
    matrix
        .check_with(&lock_file, bless, &token, &answer)
        .map_err(|fault| PyAssertionError::new_err(fault.replace(RUST_COMMAND, COMMAND)))
}
