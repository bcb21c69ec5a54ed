//! `templates`: the operator's templates and texts of the pages.

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::{count_of, print_json, write_out},
};
use crate::pages::own::{self, Checked, LOCALES, TEMPLATES};

#[derive(Subcommand)]
pub(super) enum TemplatesCommand {
    /// Write the built-in templates and texts of the pages to a folder, to change them.
    Export {
        /// The folder; it is created if it does not exist.
        folder: PathBuf,
        /// Replace files that exist.
        #[arg(long)]
        force: bool,
    },
    /// Check templates and texts as a start of the server does; status 1 if there is a fault.
    Check {
        /// A folder as `export` writes it; by default the folders of `pages.templates` and `pages.locales`.
        folder: Option<PathBuf>,
    },
}

pub(super) fn run(globals: &GlobalFlags, command: &TemplatesCommand) -> Result<ExitCode, CliError> {
    match command {
        TemplatesCommand::Export { folder, force } => {
            let files = own::export(folder, *force);
            let files = files.map_err(|error| CliError::Refused(error.to_string()))?;
            print_exported(globals.json, folder, &files).map(|()| ExitCode::SUCCESS)
        }
        TemplatesCommand::Check { folder } => {
            let pages = match folder {
                None => load(globals, &[])?.pages,
                Some(folder) => own::settings_for(folder).ok_or_else(|| {
                    let folder = folder.display();
                    CliError::Refused(format!(
                        "{folder} has no folder `{TEMPLATES}` or `{LOCALES}`; `rolecall templates export {folder}` writes both"
                    ))
                })?,
            };
            print_checked(globals.json, &own::check(&pages))
        }
    }
}

fn print_exported(
    is_json: bool,
    folder: &std::path::Path,
    files: &[PathBuf],
) -> Result<(), CliError> {
    if is_json {
        let files: Vec<String> = files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return print_json(&json!({ "files": files }));
    }
    let setting = |name| folder.join(name).display().to_string();
    write_out(&format!(
        "wrote {}; keep those that you change, and set\npages.templates = {:?}\npages.locales = {:?}\n",
        count_of(files.len(), "file"),
        setting(TEMPLATES),
        setting(LOCALES),
    ))
}

fn print_checked(is_json: bool, checked: &Checked) -> Result<ExitCode, CliError> {
    let is_ok = checked.faults.is_empty();
    if is_json {
        let faults = checked.faults.iter().map(|fault| {
            json!({ "setting": fault.key, "file": fault.file, "line": fault.line, "text": fault.text })
        });
        let faults: Vec<Value> = faults.collect();
        let missing: Value = checked
            .missing
            .iter()
            .map(|(language, keys)| (language.clone(), json!(keys)))
            .collect();
        print_json(&json!({ "ok": is_ok, "faults": faults, "missing": missing }))?;
    } else {
        for fault in &checked.faults {
            write_out(&format!("{fault}\n"))?;
        }
        if is_ok {
            write_out("templates and texts can be used\n")?;
        }
        for (language, keys) in &checked.missing {
            let texts = count_of(keys.len(), "text");
            write_out(&format!(
                "remark: {language} lacks {texts}, which are shown in English: {}\n",
                keys.join(", ")
            ))?;
        }
    }
    Ok(if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
