//! Factors as answers show them. No secret is ever read back.

use serde::Serialize;
use utoipa::ToSchema;

use super::{service::OwnFactors, store::Factor};
use crate::times::rfc3339;

/// A second factor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Factor)]
pub(crate) struct FactorView {
    id: String,
    /// `totp` or `passkey`.
    kind: &'static str,
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// The last sign-in with it.
    #[schema(required, format = DateTime)]
    last_used_at: Option<String>,
}

impl From<&Factor> for FactorView {
    fn from(factor: &Factor) -> Self {
        Self {
            id: factor.id.clone(),
            kind: factor.kind.as_str(),
            name: factor.name.clone(),
            created_at: rfc3339(factor.created_at),
            last_used_at: factor.last_used_at.map(rfc3339),
        }
    }
}

/// The second factors of an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Factors)]
pub(crate) struct FactorsView {
    /// The oldest first.
    pub(crate) factors: Vec<FactorView>,
    /// The recovery codes that are left.
    recovery_codes: i64,
}

impl From<OwnFactors> for FactorsView {
    fn from(factors: OwnFactors) -> Self {
        Self {
            factors: factors.factors.iter().map(FactorView::from).collect(),
            recovery_codes: factors.codes_left,
        }
    }
}

/// The enrolment of an authenticator application, with its secret, which is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpEnrolment)]
pub(crate) struct EnrolmentView {
    pub(crate) id: String,
    /// In Base32, as it is typed into an application.
    pub(crate) secret: String,
    /// The address that an application reads, such as `otpauth://totp/...`.
    pub(crate) uri: String,
}

/// Recovery codes, which are shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub(crate) struct RecoveryCodesView {
    /// Each works once. Empty if the account had a factor, and so its codes, before.
    pub(crate) recovery_codes: Vec<String>,
}
