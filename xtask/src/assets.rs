//! Updates the Swagger UI files in the server.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::tools::{Workspace, run};

/// The committed release. To update it, change it here and run `cargo xtask assets`.
const VERSION: &str = "5.35.0";

const FOLDER: &str = "crates/rolecall-server/assets/swagger-ui";

/// Downloads the pinned release, compresses the two files that the page loads, and copies their licenses.
pub(crate) fn update(workspace: &Workspace) -> anyhow::Result<()> {
    let scratch = workspace.target("swagger-ui");
    let folder = workspace.path(FOLDER);
    for made in [&scratch, &folder] {
        std::fs::create_dir_all(made)
            .with_context(|| format!("cannot create `{}`", made.display()))?;
    }
    let mut pack = workspace.command("npm");
    pack.arg("pack").arg(format!("swagger-ui-dist@{VERSION}"));
    run(pack.arg("--pack-destination").arg(&scratch))?;
    let mut unpack = workspace.command("tar");
    unpack.arg("--extract").arg("--directory").arg(&scratch);
    run(unpack
        .arg("--file")
        .arg(scratch.join(format!("swagger-ui-dist-{VERSION}.tgz"))))?;
    let package = scratch.join("package");
    for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        compress(&package.join(name), &folder.join(format!("{name}.gz")))?;
    }
    for name in ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"] {
        std::fs::copy(package.join(name), folder.join(name))
            .with_context(|| format!("cannot copy `{name}`"))?;
    }
    std::fs::write(folder.join("VERSION"), format!("{VERSION}\n")).context("cannot write VERSION")
}

/// Compresses without name and time, so that the same input gives the same bytes. Removes the line that
/// names a source map, since the server has none.
fn compress(source: &Path, destination: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(source)
        .with_context(|| format!("cannot read `{}`", source.display()))?;
    std::fs::write(source, without_source_map(&text)).context("cannot write the stripped file")?;
    let output = Command::new("gzip")
        .args(["--best", "--no-name", "--stdout"])
        .arg(source)
        .output()
        .context("cannot run `gzip`")?;
    anyhow::ensure!(output.status.success(), "gzip ended with {}", output.status);
    std::fs::write(destination, output.stdout)
        .with_context(|| format!("cannot write `{}`", destination.display()))
}

fn without_source_map(text: &str) -> String {
    let mut kept: String = text
        .lines()
        .filter(|line| !line.starts_with("//# source") && !line.starts_with("/*# source"))
        .collect::<Vec<_>>()
        .join("\n");
    kept.push('\n');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_served_files_name_no_source_map() {
        let text = "code();\n//# sourceMappingURL=a.js.map\n";
        assert_eq!(without_source_map(text), "code();\n");
        let text = "a{}\n/*# sourceMappingURL=a.css.map*/\n";
        assert_eq!(without_source_map(text), "a{}\n");
    }

    #[test]
    fn code_that_mentions_a_source_map_is_kept() {
        let text = "code(\"//# sourceMappingURL=\");\n";
        assert_eq!(without_source_map(text), text);
    }
}
