//! The arguments of `policy`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use rolecall_core::RoleName;

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Print the policy that is in force, as TOML or with --json as JSON.
    Export,
    /// Show what a document would change, and who would gain or lose what; status 2 if anything.
    Plan {
        /// The document; `-` for standard input.
        file: PathBuf,
    },
    /// Put a document in force: all of it, or nothing.
    Apply {
        /// The document; `-` for standard input.
        file: PathBuf,
        /// Only if the policy is still the one with this tag.
        #[arg(long, value_name = "ETAG")]
        if_match: Option<String>,
    },
    /// Ask a document for what it expects itself, its users as the database knows them; status 1 if it fails.
    Test {
        /// The document; `-` for standard input.
        #[arg(default_value = "policy.toml")]
        file: PathBuf,
        /// Ask the policy that is in force, not the document's.
        #[arg(long)]
        live: bool,
    },
    /// Look for what may not be meant; status 2 if there is something.
    Lint {
        /// The document, else the policy that is in force; `-` for standard input.
        file: Option<PathBuf>,
    },
    /// Take over the rules of Casbin or Keycloak, with users and who has which role. Without --apply nothing is
    /// written: it shows what would be made and what has no counterpart; status 2 if there is something.
    Import(PolicyImportOptions),
    /// Print Rust: a type for each role and permission.
    Rust {
        /// The document, else the policy that is in force; `-` for standard input.
        file: Option<PathBuf>,
    },
    /// Print TypeScript: the names, and a `can()` for a user interface.
    Typescript {
        /// The document, else the policy that is in force; `-` for standard input.
        file: Option<PathBuf>,
    },
}

/// `policy import`.
#[derive(Args)]
#[command(group(ArgGroup::new("from").required(true)))]
pub(super) struct PolicyImportOptions {
    /// A Casbin model and its policy, as CSV.
    #[arg(long, group = "from", num_args = 2, value_names = ["MODEL", "POLICY"])]
    pub(super) casbin: Option<Vec<PathBuf>>,
    /// The export of a Keycloak realm, with its users or without.
    #[arg(long, group = "from", value_name = "REALM")]
    pub(super) keycloak: Option<PathBuf>,
    /// Do it: policy, users and assignments, all or nothing.
    #[arg(long)]
    pub(super) apply: bool,
    /// Leave out what has no counterpart, instead of refusing.
    #[arg(long)]
    pub(super) leave_out: bool,
    /// Make the users who are not there.
    #[arg(long)]
    pub(super) create_users: bool,
    /// Write the policy that comes of it into this file, as `policy export` would print it.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(super) document: Option<PathBuf>,
    /// Put this and a dot before the name of each role that comes.
    #[arg(long, value_name = "NAME")]
    pub(super) prefix: Option<RoleName>,
    /// Casbin: this name is a role, although nobody has it; may be repeated.
    #[arg(long = "role", value_name = "NAME", conflicts_with = "keycloak")]
    pub(super) roles: Vec<String>,
}
