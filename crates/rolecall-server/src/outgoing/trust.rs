//! The certificates that the system trusts.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, crypto::aws_lc_rs};

/// The system names no certificates to trust.
#[derive(Debug, thiserror::Error)]
#[error(
    "no root certificates were found, so that no server can be verified: install the package `ca-certificates`, or name a file of them in `SSL_CERT_FILE`"
)]
pub(crate) struct NoRoots;

/// Returns true if the system names certificates to trust.
pub(crate) fn trusts_anybody() -> bool {
    required().is_ok()
}

/// Returns TLS that verifies servers by the certificates of the system.
///
/// # Errors
///
/// [`NoRoots`] if there are none.
pub(crate) fn required() -> Result<ClientConfig, NoRoots> {
    let builder = builder().map_err(|_| NoRoots)?;
    let trusting = builder.with_native_roots().map_err(|_| NoRoots)?;
    Ok(trusting.with_no_client_auth())
}

/// As [`required`], but where there are no certificates, calls with TLS fail, and others do not.
pub(super) fn optional() -> Result<ClientConfig, rustls::Error> {
    if let Ok(config) = required() {
        return Ok(config);
    }
    tracing::warn!("no certificates were found: other servers cannot be called with TLS");
    let trusting = builder()?.with_root_certificates(RootCertStore::empty());
    Ok(trusting.with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}
