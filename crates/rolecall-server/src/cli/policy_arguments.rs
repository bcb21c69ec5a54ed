//! The arguments of `policy`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use rolecall_core::RoleName;

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Print the current policy as TOML, or with --json as JSON.
    Export,
    /// Show what a document would change, and which users would gain or lose access; status 2 if there are changes.
    Plan {
        /// The document; `-` for standard input.
        file: PathBuf,
    },
    /// Replace the policy with a document, all or nothing.
    Apply {
        /// The document; `-` for standard input.
        file: PathBuf,
        /// Apply only if the policy still has this `ETag`, from `policy apply --json` or `GET /api/policy`.
        #[arg(long, value_name = "ETAG")]
        if_match: Option<String>,
    },
    /// Run the tests in a document, with the users of the database; status 1 if one fails.
    Test {
        /// The document; `-` for standard input.
        #[arg(default_value = "policy.toml")]
        file: PathBuf,
        /// Test the current policy instead of the document's.
        #[arg(long)]
        live: bool,
    },
    /// Find likely mistakes in a policy; status 2 if there are any.
    Lint {
        /// The document; `-` for standard input. The current policy by default.
        file: Option<PathBuf>,
    },
    /// Import rules, users and assignments from Casbin or Keycloak. Without --apply it only shows what would be
    /// created and what has no counterpart; status 2 if there is anything.
    Import(PolicyImportOptions),
    /// Print Rust code: a type for each role and permission.
    Rust {
        /// The document; `-` for standard input. The current policy by default.
        file: Option<PathBuf>,
    },
    /// Print TypeScript code: the names, and a function `can()` for user interfaces.
    Typescript {
        /// The document; `-` for standard input. The current policy by default.
        file: Option<PathBuf>,
    },
}

/// `policy import`.
#[derive(Args)]
#[command(group(ArgGroup::new("from").required(true)))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(super) struct PolicyImportOptions {
    /// A Casbin model and its policy as CSV.
    #[arg(long, group = "from", num_args = 2, value_names = ["MODEL", "POLICY"])]
    pub(super) casbin: Option<Vec<PathBuf>>,
    /// The export of Keycloak realms, with or without their users, in one or several files.
    #[arg(long, group = "from", num_args = 1.., value_name = "REALM")]
    pub(super) keycloak: Option<Vec<PathBuf>>,
    /// Write the policy, users and assignments, all or nothing.
    #[arg(long)]
    pub(super) apply: bool,
    /// Leave out what has no counterpart instead of refusing the import.
    #[arg(long)]
    pub(super) leave_out: bool,
    /// Create the users that do not exist.
    #[arg(long)]
    pub(super) create_users: bool,
    /// Leave users who exist as they are: they get no roles.
    #[arg(long)]
    pub(super) skip_existing: bool,
    /// Keycloak only: created users keep their ids, which become the `sub` of their tokens.
    #[arg(long, conflicts_with = "casbin")]
    pub(super) keep_ids: bool,
    /// Write the resulting policy document to this file.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(super) document: Option<PathBuf>,
    /// Prefix the name of each imported role with this name and a dot.
    #[arg(long, value_name = "NAME")]
    pub(super) prefix: Option<RoleName>,
    /// Casbin only: treat this name as a role although nobody has it; can be repeated.
    #[arg(long = "role", value_name = "NAME", conflicts_with = "keycloak")]
    pub(super) roles: Vec<String>,
}
