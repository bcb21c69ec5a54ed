//! `config`: checks and shows the configuration.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::{print_done, print_json, write_out},
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
        ConfigCommand::Check => print_done(globals.json, "the configuration is valid"),
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
