use super::{
    CliError,
    arguments::KeyCommand,
    context::Context,
    output::{print_json, print_table, printable, said, write_out},
};
use crate::{
    keys::{
        handlers::KeyView,
        rotate_master,
        service::{self, Shown},
    },
    times::rfc3339,
    vault::MasterKey,
};
use std::path::Path;

use serde_json::json;

/// More than there can be.
const ALL: i64 = 100_000;

pub(super) async fn run(context: &Context, command: &KeyCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    match command {
        KeyCommand::List => list(context).await,
        KeyCommand::Rotate { force } => {
            let key = service::rotate(app, caller, *force).await?;
            if context.json {
                return print_json(&json!(KeyView::from(service::show(app, key))));
            }
            write_out(&format!("key {} signs from now on\n", key.kid))
        }
        KeyCommand::Retire { kid } => {
            service::retire(app, caller, kid).await?;
            let kid = printable(kid);
            said(
                context.json,
                &format!("key {kid} is retired: what it signed is refused"),
            )
        }
        KeyCommand::RotateMaster { new_key_file } => {
            context.demand_machine()?;
            rotate_master(context, new_key_file).await
        }
    }
}

async fn list(context: &Context) -> Result<(), CliError> {
    let keys = service::list(&context.app, context.caller(), "", ALL).await?;
    if context.json {
        let views = keys.into_iter().map(KeyView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let row = |Shown { key, .. }: Shown| {
        vec![
            key.algorithm.to_string(),
            key.state.as_str().to_owned(),
            rfc3339(key.created_at),
            rfc3339(key.active_from),
            key.retired_at
                .or(key.ends_at)
                .map_or_else(String::new, rfc3339),
            key.kid,
        ]
    };
    print_table(
        &[
            "algorithm",
            "status",
            "made",
            "signs from",
            "verifies until",
            "key",
        ],
        keys.into_iter().map(row).collect(),
    )
}

async fn rotate_master(context: &Context, file: &Path) -> Result<(), CliError> {
    let new = MasterKey::load(file).map_err(crate::StartError::from)?;
    let sealed = rotate_master::rotate(&context.app, context.caller(), &new).await?;
    if context.json {
        return print_json(&json!({ "sealed": sealed }));
    }
    if sealed == 0 {
        return write_out("the database is sealed with this master key already\n");
    }
    write_out(&format!(
        "{sealed} keys and secrets are sealed with the new master key; set `master_key_file` to {} now, and \
         `master_key_previous_file` to the old one for as long as refresh tokens of before are to work\n",
        file.display()
    ))
}
