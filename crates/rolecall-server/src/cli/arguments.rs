use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use rolecall_core::{PermissionPattern, RoleName, TenantName};

use super::{
    CliError,
    assignments::{AssignOptions, AssignmentOptions},
    clients::ClientCommand,
    constraints::ConstraintCommand,
    policy_arguments::PolicyCommand,
    requests::RequestCommand,
};
use crate::decisions::receipt::Need;

/// Log-in, roles and permissions for your API.
#[derive(Parser)]
#[command(name = "rolecall", version, propagate_version = true)]
pub(super) struct Arguments {
    /// The configuration file; else `ROLECALL_CONFIG`, else ./rolecall.toml if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set a key of the configuration, such as `--set database.url=sqlite:my.db`; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Act as this user, with this user's limits.
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub(super) act_as: Option<String>,
    /// Print JSON for programs instead of tables.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Try it: a server on this machine with demo users and a throw-away database.
    Dev(DevOptions),
    /// Serve the API.
    Serve(ServeOptions),
    /// Users.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Roles, what they hold and whom they inherit.
    Role {
        #[command(subcommand)]
        command: RoleCommand,
    },
    /// Separation of duties: roles that may not come together.
    Constraint {
        #[command(subcommand)]
        command: ConstraintCommand,
    },
    /// The whole policy as one document: permissions, roles, whom they inherit, and what is expected.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Give a role to a user.
    Assign(AssignOptions),
    /// Take a role from a user.
    Unassign(AssignmentOptions),
    /// Assignments that need a second person.
    Request {
        #[command(subcommand)]
        command: RequestCommand,
    },
    /// Say whether somebody may do something, and why.
    Explain(ExplainOptions),
    /// OAuth clients.
    Client {
        #[command(subcommand)]
        command: ClientCommand,
    },
    /// Signing keys, and the master key that they are sealed with.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// The sessions of a user.
    Session {
        #[command(subcommand)]
        command: SessionCommand,
    },
    /// Take over what another application has.
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// The audit log.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Copy the database into a file, while it is in use.
    Backup {
        /// The file to make.
        file: PathBuf,
    },
    /// Put a backup in the place of the database; every token made before is refused.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Replace the database that is there.
        #[arg(long)]
        force: bool,
    },
    /// End everything now: every token and every session.
    Recover,
    /// Look for what is commonly wrong, and say what to do; status 1 if something is.
    Doctor {
        /// Only list what is looked for.
        #[arg(long)]
        list: bool,
    },
    /// Ask the server that runs here whether it can work; status 1 if not.
    Health,
    /// Bring the schema of the database up to date.
    Migrate {
        /// Only look; status 2 if there is something to do.
        #[arg(long)]
        check: bool,
    },
    /// The configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a script that completes commands in a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// `explain`.
#[derive(Args)]
pub(super) struct ExplainOptions {
    /// The name of a user, or the id of a client.
    #[arg(required_unless_present = "receipt", conflicts_with = "receipt")]
    pub(super) user: Option<String>,
    /// A permission, or role:NAME.
    #[arg(required_unless_present = "receipt", conflicts_with = "receipt")]
    pub(super) permission: Option<Need>,
    /// In this tenant; without it global assignments alone count.
    #[arg(long, conflicts_with = "receipt")]
    pub(super) tenant: Option<TenantName>,
    /// At this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", conflicts_with = "receipt")]
    pub(super) at: Option<String>,
    /// Explain a refusal instead: the `receipt` that stands in the body of a 403.
    #[arg(long)]
    pub(super) receipt: Option<String>,
}

#[derive(Args)]
pub(super) struct DevOptions {
    /// Keep the database in this folder instead of throwing it away.
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
    /// More roles and users to begin with, as TOML.
    #[arg(long, value_name = "FILE")]
    pub(super) seed: Option<PathBuf>,
    /// The address to listen on, on this machine.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
}

