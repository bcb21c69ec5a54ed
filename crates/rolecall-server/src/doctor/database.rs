//! Checks of the database: connection, schema, master key, administrators and audit log.

use secrecy::ExposeSecret as _;

use super::{finding::Finding, mail, running};
use crate::{
    app::App,
    audit::verify::{Verdict, verify},
    authority::caller::Caller,
    bootstrap::{self, Missing},
    clients::store as clients,
    config::{Config, SigningAlgorithm},
    configured,
    error::{ApiError, chain_of},
    prepared,
    profile::review::{self, NAMED as NAMED_USERS, Outdated},
    roles::assignments,
    start,
    store::{
        OpenError, file,
        integrity::{self, Depth},
        migrate,
    },
};

pub(super) async fn check(config: &Config, depth: Depth) -> Vec<Finding> {
    let url = config.database.url.expose_secret();
    let mut findings = Vec::new();
    if let Some(path) = file::sqlite_path(url) {
        if let Err(error) = file::require_not_lost(&path, &start::key_file(&path)) {
            return vec![Finding::fault("database", error.to_string())];
        }
        match file::exists(&path) {
            Ok(true) => {}
            Ok(false) => return vec![Finding::good("database", "created at the first start")],
            Err(error) => return vec![Finding::fault("database", error.to_string())],
        }
        match integrity::check(&path, depth).await {
            Ok(()) => findings.push(Finding::good("damage", "the database file is sound")),
            Err(error @ OpenError::Damaged { .. }) => {
                return vec![
                    Finding::fault("damage", error.to_string()),
                    Finding::fault("database", "its other checks need a sound file"),
                ];
            }
            Err(error) => return vec![Finding::fault("database", chain_of(&error))],
        }
    }
    findings.extend(check_schema(config, url).await);
    findings
}

async fn check_schema(config: &Config, url: &str) -> Vec<Finding> {
    let schema = match migrate::inspect(url, config.database.schema.as_ref()).await {
        Ok(schema) => schema,
        Err(
            error @ (OpenError::Newer { .. }
            | OpenError::Occupied { .. }
            | OpenError::Mixture { .. }),
        ) => {
            return vec![Finding::fault("schema", error.to_string())];
        }
        Err(error) => {
            let text = format!("{error}: check `database.url`, and that the database server runs");
            return vec![Finding::fault("database", text)];
        }
    };
    if schema.found < schema.known {
        let text = "the next start updates it; make a backup first";
        return vec![Finding::warning("schema", text)];
    }
    let mut findings = vec![Finding::good("schema", "up to date")];
    match check_content(config, url).await {
        Ok(content) => findings.extend(content),
        Err(stop) => {
            findings.extend(stop);
            return findings;
        }
    }
    match start::open(configured::options(config, None)).await {
        Ok(opened) => {
            findings.extend(check_open(&opened.app).await);
            findings.extend(id_tokens(config, &opened.app).await);
            opened.app.store().close().await;
        }
        Err(error) => findings.push(Finding::fault("database", chain_of(&error))),
    }
    findings
}

/// Looks for what a start needs and cannot find; `Err` if the database cannot be opened without it. A start would create
/// some of it again, and so hide that it was lost.
async fn check_content(config: &Config, url: &str) -> Result<Vec<Finding>, Vec<Finding>> {
    let fault = |text: String| Finding::fault("database", text);
    let denied = migrate::find_denied(url, config.database.schema.as_ref()).await;
    let denied = denied.map_err(|error| vec![fault(error.to_string())])?;
    if !denied.is_empty() {
        let tables = denied.join(", ");
        return Err(vec![fault(format!(
            "the user of `database.url` may not read and write all tables ({tables}): run `GRANT SELECT, INSERT, UPDATE, DELETE` on them"
        ))]);
    }
    let missing = prepared::find_missing(&configured::options(config, None)).await;
    match missing.map_err(|error| vec![fault(error.to_string())])? {
        None => Err(vec![Finding::good(
            "database",
            "prepared at the first start",
        )]),
        Some(missing) => {
            let is_fatal = missing.iter().any(Missing::is_essential);
            let faults = missing.iter().map(|missing| fault(missing.to_string()));
            let faults = faults.collect();
            if is_fatal { Err(faults) } else { Ok(faults) }
        }
    }
}

