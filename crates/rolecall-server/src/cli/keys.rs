//! `key`: manages signing keys and the master key.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable, write_out},
};
use crate::{
    keys::{
        handlers::KeyView,
        rotate_master,
        service::{self, Shown},
    },
    start::StartError,
    stderr,
    times::rfc3339,
    vault::MasterKey,
};

/// More keys than a database ever holds.
const ALL: i64 = 100_000;

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// List signing keys, newest first.
    List,
    /// Sign with the next key from now on and publish another; tokens signed with the old key stay valid.
    Rotate {
        /// Rotate even if the next key was published less than 30 minutes ago; services that have not loaded it yet
        /// refuse new tokens until they do.
        #[arg(long)]
        force: bool,
    },
    /// Stop trusting a key at once; the tokens that it signed are refused.
    Retire {
        /// The key's id.
        // a random id can start with a dash
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Encrypt all secrets in the database with a new master key.
    RotateMaster {
        /// A file with the new key: 32 bytes in hex or base64, readable by its owner only.
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
}

pub(super) async fn run(context: &Context, command: &KeyCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    match command {
        KeyCommand::List => list(context).await,
        KeyCommand::Rotate { force } => {
            let rotated = service::rotate(app, caller, *force).await?;
            if context.json {
                return print_json(&json!(KeyView::of_rotation(app, rotated)));
            }
            print_warning(rotated.warning.as_deref());
            write_out(&format!("key {} now signs new tokens\n", rotated.key.kid))
        }
        KeyCommand::Retire { kid } => {
            let warning = service::retire(app, caller, kid).await?;
            print_warning(warning.as_deref());
            let kid = printable(kid);
            print_done(
                context.json,
                &format!("key {kid} is retired: tokens signed with it are refused"),
            )
        }
        KeyCommand::RotateMaster { new_key_file } => {
            context.require_no_user()?;
            rotate_master(context, new_key_file).await
        }
    }
}

/// Prints what a change breaks, to standard error: programs that read the output see no difference.
fn print_warning(warning: Option<&str>) {
    if let Some(warning) = warning {
        stderr::print_line(format_args!("warning: {}", printable(warning)));
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
            key.slot.purpose().to_owned(),
        ]
    };
    print_table(
        &[
            "algorithm",
            "status",
            "created",
            "signs from",
            "verifies until",
            "key",
            "for",
        ],
        keys.into_iter().map(row).collect(),
    )
}

async fn rotate_master(context: &Context, file: &Path) -> Result<(), CliError> {
    let new = MasterKey::load(file).map_err(StartError::from)?;
    let rotated = rotate_master::rotate(&context.app, context.caller(), &new).await?;
    let (sealed, unreadable) = (rotated.sealed, rotated.unreadable_mails);
    if context.json {
        return print_json(&json!({ "sealed": sealed, "unreadable_mails": unreadable }));
    }
    for id in &unreadable {
        let warning = format!(
            "the row `{id}` of the table `rolecall_mails` cannot be decrypted with the old master key: it stays, and is sent only by a node that has its key"
        );
        print_warning(Some(&warning));
    }
    if sealed == 0 {
        return write_out("the database is already encrypted with this master key\n");
    }
    write_out(&format!(
        "{sealed} keys and secrets are encrypted with the new master key; now set `master_key_file` to {}, and \
         `master_key_previous_file` to the old key as long as old refresh tokens should work\n",
        file.display()
    ))
}
