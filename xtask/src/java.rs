//! Tests the Spring Boot starter with the oldest and the newest Spring Boot that it supports, and builds its example.

use crate::report::Report;
use crate::tools::{self, Workspace};

/// The program that [`build_example`] makes.
pub(crate) const EXAMPLE: &str = "examples/spring/target/items-0.jar";

/// The versions of Spring Boot.
const VERSIONS: [&str; 2] = ["3.5.7", "4.0.7"];

/// Compiles the starter and runs its tests with each version of Spring Boot.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    for version in VERSIONS {
        report.step(&format!("java starter with Spring Boot {version}"), || {
            let mut maven = workspace.command("mvn");
            maven.args(["--quiet", "--batch-mode", "--file"]);
            maven.arg(workspace.path("sdk/java/pom.xml"));
            // a folder for each, so that classes of one version are not tested with the other
            let folder = workspace.target(&format!("java/{version}"));
            maven.arg(format!("-Dspring-boot.version={version}"));
            maven.arg(format!("-DbuildDirectory={}", folder.display()));
            tools::run(maven.arg("test"))
        });
    }
}

/// Tests and packages the example, which the tests of clients start.
pub(crate) fn build_example(report: &mut Report, workspace: &Workspace) {
    report.step("java example", || {
        // the example finds the starter where Maven keeps what it has installed
        maven(workspace, "sdk/java", &["install", "-DskipTests"])?;
        maven(workspace, "examples/spring", &["package"])
    });
}

fn maven(workspace: &Workspace, folder: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut maven = workspace.command("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]);
    maven.arg(workspace.path(folder).join("pom.xml"));
    tools::run(maven.args(arguments))
}