async fn check_open(app: &App) -> Vec<Finding> {
    let mut findings = vec![Finding::good("master key", "fits the database")];
    findings.extend(registration_roles(app).await);
    findings.extend(origin(app).await);
    findings.extend(mail::failed(app).await);
    for found in [
        administrators(app).await,
        profiles(app).await,
        audit_log(app).await,
    ] {
        findings.push(found.unwrap_or_else(|error| running::unreadable(&error)));
    }
    findings.extend(running::check(app).await);
    findings
}

/// Reports a database that `serve` refuses.
async fn origin(app: &App) -> Option<Finding> {
    let read = async { bootstrap::read_made_by_dev(&mut app.store().read().await?).await };
    match read.await {
        Ok(false) => None,
        Ok(true) => Some(Finding::warning(
            "database",
            "`rolecall dev` made it, with users whose password is known, so `serve` refuses it",
        )),
        Err(error) => Some(Finding::fault("database", chain_of(&error))),
    }
}

/// Reports applications that sign people in where nothing signs ID tokens.
async fn id_tokens(config: &Config, app: &App) -> Option<Finding> {
    if config.tokens.algorithm != SigningAlgorithm::Hs256 {
        return None;
    }
    let read = async { clients::id_token_algorithms(&mut app.store().read().await?).await };
    match read.await {
        Ok(wanted) if wanted.is_empty() => None,
        Ok(_) => Some(Finding::warning(
            "algorithm",
            "`tokens.algorithm` is HS256, which cannot sign ID tokens, and clients sign people in: a sign-in with `openid` is refused, and sessions go on without ID tokens; use ES256",
        )),
        Err(error) => Some(Finding::fault("algorithm", chain_of(&error))),
    }
}

async fn registration_roles(app: &App) -> Option<Finding> {
    let error = start::check_registration_roles(app).await.err()?;
    Some(Finding::fault("registration", error.to_string()))
}

async fn administrators(app: &App) -> Result<Finding, ApiError> {
    Ok(match assignments::count_admins(app).await? {
        0 => Finding::fault(
            "administrators",
            "there is no administrator: `rolecall user add NAME --role rolecall.admin`",
        ),
        1 => Finding::warning(
            "administrators",
            "there is only one, and without that password only the command line is left: create a second",
        ),
        count => Finding::good("administrators", count.to_string()),
    })
}

async fn profiles(app: &App) -> Result<Finding, ApiError> {
    let found = review::find_outdated(app.store(), &app.settings().profile).await?;
    if found.is_empty() {
        return Ok(Finding::good("profiles", "all values fit their fields"));
    }
    let fields = found.into_iter().map(|(field, outdated)| {
        let Outdated { users, names } = outdated;
        let names = names.join("`, `");
        let more = if users > NAMED_USERS { ", .." } else { "" };
        format!("`{field}` of {users} (`{names}`{more})")
    });
    let fields: Vec<String> = fields.collect();
    Ok(Finding::warning(
        "profiles",
        format!(
            "the values of fields do not fit their declaration any more, so tokens do not carry them: {}; set them again with `rolecall user set-profile`",
            fields.join(", ")
        ),
    ))
}

async fn audit_log(app: &App) -> Result<Finding, ApiError> {
    Ok(match verify(app, Caller::System, None).await? {
        Verdict::Intact { entries, .. } => {
            Finding::good("audit log", format!("intact, {entries} entries"))
        }
        altered => Finding::fault(
            "audit log",
            format!("{altered}: find out who can write to the database"),
        ),
    })
}
