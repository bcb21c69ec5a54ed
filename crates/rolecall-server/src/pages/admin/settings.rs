//! The settings, and where each comes from. They are changed where they are set, and not here.

use axum::response::Response;
use rolecall::Public;

use super::{
    views::settings::{Row, Section, SettingsPage},
    visit::Visit,
};
use crate::{
    config::{Origin, Setting},
    error::ApiError,
    overview::operation,
};

/// The settings.
pub(crate) async fn get_settings(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let settings = operation::settings(&visit.app, visit.caller()).await?;
    let page = SettingsPage {
        is_embedded: settings.is_none(),
        sections: sections(settings.unwrap_or_default()),
    };
    Ok(visit.show("admin_settings.html", &page))
}

/// Returns the settings by the first part of their keys; those without parts come first.
fn sections(settings: Vec<Setting>) -> Vec<Section> {
    let mut sections = vec![Section {
        name: String::new(),
        rows: Vec::new(),
    }];
    for setting in settings {
        let name = setting.key.split_once('.').map_or("", |(name, _)| name);
        let found = sections.iter_mut().find(|section| section.name == name);
        match found {
            Some(section) => section.rows.push(row(&setting)),
            None => sections.push(Section {
                name: name.to_owned(),
                rows: vec![row(&setting)],
            }),
        }
    }
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn row(setting: &Setting) -> Row {
    let is_secret = setting.is_hidden();
    let (origin, place) = match &setting.origin {
        Origin::Default => ("admin-origin-default", String::new()),
        Origin::File(path) => ("admin-origin-file", path.display().to_string()),
        Origin::Environment(name) => ("admin-origin-environment", name.clone()),
        Origin::Flag => ("admin-origin-flag", String::new()),
        Origin::SecretFile(path) => ("admin-origin-secret-file", path.display().to_string()),
    };
    Row {
        key: setting.key.to_owned(),
        value: if is_secret {
            String::new()
        } else {
            setting.value.clone()
        },
        is_secret,
        origin,
        place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    const SECRET: &str = "a secret that nobody must ever see on any page";

    fn shown() -> Vec<Section> {
        let sources = Sources::default()
            .with_file("rolecall.toml", "[tokens]\naccess_ttl = \"7m\"")
            .with_env("ROLECALL_LISTEN", "127.0.0.1:9000")
            .with_env("ROLECALL_TOKENS__SECRET", SECRET)
            .with_env("ROLECALL_TOKENS__ALGORITHM", "HS256")
            .with_env(
                "ROLECALL_MAIL__URL",
                "smtp://user:hunter2secret@127.0.0.1:25",
            )
            .with_env("ROLECALL_MAIL__FROM", "login@example.com")
            .with_flag("log.level", "debug");
        sections(Config::load(&sources).unwrap().show().0)
    }

    fn one<'s>(sections: &'s [Section], key: &str) -> &'s Row {
        let mut rows = sections.iter().flat_map(|section| &section.rows);
        rows.find(|row| row.key == key).unwrap()
    }

    #[test]
    fn each_setting_has_its_value_and_its_source() {
        let sections = shown();
        let row = |key| {
            let row = one(&sections, key);
            (row.value.as_str(), row.origin, row.place.as_str())
        };
        assert_eq!(
            row("tokens.access_ttl"),
            ("\"7m\"", "admin-origin-file", "rolecall.toml")
        );
        assert_eq!(
            row("listen"),
            (
                "\"127.0.0.1:9000\"",
                "admin-origin-environment",
                "ROLECALL_LISTEN"
            )
        );
        assert_eq!(row("log.level"), ("\"debug\"", "admin-origin-flag", ""));
        assert_eq!(row("tokens.issuer"), ("", "admin-origin-default", ""));
        let names: Vec<&str> = sections.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((names[0], names[1]), ("", "database"));
        let all: usize = sections.iter().map(|section| section.rows.len()).sum();
        assert_eq!(all, Config::default().show().0.len());
    }

    #[test]
    fn y509_a_secret_is_set_or_not_and_nothing_more_is_shown() {
        let sections = shown();
        for key in ["tokens.secret", "mail.url"] {
            let row = one(&sections, key);
            assert_eq!((row.value.as_str(), row.is_secret), ("", true), "{key}");
        }
        let unset = one(&sections, "master_key");
        assert!(unset.value.is_empty() && !unset.is_secret);
        let all = format!("{sections:?}");
        assert!(!all.contains(SECRET) && !all.contains("hunter2"), "{all}");
    }
}
