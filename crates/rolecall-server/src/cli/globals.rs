//! The flags that every command accepts.

use std::path::PathBuf;

use clap::Args;

/// The flags that every command accepts.
#[derive(Args)]
pub(super) struct GlobalFlags {
    /// The configuration file; by default `$ROLECALL_CONFIG`, then ./rolecall.toml if it exists.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set a configuration key, for example `--set database.url=sqlite:my.db`; can be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Act as this user, limited to what this user may do.
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub(super) act_as: Option<String>,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub(super) json: bool,
}
