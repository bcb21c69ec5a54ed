//! Which files are weakened, and which tests are to notice.

use std::num::NonZeroUsize;

use anyhow::bail;

use crate::tools::number_after;

/// Files whose mutants are tested in the same way.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// As in the table of results: the section, then what of it.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// From the root of the checkout; a folder ends with `/` and means all below it.
    pub(crate) files: Vec<String>,
    /// What the first of them misses goes on to the next.
    pub(crate) stages: &'static [Tests],
}

/// Tests to run on a mutant.
#[derive(Debug)]
pub(crate) struct Tests {
    pub(crate) package: &'static str,
    /// As `cargo test` takes them.
    pub(crate) targets: &'static [&'static str],
    /// Parts of names; none means all.
    pub(crate) filters: &'static [&'static str],
}

impl Group {
    fn has(&self, file: &str) -> bool {
        self.files
            .iter()
            .any(|own| own == file || own.ends_with('/') && file.starts_with(own.as_str()))
    }

    /// For the command line of cargo-mutants.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|file| match file.strip_suffix('/') {
            Some(folder) => format!("{folder}/**/*.rs"),
            None => file.clone(),
        })
    }
}

/// What to run, and in how many copies of the checkout at once.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<Group>,
    pub(crate) jobs: usize,
}

impl Plan {
    /// `[SECTION | FILE].. [--jobs N]`; all sections, one after the other, if nothing is said.
    pub(crate) fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let known = groups();
        let mut plan = Self {
            groups: Vec::new(),
            jobs: 1,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--jobs" {
                plan.jobs = number_after::<NonZeroUsize>(argument, &mut arguments)?.get();
                continue;
            }
            let before = plan.groups.len();
            plan.groups
                .extend(known.iter().filter_map(|group| part(group, argument)));
            if plan.groups.len() == before {
                bail!("`{argument}` is neither core, guard or services nor a file of theirs");
            }
        }
        if plan.groups.is_empty() {
            plan.groups = known;
        }
        Ok(plan)
    }

    /// Whether every mutant of the file is tested.
    pub(crate) fn covers(&self, file: &str) -> bool {
        self.groups.iter().any(|group| group.has(file))
    }
}

/// What of the group is asked for by its section, or by the name of a file.
fn part(group: &Group, asked: &str) -> Option<Group> {
    if group.name.split(' ').next() == Some(asked) {
        return Some(group.clone());
    }
    group.has(asked).then(|| Group {
        files: vec![asked.to_owned()],
        ..group.clone()
    })
}

const SERVER: &str = "rolecall-server";

/// All that the server is tested with in the process.
const SERVER_ALL: Tests = Tests {
    package: SERVER,
    targets: &["--lib", "--test=it"],
    filters: &[],
};

/// Those of the server's tests that have one of `filters` in their names, then all others.
macro_rules! server_first {
    ($($filter:literal),+) => {
        &[
            Tests { package: SERVER, targets: &["--lib", "--test=it"], filters: &[$($filter),+] },
            SERVER_ALL,
        ]
    };
}

const CORE: &[Tests] = &[
    Tests {
        package: "rolecall-core",
        targets: &["--lib"],
        filters: &[],
    },
    SERVER_ALL,
];

const GUARD: &[Tests] = &[
    Tests {
        package: "rolecall",
        targets: &["--lib", "--test=log", "--test=token", "--test=it"],
        filters: &[],
    },
    SERVER_ALL,
];

/// The whole core, the whole guard library, and of the server what decides who may do what.
fn groups() -> Vec<Group> {
    let whole = |name, package, folder: &str, stages| Group {
        name,
        package,
        files: vec![folder.to_owned()],
        stages,
    };
    let mut groups = vec![
        whole("core", "rolecall-core", "crates/rolecall-core/src/", CORE),
        whole("guard", "rolecall", "crates/rolecall/src/", GUARD),
    ];
    groups.extend(SERVICES.iter().map(|(name, files, stages)| {
        let path = |file: &&str| format!("crates/rolecall-server/src/{file}");
        Group {
            name,
            package: SERVER,
            files: files.iter().map(path).collect(),
            stages,
        }
    }));
    groups
}

/// Name, files below the source of the server, and tests.
type Services = (&'static str, &'static [&'static str], &'static [Tests]);

const SERVICES: [Services; 6] = [
    (
        "services roles",
        &["roles/", "store/change.rs"],
        server_first!(
            "roles::",
            "assignments::",
            "delegation::",
            "tenants::",
            "review::",
            "duties::",
            "approvals::"
        ),
    ),
    (
        "services accounts",
        &[
            "accounts/authority.rs",
            "accounts/credentials.rs",
            "accounts/me_service.rs",
            "accounts/registration.rs",
            "accounts/service.rs",
            "accounts/subject.rs",
        ],
        server_first!(
            "accounts::",
            "users::",
            "account::",
            "registration::",
            "delegation::"
        ),
    ),
    (
        "services policy",
        &["policy/"],
        server_first!("policy::", "policy_command_line::"),
    ),
    (
        "services oauth",
        &["oauth/", "sessions/"],
        server_first!(
            "oauth::",
            "sessions::",
            "refresh::",
            "token::",
            "revocation::",
            "clients::",
            "tenants::"
        ),
    ),
    (
        "services clients",
        &["clients/"],
        server_first!("clients::"),
    ),
    (
        "services decisions",
        &["decisions/"],
        server_first!("decisions::", "decision_bounds::"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Workspace;

    fn plan(arguments: &[&str]) -> anyhow::Result<Plan> {
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        Plan::parse(&arguments)
    }

    #[test]
    fn a_section_is_all_its_groups_and_a_file_only_itself() {
        let services = plan(&["services"]).unwrap();
        assert_eq!(services.groups.len(), groups().len() - 2);
        let file = "crates/rolecall-server/src/oauth/refresh.rs";
        let one = plan(&[file, "--jobs", "2"]).unwrap();
        assert_eq!((one.groups.len(), one.jobs), (1, 2));
        assert!(one.covers(file));
        assert!(!one.covers("crates/rolecall-server/src/oauth/scope.rs"));
        assert_eq!(plan(&[]).unwrap().groups.len(), groups().len());
    }

    #[test]
    fn what_is_no_section_no_file_of_one_and_no_number_is_refused() {
        for odd in [
            &["shell"][..],
            &["xtask/src/main.rs"],
            &["--jobs"],
            &["--jobs", "0"],
        ] {
            assert!(plan(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn no_file_that_is_named_has_gone() {
        for file in groups().iter().flat_map(|group| &group.files) {
            assert!(Workspace::find().path(file).exists(), "{file}");
        }
    }
}
