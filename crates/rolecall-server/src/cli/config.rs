//! `config`: checks and shows the configuration.

use std::collections::BTreeMap;

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::{print_json, write_out},
};
use crate::{
    breached,
    config::Config,
    doctor::{self, NO_TLS, mail},
    pages::look::Look,
    start::StartError,
    store::url::DatabaseUrl,
};

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration.
    Check,
    /// Show every key with its value and where the value comes from; secrets are hidden.
    Show,
}

pub(super) fn run(globals: &GlobalFlags, command: &ConfigCommand) -> Result<(), CliError> {
    let config = load(globals, &[])?;
    // `serve` would refuse a configuration without an issuer
    config.issuer()?;
    match command {
        ConfigCommand::Check => check(globals, &config),
        ConfigCommand::Show if globals.json => {
            let settings = config.show().0.into_iter();
            let shown: BTreeMap<&str, Value> = settings
                .map(|one| {
                    (
                        one.key,
                        json!({ "value": one.value, "origin": one.origin.to_string() }),
                    )
                })
                .collect();
            print_json(&json!(shown))
        }
        ConfigCommand::Show => write_out(&config.show().to_string()),
    }
}

/// Refuses what `serve` would refuse without opening the database, and remarks what is rarely intended.
fn check(globals: &GlobalFlags, config: &Config) -> Result<(), CliError> {
    let url = config.database.url.expose_secret();
    let database = DatabaseUrl::parse(url).map_err(StartError::from)?;
    if matches!(database, DatabaseUrl::Postgres(_)) && config.master_key.is_none() {
        return Err(StartError::NoMasterKey.into());
    }
    if matches!(&database, DatabaseUrl::File(path) if path.is_dir()) {
        return Err(CliError::Refused(
            "`database.url` names a folder, not a file".to_owned(),
        ));
    }
    Look::new(&config.pages).map_err(StartError::from)?;
    if let Some(path) = &config.passwords.breached {
        breached::open(path)?;
    }
    let no_tls = database.lacks_tls().then_some(NO_TLS);
    let fixed = doctor::remarks(config).into_iter().chain(no_tls);
    let mut remarks: Vec<String> = fixed.map(str::to_owned).collect();
    remarks.extend(mail::remarks(config));
    if globals.json {
        return print_json(&json!({ "ok": true, "remarks": remarks }));
    }
    let remarks = remarks.iter().map(|remark| format!("remark: {remark}\n"));
    write_out(&format!(
        "the configuration is valid\n{}",
        remarks.collect::<String>()
    ))
}
