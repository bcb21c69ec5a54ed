//! `xtask/mutants.txt`: why a mutant that no test notices may stay.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

/// Reasons by mutant, whose name is `file: what was done to which function`: no line, so that a change above it
/// changes nothing.
#[derive(Debug)]
pub(crate) struct Reasons(BTreeMap<String, String>);

impl Reasons {
    /// A line for each mutant, and below it, indented, the reason for it and for those right above it.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut reasons = BTreeMap::new();
        let mut waiting: Vec<String> = Vec::new();
        for line in text.lines() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if !line.starts_with(' ') {
                waiting.push(line.to_owned());
                continue;
            }
            if waiting.is_empty() {
                bail!("`{}` is the reason for nothing", line.trim());
            }
            for mutant in waiting.drain(..) {
                if reasons.contains_key(&mutant) {
                    bail!("`{mutant}` is listed twice");
                }
                reasons.insert(mutant, line.trim().to_owned());
            }
        }
        if let Some(mutant) = waiting.first() {
            bail!("no reason is given for `{mutant}`");
        }
        Ok(Self(reasons))
    }

    /// Fails if one of `left` has no reason, or if a mutant of a file that was tested has one without need.
    pub(crate) fn judge<'a>(
        &self,
        left: impl Iterator<Item = &'a String>,
        tested: impl Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        let mut needless = self.0.clone();
        let mut unexplained = Vec::new();
        for mutant in left {
            let name = without_place(mutant).with_context(|| format!("odd name `{mutant}`"))?;
            needless.remove(&name);
            if !self.0.contains_key(&name) {
                unexplained.push(mutant.as_str());
            }
        }
        needless.retain(|name, _| tested(file_of(name)));
        for mutant in &unexplained {
            eprintln!("no test notices, and no reason is given: {mutant}");
        }
        for mutant in needless.keys() {
            eprintln!("a reason without need: {mutant}");
        }
        if !unexplained.is_empty() || !needless.is_empty() {
            let (left, reasons) = (unexplained.len(), needless.len());
            bail!("{left} mutants are left without a reason, {reasons} reasons without a mutant");
        }
        Ok(())
    }

    #[cfg(test)]
    fn files(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| file_of(name))
    }
}

fn file_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(file, _)| file)
}

/// `file:line:column: what` without line and column.
fn without_place(mutant: &str) -> Option<String> {
    let mut parts = mutant.splitn(4, ':');
    let (file, _, _) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{file}:{}", parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Workspace;

    const TEXT: &str =
        "# why\n\nsrc/a.rs: delete ! in one\nsrc/a.rs: replace two with ()\n    both alike\n";

    fn judge(left: &[&str], tested: &[&str]) -> anyhow::Result<()> {
        let left: Vec<String> = left.iter().map(|&one| one.to_owned()).collect();
        Reasons::parse(TEXT)?.judge(left.iter(), |file| tested.contains(&file))
    }

    #[test]
    fn a_mutant_that_is_left_without_a_reason_is_not_passed_over() {
        let known = [
            "src/a.rs:7:9: delete ! in one",
            "src/a.rs:9:1: replace two with ()",
        ];
        judge(&known, &["src/a.rs"]).unwrap();
        let more = [known[0], known[1], "src/a.rs:8:9: delete ! in three"];
        let error = judge(&more, &["src/a.rs"]).unwrap_err().to_string();
        assert!(error.starts_with("1 mutants are left"), "{error}");
    }

    #[test]
    fn a_reason_without_need_does_not_stay_once_its_file_is_tested() {
        let one = ["src/a.rs:7:9: delete ! in one"];
        assert!(judge(&one, &["src/a.rs"]).is_err());
        judge(&one, &["src/b.rs"]).unwrap();
    }

    #[test]
    fn a_list_with_something_missing_is_refused() {
        for odd in [
            "  a reason\n",
            "src/a.rs: a\n",
            "src/a.rs: a\n  b\nsrc/a.rs: a\n  c\n",
        ] {
            assert!(Reasons::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn no_reason_is_kept_for_a_file_that_has_gone() {
        let workspace = Workspace::find();
        let text = std::fs::read_to_string(workspace.path("xtask/mutants.txt")).unwrap();
        for file in Reasons::parse(&text).unwrap().files() {
            assert!(workspace.path(file).is_file(), "{file}");
        }
    }
}