#[derive(Args)]
pub(super) struct ServeOptions {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// The database, such as `sqlite:rolecall-data/rolecall.db` or `postgres://...`.
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// The address under which clients reach this server.
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Make a user; asks for a password.
    Add {
        name: String,
        /// A role to assign; may be repeated.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        #[arg(long)]
        email: Option<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users.
    List {
        /// Search in user names and e-mail addresses.
        #[arg(long, default_value = "")]
        search: String,
    },
    /// Show a user.
    Show { name: String },
    /// Set a password; opens a locked account, and ends all sessions.
    Password {
        name: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Take the password away and print a one-time code instead.
    Reset { name: String },
    /// Keep a user from logging in; tokens end at once.
    Disable { name: String },
    /// Let a user log in again.
    Enable { name: String },
    /// Delete a user.
    Delete { name: String },
}

#[derive(Subcommand)]
pub(super) enum RoleCommand {
    /// Make a role.
    Add {
        name: RoleName,
        #[arg(long, default_value = "")]
        description: String,
        /// A second person must confirm that somebody is given it.
        #[arg(long)]
        approval: bool,
    },
    /// Say whether a second person must confirm that somebody is given a role, or one that inherits it.
    Approval { name: RoleName, needed: Switch },
    /// List roles.
    List,
    /// Show a role.
    Show { name: RoleName },
    /// List who has a role.
    Holders {
        name: RoleName,
        /// Those too who have it by way of a role that inherits it.
        #[arg(long)]
        inherited: bool,
    },
    /// Let a role hold permissions; those that do not exist are made.
    Allow {
        name: RoleName,
        /// `items:read`, or `items:*` for every operation of an object.
        #[arg(required = true)]
        permissions: Vec<PermissionPattern>,
    },
    /// Take permissions from a role.
    Disallow {
        name: RoleName,
        #[arg(required = true)]
        permissions: Vec<PermissionPattern>,
    },
    /// Let a role inherit another.
    Inherit { name: RoleName, junior: RoleName },
    /// End that a role inherits another.
    Disinherit { name: RoleName, junior: RoleName },
    /// Delete a role.
    Delete { name: RoleName },
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// List signing keys, newest first.
    List,
    /// Let the next key sign from now on, and publish another; tokens of the old one stay good.
    Rotate {
        /// Even if not everybody can have the next key yet.
        #[arg(long)]
        force: bool,
    },
    /// Stop trusting a key at once: what it signed is refused from now on.
    Retire {
        /// The key's id.
        // it is random, and may begin with what flags begin with
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Seal everything in the database with another master key.
    RotateMaster {
        /// The file with the new key: 32 bytes in hex or base64, readable by its owner only.
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum SessionCommand {
    /// List the sessions of a user.
    List {
        /// The user's name.
        user: String,
    },
    /// End one session of a user, or all.
    End {
        /// The user's name.
        user: String,
        /// The session's id; without one all end.
        session: Option<String>,
    },
}

#[derive(Subcommand)]
pub(super) enum ImportCommand {
    /// Users with their password hashes: all of the file, or nothing; status 1 if something is wrong with it.
    Users(ImportUsersOptions),
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(super) struct ImportUsersOptions {
    /// CSV with a header, or JSON lines, with `username`, `hashed_password`, `role` (in CSV separated by `;`),
    /// and, if need be, `email` and `disabled`; `-` reads standard input.
    pub(super) file: PathBuf,
    /// How the file is written, where its name does not say.
    #[arg(long)]
    pub(super) format: Option<ImportFormat>,
    /// Only look; nothing is written.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Pass over columns that nobody knows.
    #[arg(long)]
    pub(super) ignore_columns: bool,
    /// Make the roles that do not exist.
    #[arg(long)]
    pub(super) add_roles: bool,
    /// Take users who have no password hash; they need a reset before they can log in.
    #[arg(long)]
    pub(super) without_password: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum ImportFormat {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// One JSON object a line.
    Jsonl,
}

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// List changes, newest first.
    List {
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Check that no entry was changed or left out; status 1 if one was.
    Verify,
}

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration.
    Check,
    /// Show every key, its value and where it comes from; secrets stay hidden.
    Show,
}

pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rolecall", &mut script);
    super::output::write_out(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_whose_id_begins_with_a_dash_can_be_retired() {
        for kid in ["-_g-mjds", "--x9", "a"] {
            let read = Arguments::try_parse_from(["rolecall", "key", "retire", kid]);
            assert!(read.is_ok(), "{kid}");
        }
    }

    #[test]
    fn a_password_is_never_an_argument() {
        assert!(
            Arguments::try_parse_from(["rolecall", "user", "add", "alice", "--password", "x"])
                .is_err()
        );
        assert!(Arguments::try_parse_from(["rolecall", "user", "password", "alice", "x"]).is_err());
    }
}
