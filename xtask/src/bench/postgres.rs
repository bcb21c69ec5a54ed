//! A PostgreSQL server in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

use super::process::Folder;
use crate::tools::{find_postgres, run};

/// A running server, a child of this process. PostgreSQL refuses to run as root, so root becomes `postgres`.
pub(super) struct Postgres {
    folder: Folder,
    programs: PathBuf,
    server: Child,
}

impl Postgres {
    pub(super) fn start(name: &str) -> anyhow::Result<Self> {
        let programs = find_postgres().context("PostgreSQL is not installed")?;
        let folder = Folder::new(&format!("postgres-{name}"))?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.as_ref()))?;
        }
        let data = folder.path("data");
        let mut init = unprivileged(&programs.join("initdb"));
        init.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "-D",
        ]);
        let init = init.arg(&data).current_dir(&folder).stdout(Stdio::null());
        if !init.status()?.success() {
            bail!("`initdb` failed");
        }
        let mut serve = unprivileged(&programs.join("postgres"));
        serve
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c"]);
        serve.arg(format!(
            "unix_socket_directories={}",
            folder.as_ref().display()
        ));
        let serve = serve.current_dir(&folder).stderr(Stdio::null());
        let server = serve.spawn().context("`postgres` cannot be started")?;
        let postgres = Self {
            folder,
            programs,
            server,
        };
        postgres.wait()?;
        Ok(postgres)
    }

    fn wait(&self) -> anyhow::Result<()> {
        for _ in 0..300 {
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.arg("-q").arg("-h").arg(self.folder.as_ref());
            if ready.status()?.success() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        bail!("PostgreSQL did not start")
    }

    /// Creates a database and returns its URL.
    pub(super) fn create_database(&self, name: &str) -> anyhow::Result<String> {
        let folder = self.folder.as_ref();
        let mut create = Command::new(self.programs.join("createdb"));
        create.args(["-U", "postgres", "-h"]).arg(folder).arg(name);
        run(&mut create)?;
        let folder = folder.display();
        Ok(format!(
            "postgres://postgres@localhost/{name}?host={folder}"
        ))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // the data is deleted, so there is no need to shut down cleanly
        let mut stop = unprivileged(&self.programs.join("pg_ctl"));
        stop.args(["stop", "-m", "immediate", "-D"]);
        let stop = stop.arg(self.folder.path("data")).current_dir(&self.folder);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = self.server.wait();
    }
}

fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    crate::install::is_root()
}
