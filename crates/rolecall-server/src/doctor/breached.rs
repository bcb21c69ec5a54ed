//! The check of the list of breached passwords.

use super::finding::Finding;
use crate::{breached, config::Config, store::integrity::Depth};

const CHECK: &str = "breached passwords";

pub(super) fn check(config: &Config, depth: Depth) -> Finding {
    let Some(path) = &config.passwords.breached else {
        let text = "no list is set, so only the most common passwords are refused: build one with `rolecall passwords build` \
            and set `passwords.breached`";
        return Finding::warning(CHECK, text).on_pages("admin-doctor-breached");
    };
    let list = match breached::open(path) {
        Ok(list) => list,
        Err(error) => return Finding::fault(CHECK, error.to_string()),
    };
    let checked = match depth {
        Depth::Quick => list.count(),
        Depth::Full => list.verify().and_then(|()| list.count()),
    };
    match checked {
        Ok(count) => Finding::good(CHECK, format!("{count} in {}", path.display())),
        Err(error) => Finding::fault(CHECK, format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rolecall_passwords::ReadOptions;

    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn a_list_is_good_a_missing_one_a_fault_and_a_damaged_block_one_with_full() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("list.txt"), folder.path().join("list"));
        let mut config = Config::default();
        let severity = |config: &Config, depth| check(config, depth).severity;
        assert_eq!(severity(&config, Depth::Quick), Severity::Warning);
        config.passwords.breached = Some(to.clone());
        assert_eq!(severity(&config, Depth::Quick), Severity::Fault);
        fs::write(&from, "a password\n").unwrap();
        breached::build(&from, &to, ReadOptions::default(), false, |_| ()).unwrap();
        assert_eq!(severity(&config, Depth::Full), Severity::Good);
        let mut bytes = fs::read(&to).unwrap();
        bytes[5000] ^= 1;
        fs::write(&to, bytes).unwrap();
        assert_eq!(severity(&config, Depth::Quick), Severity::Good);
        assert_eq!(severity(&config, Depth::Full), Severity::Fault);
    }
}
