//! The check of the pages: the same as at the start.

use super::finding::Finding;
use crate::{
    app::App, clients::store as clients, config::Config, error::ApiError, pages::look::Look,
};

pub(super) fn check(config: &Config) -> Vec<Finding> {
    match Look::new(&config.pages) {
        Ok(_) => vec![Finding::good(
            "pages",
            "pictures, templates and texts can be used",
        )],
        Err(error) => {
            let faults = error.faults().iter();
            faults
                .map(|fault| Finding::fault("pages", fault.to_string()))
                .collect()
        }
    }
}

/// Reports looks for clients that do not exist.
pub(super) async fn client_looks(app: &App) -> Result<Vec<Finding>, ApiError> {
    let looks = &app.settings().pages.clients;
    let mut findings = Vec::new();
    if looks.is_empty() {
        return Ok(findings);
    }
    let mut conn = app.store().read().await?;
    for id in looks.keys() {
        if clients::find(&mut conn, id).await?.is_none() {
            let text = format!(
                "`pages.clients` has a look for `{id}`, and there is no such client: `rolecall client list` shows the ids"
            );
            let finding = Finding::warning("pages", text).naming(id);
            findings.push(finding.on_pages("admin-doctor-look"));
        }
    }
    Ok(findings)
}
