//! The command line as a whole: the global flags and one variant for each command. Each command's own arguments
//! stand in its file.

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};

use super::{
    assignments::{AssignOptions, AssignmentOptions},
    audit::AuditCommand,
    clients::ClientCommand,
    config::ConfigCommand,
    consents::ConsentCommand,
    constraints::ConstraintCommand,
    dev::DevOptions,
    error::CliError,
    explain::ExplainOptions,
    globals::GlobalFlags,
    import::ImportCommand,
    invitations::InvitationCommand,
    keys::KeyCommand,
    mail::MailCommand,
    output::write_out,
    passwords::PasswordsCommand,
    permissions::PermissionCommand,
    policy_arguments::PolicyCommand,
    requests::RequestCommand,
    resources::ResourceCommand,
    roles::RoleCommand,
    serve::ServeOptions,
    sessions::SessionCommand,
    templates::TemplatesCommand,
    users::UserCommand,
};

/// Login, roles and permissions for your API.
#[derive(Parser)]
#[command(name = "rolecall", version, propagate_version = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) globals: GlobalFlags,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Try rolecall: start a server on this machine with demo users and a temporary database.
    Dev(DevOptions),
    /// Start the server.
    Serve(ServeOptions),
    /// Manage users.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Invite people, and list and withdraw invitations that were not accepted yet.
    Invitation {
        #[command(subcommand)]
        command: InvitationCommand,
    },
    /// Manage roles, their permissions and the roles that they inherit.
    Role {
        #[command(subcommand)]
        command: RoleCommand,
    },
    /// List permissions and the users and clients that hold them.
    Permission {
        #[command(subcommand)]
        command: PermissionCommand,
    },
    /// Manage separation of duties: roles that nobody may have together.
    Constraint {
        #[command(subcommand)]
        command: ConstraintCommand,
    },
    /// Manage the policy as one document: permissions, roles, inheritance, constraints and tests.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Assign a role to a user.
    Assign(AssignOptions),
    /// Remove a role from a user.
    Unassign(AssignmentOptions),
    /// Manage assignments that wait for the approval of a second person.
    Request {
        #[command(subcommand)]
        command: RequestCommand,
    },
    /// Explain why a user may or may not do something, or why a request was refused.
    Explain(ExplainOptions),
    /// Manage OAuth clients.
    Client {
        #[command(subcommand)]
        command: ClientCommand,
    },
    /// Manage resources: APIs that tokens can be limited to.
    Resource {
        #[command(subcommand)]
        command: ResourceCommand,
    },
    /// List and withdraw what users have allowed applications.
    Consent {
        #[command(subcommand)]
        command: ConsentCommand,
    },
    /// Manage signing keys, and the master key that encrypts them.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Manage the sessions of a user.
    Session {
        #[command(subcommand)]
        command: SessionCommand,
    },
    /// Try the mail server.
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Import data from another application.
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Read and verify the audit log.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Copy the database to a file while it is in use (SQLite only).
    Backup {
        /// The file to create.
        file: PathBuf,
        /// Check indexes and references of the database too, which takes longer.
        #[arg(long)]
        full: bool,
    },
    /// Replace the database with a backup; all tokens issued so far are refused.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Replace the database if it exists.
        #[arg(long)]
        force: bool,
    },
    /// End all sessions and refuse all tokens issued so far.
    Recover,
    /// Look for common problems and print how to solve them; status 1 if there is a fault.
    Doctor {
        /// Only list the checks.
        #[arg(long)]
        list: bool,
        /// Check indexes and references of a SQLite database too, which takes longer.
        #[arg(long)]
        full: bool,
    },
    /// Check that the server on this machine is ready; status 1 if not.
    Health,
    /// Update the database schema.
    Migrate {
        /// Only check; status 2 if an update is needed.
        #[arg(long)]
        check: bool,
    },
    /// Check or show the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Export and check the templates and texts of the sign-in pages.
    Templates {
        #[command(subcommand)]
        command: TemplatesCommand,
    },
    /// Build the list of breached passwords, and check passwords.
    Passwords {
        #[command(subcommand)]
        command: PasswordsCommand,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Prints the completion script for `shell`.
pub(super) fn print_completions(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rolecall", &mut script);
    write_out(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_command_line_definition() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_id_that_starts_with_a_dash_can_be_retired() {
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
