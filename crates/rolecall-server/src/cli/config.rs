use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    CliError,
    arguments::{Arguments, ConfigCommand},
    context::load,
    output::{print_json, write_out},
};

pub(super) fn run(arguments: &Arguments, command: &ConfigCommand) -> Result<(), CliError> {
    let config = load(arguments, &[])?;
    // what `serve` would refuse is refused here too
    config.issuer()?;
    match command {
        ConfigCommand::Check if arguments.json => print_json(&json!({ "ok": true })),
        ConfigCommand::Check => write_out("the configuration is good\n"),
        ConfigCommand::Show if arguments.json => {
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
