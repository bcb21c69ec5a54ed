use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_passwords::PasswordScheme;
use secrecy::ExposeSecret as _;

use super::keys::KEYS;
use super::*;

mod profile;

const SECRET: &str = "canary-0123456789abcdef0123456789abcdef";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn file(text: &str) -> Sources {
    Sources::default().with_file("rolecall.toml", text)
}

fn load(text: &str) -> Result<Config, String> {
    Config::load(&file(text)).map_err(|error| error.to_string())
}

/// Returns the only fault of a file.
fn fault(text: &str) -> String {
    let error = Config::load(&file(text)).unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
    error.to_string()
}

fn env(variables: &[(&str, &str)]) -> Result<Config, String> {
    let sources = variables
        .iter()
        .fold(Sources::default(), |sources, (name, value)| {
            sources.with_env(*name, *value)
        });
    Config::load(&sources).map_err(|error| error.to_string())
}

#[test]
fn without_sources_the_documented_defaults_apply() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.issuer().unwrap(), "http://127.0.0.1:8000");
    assert_eq!(
        config.database.url.expose_secret(),
        "sqlite://rolecall-data/rolecall.db"
    );
    assert_eq!(config.registration.mode, RegistrationMode::Closed);
    assert_eq!(config.registration.roles, ["user".parse().unwrap()]);
    assert_eq!(config.oauth.password_grant, PasswordGrant::FirstParty);
    assert_eq!(config.tokens.algorithm, SigningAlgorithm::Es256);
    assert_eq!(config.tokens.access_ttl, Duration::from_mins(30));
    assert_eq!(config.tokens.max_bytes, 4096);
    assert_eq!(config.passwords.scheme, PasswordScheme::Argon2id);
    assert_eq!(config.login.failures_per_minute, 600);
    assert_eq!(config.passwords.min_length, 15);
    let connections = &config.connections;
    assert_eq!((connections.max, connections.per_address), (10_000, 1_000));
    assert_eq!(connections.idle_timeout, Duration::from_secs(620));
    assert!(connections.drain_delay.is_zero());
    assert_eq!(config.guard.max_staleness, Duration::from_secs(30));
    assert_eq!(config.guard.on_stale, OnStale::Refuse);
    assert!(config.cors.allowed_origins.is_empty() && config.proxy.trusted.is_empty());
    assert!(config.master_key.is_none() && !config.insecure_http);
}

#[test]
fn every_key_can_be_set_in_the_file() {
    let config = load(&format!(
        r#"
        listen = "0.0.0.0:9000"
        public_url = "https://login.example.com/"
        insecure_http = true
        master_key = "{KEY}"
        [database]
        url = "postgres://u:p@db/rolecall"
        schema = "rolecall"
        [registration]
        mode = "open"
        roles = ["user", "reader"]
        [oauth]
        password_grant = "off"
        [tokens]
        algorithm = "HS256"
        access_ttl = 600
        issuer = "https://issuer.example.com"
        audience = "https://api.example.com"
        max_bytes = 8192
        secret = "{SECRET}"
        [quotas]
        own_changes_per_hour = 60
        changes_per_hour = 6000
        revocations_per_hour = 60
        refreshes_per_hour = 360
        log_ins_per_hour = 60
        [login]
        failures_per_minute = 6000
        [passwords]
        scheme = "bcrypt"
        min_length = 8
        [connections]
        max = 500
        per_address = 50
        idle_timeout = "65s"
        drain_delay = "10s"
        [cors]
        allowed_origins = ["https://app.example.com", "http://localhost:3000"]
        [proxy]
        trusted = ["10.0.0.0/8", "192.168.1.7", "fd00::/8"]
        [guard]
        max_staleness = "1m"
        on_stale = "accept"
        [log]
        format = "json"
        level = "info,sqlx=warn"
        "#
    ))
    .unwrap();
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://login.example.com")
    );
    assert_eq!(config.issuer().unwrap(), "https://issuer.example.com");
    assert_eq!(config.tokens.access_ttl, Duration::from_mins(10));
    assert_eq!(config.tokens.secret.unwrap().expose_secret(), SECRET);
    assert_eq!(config.registration.roles.len(), 2);
    assert_eq!(config.proxy.trusted.len(), 3);
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(config.master_key.is_some());
    let schema = config.database.schema.unwrap();
    assert_eq!(schema.to_string(), "rolecall");
}

#[test]
fn a_schema_is_a_plain_name_and_only_postgresql_has_one() {
    for (url, schema, part) in [
        ("postgres://db/app", "a-b", "is not the name of a schema"),
        ("postgres://db/app", "pg_temp", "belongs to PostgreSQL"),
        ("sqlite:a.db", "rolecall", "SQLite has no schemas"),
    ] {
        let text = fault(&format!(
            "[database]\nurl = \"{url}\"\nschema = \"{schema}\""
        ));
        assert!(
            text.contains("database.schema") && text.contains(part),
            "{text}"
        );
    }
    // an empty one clears that of a source below
    let config = load("[database]\nurl = \"sqlite:a.db\"\nschema = \"\"").unwrap();
    assert_eq!(config.database.schema, None);
}

#[test]
fn every_key_can_be_set_in_the_environment() {
    let config = env(&[
        ("ROLECALL_LISTEN", "[::1]:9000"),
        ("ROLECALL_PUBLIC_URL", "https://login.example.com"),
        ("ROLECALL_INSECURE_HTTP", "true"),
        ("ROLECALL_MASTER_KEY", KEY),
        ("ROLECALL_DATABASE__URL", "sqlite://x.db"),
        ("ROLECALL_REGISTRATION__MODE", "open"),
        ("ROLECALL_REGISTRATION__ROLES", "user, reader"),
        ("ROLECALL_OAUTH__PASSWORD_GRANT", "off"),
        ("ROLECALL_TOKENS__ALGORITHM", "HS256"),
        ("ROLECALL_TOKENS__ACCESS_TTL", "10m"),
        ("ROLECALL_TOKENS__ISSUER", "i"),
        ("ROLECALL_TOKENS__AUDIENCE", "a"),
        ("ROLECALL_TOKENS__MAX_BYTES", "2048"),
        (
            "ROLECALL_TOKENS__SECRET",
            "12345678901234567890123456789012",
        ),
        ("ROLECALL_PASSWORDS__SCHEME", "bcrypt"),
        ("ROLECALL_PASSWORDS__MIN_LENGTH", "12"),
        (
            "ROLECALL_CORS__ALLOWED_ORIGINS",
            "https://a.example,https://b.example",
        ),
        ("ROLECALL_PROXY__TRUSTED", "10.0.0.1"),
        ("ROLECALL_GUARD__MAX_STALENESS", "5"),
        ("ROLECALL_GUARD__ON_STALE", "accept"),
        ("ROLECALL_LOG__FORMAT", "text"),
        ("ROLECALL_LOG__LEVEL", "debug"),
        ("PATH", "/bin"),
        ("ROLECALL_CONFIG", "elsewhere.toml"),
        ("ROLECALL_BLESS", "1"),
        ("ROLECALL_VECTORS", "x"),
    ])
    .unwrap();
    assert_eq!(config.registration.roles.len(), 2);
    assert_eq!(
        config.cors.allowed_origins,
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(config.passwords.min_length, 12);
    // a secret of digits stays a text
    let secret = config.tokens.secret.unwrap();
    assert_eq!(secret.expose_secret(), "12345678901234567890123456789012");
}

#[test]
fn switches_and_numbers_may_be_texts_or_not() {
    for yes in ["true", "\"true\"", "\"YES\"", "1"] {
        assert!(
            load(&format!("insecure_http = {yes}"))
                .unwrap()
                .insecure_http
        );
    }
    for no in ["false", "\"off\"", "0"] {
        assert!(
            !load(&format!("insecure_http = {no}"))
                .unwrap()
                .insecure_http
        );
    }
    let config = load("[tokens]\nmax_bytes = \"2048\"\nlegacy.until = 2030-01-31").unwrap_err();
    assert!(
        config.starts_with("`tokens.legacy.secret` is missing"),
        "{config}"
    );
    assert_eq!(
        fault("[passwords]\nmin_length = 1.5"),
        "`passwords.min_length`: `1.5` is not a whole number, or it is out of range"
    );
}

#[test]
fn an_empty_list_can_be_set_in_the_environment() {
    let config = env(&[("ROLECALL_REGISTRATION__ROLES", "")]).unwrap();
    assert!(config.registration.roles.is_empty());
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let file =
        file("listen = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n[tokens]\naccess_ttl = \"1m\"");
    let with_env = file
        .clone()
        .with_env("ROLECALL_LISTEN", "127.0.0.1:2")
        .with_env("ROLECALL_LOG__LEVEL", "debug");
    let with_flag = with_env.clone().with_flag("listen", "127.0.0.1:3");
    for (sources, port, level) in [
        (file, 1, "warn"),
        (with_env, 2, "debug"),
        (with_flag, 3, "debug"),
    ] {
        let config = Config::load(&sources).unwrap();
        assert_eq!(config.listen.port(), port);
        assert_eq!(config.log.level, level);
        assert_eq!(config.tokens.access_ttl, Duration::from_mins(1));
    }
}

#[test]
fn a_list_from_a_higher_source_replaces_the_lower_one() {
    let sources = file("[registration]\nroles = [\"user\", \"reader\"]")
        .with_env("ROLECALL_REGISTRATION__ROLES", "guest");
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.registration.roles, ["guest".parse().unwrap()]);
}

#[test]
fn an_unknown_key_is_refused_in_every_source() {
    assert_eq!(
        fault("[tokens]\nacces_ttl = 5"),
        "unknown key `tokens.acces_ttl` (file rolecall.toml); did you mean `tokens.access_ttl`?"
    );
    assert_eq!(
        fault("nonsense = 5"),
        "unknown key `nonsense` (file rolecall.toml)"
    );
    assert_eq!(
        fault("[nonsense.deep]\nx = 5"),
        "unknown key `nonsense.deep.x` (file rolecall.toml)"
    );
    assert_eq!(
        env(&[("ROLECALL_TOKENS_ACCESS_TTL", "5")]).unwrap_err(),
        "unknown key `tokens_access_ttl` (environment ROLECALL_TOKENS_ACCESS_TTL); did you mean `ROLECALL_TOKENS__ACCESS_TTL`?"
    );
    assert_eq!(
        env(&[("ROLECALL_DATABSE_URL", "x")]).unwrap_err(),
        "unknown key `databse_url` (environment ROLECALL_DATABSE_URL); did you mean `ROLECALL_DATABASE__URL`?"
    );
    assert_eq!(
        Config::load(&Sources::default().with_flag("lisen", "x"))
            .unwrap_err()
            .to_string(),
        "unknown key `lisen` (command line); did you mean `listen`?"
    );
    assert!(fault("listen_file = \"x\"").starts_with("unknown key `listen_file`"));
    assert!(fault("[listen]\nport = 5").contains("`listen"));
}

#[test]
fn all_unknown_keys_are_reported_at_once() {
    let error = Config::load(&file("a = 1\nb = 2\n[log]\nc = 3")).unwrap_err();
    assert_eq!(error.faults().len(), 3);
}

#[test]
fn an_incomplete_legacy_section_is_refused() {
    const LONG: &str = "secret = \"0123456789abcdef0123456789abcdef\"";
    const REST: &str = "until = \"2030-01-31\"\nmax_age = \"30m\"";
    let legacy = |text: &str| fault(&format!("[tokens.legacy]\n{text}"));
    for (text, message) in [
        (REST, "`tokens.legacy.secret` is missing"),
        (
            "allow_short_secret = true",
            "`tokens.legacy.secret` is missing",
        ),
        (
            &format!("{LONG}\nmax_age = \"30m\""),
            "`tokens.legacy.until` is missing",
        ),
        (
            &format!("{LONG}\nuntil = \"2030-01-31\""),
            "`tokens.legacy.max_age` is missing",
        ),
        (&format!("secret = \"short\"\n{REST}"), "has 5 bytes"),
        (
            &format!("secret = \"\"\nallow_short_secret = true\n{REST}"),
            "is empty",
        ),
        (
            &format!("{LONG}\nuntil = \"soon\"\nmax_age = \"30m\""),
            "`soon` is not a time",
        ),
        (
            &format!("{LONG}\nuntil = \"2030-01-31\"\nmax_age = \"91d\""),
            "between 1s and 90d",
        ),
        (&format!("{LONG}\nalgorithm = \"HS512\"\n{REST}"), "`HS512`"),
        (
            &format!("{LONG}\n{REST}\n[tokens]\nalgorithm = \"HS256\"\n{LONG}"),
            "must not be the same as `tokens.legacy.secret`",
        ),
    ] {
        assert!(legacy(text).contains(message), "{text}: {}", legacy(text));
    }
    for text in ["[tokens]\nlegacy = []", "[[tokens.legacy]]\nsecret = \"x\""] {
        assert!(fault(text).contains("tokens.legacy"), "{text}");
    }
    let good = format!("[tokens.legacy]\nsecret = \"short\"\nallow_short_secret = true\n{REST}");
    let good = Config::load(&file(&good)).unwrap();
    let until = Timestamp::from_seconds(1_896_048_000);
    assert_eq!(good.tokens.legacy.until, Some(until));
    let shown = good.show().to_string();
    assert!(
        shown.contains("2030-01-31T00:00:00Z") && !shown.contains("short\""),
        "{shown}"
    );
}

#[test]
fn metrics_are_off_by_default_and_need_a_port_of_their_own() {
    assert_eq!(Config::load(&file("")).unwrap().metrics.listen, None);
    let on = "[metrics]\nlisten = \"127.0.0.1:9100\"";
    let shown = Config::load(&file(on)).unwrap().show().to_string();
    assert!(
        shown.contains("metrics.listen = \"127.0.0.1:9100\""),
        "{shown}"
    );
    for same in ["127.0.0.1:8000", "0.0.0.0:8000", "[::]:8000"] {
        let refused = fault(&format!("[metrics]\nlisten = \"{same}\""));
        assert!(refused.starts_with("`metrics.listen`"), "{same}: {refused}");
    }
    assert!(fault("[metrics]\nlisten = \"9100\"").starts_with("`metrics.listen`"));
    let any_port = "listen = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"";
    Config::load(&file(any_port)).unwrap();
}

#[test]
fn the_error_for_a_malformed_value_names_its_key() {
    for (text, key) in [
        ("listen = \"somewhere\"", "listen"),
        ("listen = 8000", "listen"),
        ("insecure_http = \"perhaps\"", "insecure_http"),
        ("master_key = \"short\"", "master_key"),
        ("[registration]\nmode = \"ajar\"", "registration.mode"),
        (
            "[registration]\nroles = [\"No Name\"]",
            "registration.roles",
        ),
        ("[registration]\nroles = 5", "registration.roles"),
        ("[oauth]\npassword_grant = \"on\"", "oauth.password_grant"),
        ("[tokens]\nalgorithm = \"none\"", "tokens.algorithm"),
        ("[tokens]\nalgorithm = \"PS256\"", "tokens.algorithm"),
        ("[tokens]\nrotate_every = \"59m\"", "tokens.rotate_every"),
        ("[tokens]\nrotate_every = \"401d\"", "tokens.rotate_every"),
        ("master_key_previous = \"short\"", "master_key_previous"),
        ("[tokens]\naccess_ttl = \"soon\"", "tokens.access_ttl"),
        ("[tokens]\naccess_ttl = -5", "tokens.access_ttl"),
        ("[tokens]\nmax_bytes = -1", "tokens.max_bytes"),
        ("[passwords]\nscheme = \"md5\"", "passwords.scheme"),
        ("[passwords]\nmin_length = \"long\"", "passwords.min_length"),
        ("[proxy]\ntrusted = [\"everybody\"]", "proxy.trusted"),
        ("[guard]\non_stale = \"panic\"", "guard.on_stale"),
        ("[log]\nformat = \"xml\"", "log.format"),
        ("tokens = 5", "tokens"),
    ] {
        let fault = fault(text);
        assert!(fault.contains(&format!("`{key}`")), "{text}: {fault}");
        for word in ["::", "enum", "variant"] {
            assert!(!fault.contains(word), "a Rust name in: {fault}");
        }
    }
}

#[test]
fn x076_values_out_of_bounds_are_refused_and_the_bounds_are_exact() {
    for (good, bad, key) in [
        (
            "[passwords]\nmin_length = 8",
            "[passwords]\nmin_length = 7",
            "passwords.min_length",
        ),
        (
            "[passwords]\nmin_length = 256",
            "[passwords]\nmin_length = 257",
            "passwords.min_length",
        ),
        (
            "[tokens]\naccess_ttl = \"24h\"",
            "[tokens]\naccess_ttl = 86401",
            "tokens.access_ttl",
        ),
        (
            "[tokens]\naccess_ttl = 1",
            "[tokens]\naccess_ttl = 0",
            "tokens.access_ttl",
        ),
        (
            "[sessions]\nidle_ttl = \"1m\"",
            "[sessions]\nidle_ttl = \"59s\"",
            "sessions.idle_ttl",
        ),
        (
            "[sessions]\nmax_ttl = \"400d\"",
            "[sessions]\nmax_ttl = \"401d\"",
            "sessions.max_ttl",
        ),
        (
            "[sessions]\nper_user = 1",
            "[sessions]\nper_user = 0",
            "sessions.per_user",
        ),
        (
            "[tokens]\nmax_bytes = 1024",
            "[tokens]\nmax_bytes = 1023",
            "tokens.max_bytes",
        ),
        (
            "[tokens]\nmax_bytes = 16384",
            "[tokens]\nmax_bytes = 16385",
            "tokens.max_bytes",
        ),
        (
            "[tokens]\nissuer = \"x\"",
            "[tokens]\nissuer = \"\"",
            "tokens.issuer",
        ),
        (
            "[tokens]\naudience = \"x\"",
            "[tokens]\naudience = \"a b\"",
            "tokens.audience",
        ),
    ] {
        assert_bound(good, bad, key);
    }
}

#[test]
fn limits_of_the_policy_have_bounds() {
    for (good, bad, key) in [
        (
            "[policy]\nmax_roles = 100",
            "[policy]\nmax_roles = 99",
            "policy.max_roles",
        ),
        (
            "[policy]\nmax_effects = 1000000000",
            "[policy]\nmax_effects = 1000000001",
            "policy.max_effects",
        ),
        (
            "[policy]\nat_once = 1",
            "[policy]\nat_once = 0",
            "policy.at_once",
        ),
        (
            "[policy]\ndeadline = \"10m\"",
            "[policy]\ndeadline = \"11m\"",
            "policy.deadline",
        ),
    ] {
        assert_bound(good, bad, key);
    }
}

#[test]
fn quotas_out_of_bounds_are_refused_and_the_bounds_are_exact() {
    for name in [
        "own_changes_per_hour",
        "changes_per_hour",
        "revocations_per_hour",
        "refreshes_per_hour",
        "log_ins_per_hour",
    ] {
        let text = |limit: u32| format!("[quotas]\n{name} = {limit}");
        let key = format!("quotas.{name}");
        assert_bound(&text(10), &text(9), &key);
        assert_bound(&text(10_000_000), &text(10_000_001), &key);
    }
}

#[test]
fn limits_on_connections_out_of_bounds_are_refused_and_the_bounds_are_exact() {
    for (key, good, bad) in [
        ("max", "1", "0"),
        ("max", "1000000", "1000001"),
        ("per_address", "1", "0"),
        ("per_address", "1000000", "1000001"),
        ("idle_timeout", "\"5s\"", "\"4999ms\""),
        ("idle_timeout", "\"1h\"", "\"61m\""),
        ("drain_delay", "\"0s\"", "\"301s\""),
        ("drain_delay", "\"5m\"", "\"301s\""),
    ] {
        let text = |value: &str| format!("[connections]\n{key} = {value}");
        assert_bound(&text(good), &text(bad), &format!("connections.{key}"));
    }
}

fn assert_bound(good: &str, bad: &str, key: &str) {
    load(good).unwrap();
    let fault = fault(bad);
    assert!(fault.contains(&format!("`{key}`")), "{bad}: {fault}");
}

#[test]
fn values_that_would_disable_a_protection_are_refused() {
    for (good, bad, key) in [
        (
            "[guard]\nmax_staleness = \"1s\"",
            "[guard]\nmax_staleness = \"999ms\"",
            "guard.max_staleness",
        ),
        (
            "[guard]\nmax_staleness = \"1h\"",
            "[guard]\nmax_staleness = \"61m\"",
            "guard.max_staleness",
        ),
        (
            "[login]\nfailures_per_minute = 1000000",
            "[login]\nfailures_per_minute = 1000001",
            "login.failures_per_minute",
        ),
        (
            "[login]\nfailures_per_minute = 1",
            "[login]\nfailures_per_minute = 0",
            "login.failures_per_minute",
        ),
        (
            "[database]\nurl = \"sqlite::memory:\"",
            "[database]\nurl = \"mysql://x\"",
            "database.url",
        ),
        (
            "[proxy]\ntrusted = \"10.0.0.0/8\"",
            "[proxy]\ntrusted = \"0.0.0.0/0\"",
            "proxy.trusted",
        ),
        (
            "[log]\nlevel = \"warn\"",
            "[log]\nlevel = \"a=b=c\"",
            "log.level",
        ),
        (
            "[log]\nlevel = \"info,sqlx=warn\"",
            "[log]\nlevel = \"wran\"",
            "log.level",
        ),
    ] {
        assert_bound(good, bad, key);
    }
}

#[test]
fn origins_for_cors_are_exact_or_refused() {
    for origin in [
        "https://app.example.com",
        "http://localhost:3000",
        "http://[::1]:3000",
    ] {
        load(&format!("[cors]\nallowed_origins = [\"{origin}\"]")).unwrap();
    }
    for origin in [
        "*",
        "https://*.example.com",
        "null",
        "https://app.example.com/",
        "https://app.example.com/x",
        "app.example.com",
        "HTTPS://app.example.com",
        "https://App.example.com",
        "ftp://x",
        "https://u@x.example",
    ] {
        let fault = fault(&format!("[cors]\nallowed_origins = [\"{origin}\"]"));
        assert!(fault.contains("is not an origin"), "{fault}");
    }
}

#[test]
fn a_server_that_others_can_reach_needs_tls_or_insecure_http() {
    for text in [
        "listen = \"0.0.0.0:8000\"",
        "listen = \"[::]:8000\"",
        "listen = \"192.168.1.5:8000\"",
        "listen = \"0.0.0.0:8000\"\npublic_url = \"http://login.example.com\"",
        "listen = \"0.0.0.0:8000\"\npublic_url = \"http://localhost:8000\"",
        "public_url = \"http://login.example.com\"",
    ] {
        let fault = fault(text);
        assert!(fault.contains("public_url = \"https://...\""), "{fault}");
        assert!(fault.contains("insecure_http = true"), "{fault}");
    }
    for text in [
        "listen = \"0.0.0.0:8000\"\npublic_url = \"https://login.example.com\"",
        "listen = \"0.0.0.0:8000\"\npublic_url = \"http://login.example.com\"\ninsecure_http = true",
        "public_url = \"http://localhost:8000\"",
        "public_url = \"http://127.0.0.1:8000\"",
        "public_url = \"https://login.example.com/base\"",
        "listen = \"[::1]:8000\"",
    ] {
        load(text).unwrap();
    }
}

#[test]
fn variables_of_a_cluster_are_passed_over_and_misspelt_ones_are_not() {
    let sources = Sources::default()
        .with_env("ROLECALL_SERVICE_HOST", "10.0.0.7")
        .with_env("ROLECALL_PORT", "tcp://10.0.0.7:8000")
        .with_env("ROLECALL_PORT_8000_TCP_ADDR", "10.0.0.7")
        .with_env("ROLECALL_LISTEN", "127.0.0.1:9000");
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.listen.port(), 9000);
    assert_eq!(
        config.passed_over,
        [
            "ROLECALL_SERVICE_HOST",
            "ROLECALL_PORT",
            "ROLECALL_PORT_8000_TCP_ADDR"
        ]
    );
    let refused = Config::load(&sources.with_env("ROLECALL_PORT", "9000")).unwrap_err();
    assert!(
        refused.to_string().contains("unknown key `port`"),
        "{refused}"
    );
}

#[test]
fn public_urls_that_cannot_be_an_issuer_are_refused() {
    for url in [
        "login.example.com",
        "ftp://x",
        "https://a.example:99999",
        "https://",
        "https://u:p@x.example",
        "https://x.example/?q",
        "https://x.example/#f",
        "https://x.example/ y",
        "",
    ] {
        let fault = fault(&format!("public_url = \"{url}\""));
        assert!(fault.starts_with("`public_url`"), "{url}: {fault}");
    }
}

#[test]
fn the_issuer_is_configured_or_derived_and_never_guessed() {
    let issuer = |text: &str| load(text).unwrap().issuer().unwrap();
    assert_eq!(
        issuer("public_url = \"https://a.example\"\n[tokens]\nissuer = \"https://b.example\""),
        "https://b.example"
    );
    assert_eq!(
        issuer("public_url = \"https://a.example/\""),
        "https://a.example"
    );
    assert_eq!(issuer("listen = \"[::1]:9000\""), "http://[::1]:9000");
    let bound = "127.0.0.1:54321".parse().unwrap();
    let config = load("listen = \"127.0.0.1:0\"").unwrap();
    assert_eq!(config.issuer_at(bound).unwrap(), "http://127.0.0.1:54321");
    let fault = fault("listen = \"0.0.0.0:8000\"\ninsecure_http = true");
    assert!(fault.contains("`public_url` is needed"), "{fault}");
}

#[test]
fn a_short_or_unused_shared_secret_is_refused() {
    let short =
        fault("[tokens]\nalgorithm = \"HS256\"\nsecret = \"0123456789012345678901234567890\"");
    assert!(
        short.contains("has 31 bytes") && short.contains("at least 32"),
        "{short}"
    );
    let idle = fault(&format!("[tokens]\nsecret = \"{SECRET}\""));
    assert!(idle.contains("only used with"), "{idle}");
    load(&format!(
        "[tokens]\nalgorithm = \"HS256\"\nsecret = \"{}\"",
        &SECRET[..32]
    ))
    .unwrap();
}

fn secret_file(folder: &Path, content: &str, mode: u32) -> String {
    let path = folder.join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_secret_can_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = secret_file(folder.path(), &format!("{SECRET}\r\n"), 0o640);
    let config = load(&format!(
        "[tokens]\nalgorithm = \"HS256\"\nsecret_file = \"{path}\""
    ))
    .unwrap();
    assert_eq!(
        config.tokens.secret.as_ref().unwrap().expose_secret(),
        SECRET
    );
    assert!(config.show().to_string().contains("secret file"));

    let path = secret_file(folder.path(), &format!("{KEY}\n"), 0o400);
    assert!(
        env(&[("ROLECALL_MASTER_KEY_FILE", &path)])
            .unwrap()
            .master_key
            .is_some()
    );

    let path = secret_file(folder.path(), "sqlite://x.db\n", 0o600);
    let config = env(&[("ROLECALL_DATABASE__URL_FILE", &path)]).unwrap();
    assert_eq!(config.database.url.expose_secret(), "sqlite://x.db");
}

#[test]
fn what_editors_put_around_a_secret_is_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let with = |content: &str| {
        let path = secret_file(folder.path(), content, 0o600);
        load(&format!(
            "[tokens]\nalgorithm = \"HS256\"\nsecret_file = \"{path}\""
        ))
    };
    for content in [
        format!("\u{feff}{SECRET}"),
        format!("\u{feff}{SECRET}\n"),
        format!("{SECRET}\n"),
    ] {
        let config = with(&content).unwrap();
        let secret = config.tokens.secret.as_ref().unwrap();
        assert_eq!(secret.expose_secret(), SECRET);
    }
    // it would sign with another secret than the program that reads all of the file, or none of its newlines
    for ends in ["\n\n", "\r\n\r\n", "\n\r\n", "\r"] {
        let error = with(&format!("{SECRET}{ends}")).unwrap_err();
        assert!(error.contains("more than one newline"), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[test]
fn a_secret_and_its_file_in_one_source_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = secret_file(folder.path(), KEY, 0o600);
    let error = fault(&format!(
        "master_key = \"{KEY}\"\nmaster_key_file = \"{path}\""
    ));
    assert_eq!(
        error,
        "`master_key` (file rolecall.toml) and `master_key_file` (file rolecall.toml) are both set; keep one of them"
    );
    let both = [
        ("ROLECALL_MASTER_KEY", KEY),
        ("ROLECALL_MASTER_KEY_FILE", path.as_str()),
    ];
    assert!(env(&both).unwrap_err().contains("are both set"));
}

#[test]
fn a_secret_or_its_file_in_a_higher_source_replaces_both_in_a_lower_one() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = ["sqlite:a.db", "sqlite:b.db", "sqlite:c.db"];
    // each source in both forms: the value itself, or the file that holds it
    for forms in 0..8_usize {
        let is_file = |place: usize| forms >> place & 1 == 1;
        let setting = |place: usize| {
            if is_file(place) {
                let folder = folder.path().join(format!("{forms}-{place}"));
                std::fs::create_dir_all(&folder).unwrap();
                secret_file(&folder, secrets[place], 0o600)
            } else {
                secrets[place].to_owned()
            }
        };
        let mut sources = Sources::default();
        for (place, secret) in secrets.iter().enumerate() {
            let suffix = if is_file(place) { "_file" } else { "" };
            sources = match place {
                0 => sources.with_file(
                    "rolecall.toml",
                    format!("[database]\nurl{suffix} = \"{}\"", setting(0)),
                ),
                1 => sources.with_env(
                    format!("ROLECALL_DATABASE__URL{}", suffix.to_uppercase()),
                    setting(1),
                ),
                _ => sources.with_flag(format!("database.url{suffix}"), setting(2)),
            };
            let config = Config::load(&sources).unwrap();
            assert_eq!(config.database.url.expose_secret(), *secret, "{forms:b}");
        }
    }
}

#[test]
fn a_section_that_is_given_a_value_is_named_as_one() {
    assert_eq!(
        fault("tokens = 5"),
        "`tokens` (file rolecall.toml) is a section: set its keys, such as `tokens.algorithm`"
    );
    assert_eq!(
        env(&[("ROLECALL_TOKENS__LEGACY", "5")]).unwrap_err(),
        "`tokens.legacy` (environment ROLECALL_TOKENS__LEGACY) is a section: set its keys, such as `ROLECALL_TOKENS__LEGACY__ALGORITHM`"
    );
}

#[test]
fn a_fault_in_a_secret_file_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = secret_file(folder.path(), "nothing", 0o600);
    let error = fault(&format!("master_key_file = \"{path}\""));
    assert!(
        error.starts_with(&format!("`master_key` (secret file {path}): ")),
        "{error}"
    );
    let error = fault("master_key_file = \"/dev/zero\"");
    assert_eq!(
        error,
        "`master_key_file`: `/dev/zero` cannot be read: it is a device, not a file"
    );
}

#[test]
fn a_secret_file_that_is_world_readable_empty_or_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = secret_file(folder.path(), KEY, 0o644);
    assert!(fault(&format!("master_key_file = \"{path}\"")).contains("chmod o="));
    let path = secret_file(folder.path(), "\n", 0o600);
    assert!(fault(&format!("master_key_file = \"{path}\"")).contains("is empty"));
    assert!(fault("master_key_file = \"/no/such/file\"").contains("cannot be read"));
}

#[test]
fn no_output_contains_a_secret() {
    let text = format!(
        "master_key = \"{KEY}\"\n[database]\nurl = \"postgres://u:{SECRET}@db/x\"\n[tokens]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\""
    );
    let config = load(&text).unwrap();
    for output in [
        format!("{config:?}"),
        config.show().to_string(),
        format!("{:?}", config.show()),
    ] {
        assert!(
            !output.contains("canary") && !output.contains(KEY),
            "{output}"
        );
    }
    for broken in [
        format!("[tokens]\nsecret = \"{SECRET}"),
        format!("[tokens]\nsecret = {SECRET}"),
        format!("[tokens]\nsecret = [\"{SECRET}\"]"),
        format!("[tokens]\nsecret = \"{SECRET}\"\nsecret = \"{SECRET}\""),
        format!("master_key = \"{SECRET}\""),
        format!("[database]\nurl = \"{SECRET}\""),
        format!("[database]\nurl_file = [\"{SECRET}\"]"),
        format!("[tokens]\nsecret = {{ a = \"{SECRET}\" }}"),
        format!("[[tokens]]\nsecret = \"{SECRET}\""),
        format!("[tokens]\nsecret = '{SECRET}' '{SECRET}'"),
        format!("[tokens]\nsecret = \"\\{SECRET}\""),
        format!("[tokens\nsecret = \"{SECRET}\""),
    ] {
        let error = load(&broken).unwrap_err();
        assert!(!error.contains("canary"), "{broken}: {error}");
    }
}

#[test]
fn an_error_in_the_toml_names_its_line() {
    let fault = fault("listen = \"127.0.0.1:1\"\n[tokens\n");
    assert!(
        fault.starts_with("`rolecall.toml`: line 2 is not TOML: "),
        "{fault}"
    );
}

#[test]
fn shown_settings_have_their_origin_and_can_be_read_back() {
    let sources = file("[tokens]\naccess_ttl = 900\n[registration]\nmode = \"open\"")
        .with_env("ROLECALL_LOG__LEVEL", "debug")
        .with_flag("listen", "127.0.0.1:9000");
    let shown = Config::load(&sources).unwrap().show();
    let find = |key: &str| shown.0.iter().find(|setting| setting.key == key).unwrap();
    assert_eq!(find("listen").origin, Origin::Flag);
    assert_eq!(
        find("log.level").origin,
        Origin::Environment("ROLECALL_LOG__LEVEL".to_owned())
    );
    assert_eq!(
        find("tokens.access_ttl").origin,
        Origin::File("rolecall.toml".into())
    );
    assert_eq!(find("tokens.access_ttl").value, "\"15m\"");
    assert_eq!(find("passwords.min_length").origin, Origin::Default);
    assert_eq!(find("oauth.password_grant").value, "\"first_party\"");

    let again = load(&shown.to_string()).unwrap().show();
    for (one, other) in shown.0.iter().zip(&again.0) {
        assert_eq!((one.key, &one.value), (other.key, &other.value));
    }
}

#[test]
fn links_and_looks_of_clients_are_read_from_file_and_environment() {
    let tables = "[[pages.links]]\nlabel = \"Privacy\"\nurl = \"https://www.example.com/privacy\"\n\
        [pages.clients.wiki]\nname = \"The \\\"Wiki\\\"\"\ncolor = \"#7a1fa2\"\n[pages.clients.\"a.b\"]\nlogo = \"b.png\"";
    let shown = load(tables).unwrap().show();
    let value = |key: &str| {
        let setting = shown.0.iter().find(|setting| setting.key == key);
        setting.unwrap().value.clone()
    };
    let (links, clients) = (value("pages.links"), value("pages.clients"));
    assert_eq!(
        links,
        r#"[{ label = "Privacy", url = "https://www.example.com/privacy" }]"#
    );
    assert_eq!(
        clients,
        r##"{ "a.b" = { logo = "b.png" }, "wiki" = { name = "The \"Wiki\"", color = "#7a1fa2" } }"##
    );
    let sources = file("")
        .with_env("ROLECALL_PAGES__LINKS", links)
        .with_flag("pages.clients", clients);
    let again = Config::load(&sources).unwrap().show();
    for (one, other) in shown.0.iter().zip(&again.0) {
        assert_eq!((one.key, &one.value), (other.key, &other.value));
    }
    // and a file can have what is shown
    load(&shown.to_string()).unwrap();
}

#[test]
fn a_wrong_link_or_look_names_the_key_and_what_is_wrong() {
    for (text, wanted) in [
        ("links = \"x\"", "`pages.links`: expected a list such as"),
        (
            "links = [{ label = \"x\" }]",
            "`pages.links`: link 1: missing field `url`",
        ),
        (
            "links = [{ label = \"x\", url = \"y\", icon = 1 }]",
            "link 1: unknown field `icon`",
        ),
        (
            "links = [{ label = \"x\", url = \"http://x\" }]",
            "`pages.links`: the address of `x`",
        ),
        (
            "clients = 3",
            "`pages.clients`: expected a table for each client",
        ),
        ("clients = { a = 3 }", "`pages.clients`: `a`: "),
        (
            "clients = { a = { colour = \"#000000\" } }",
            "`a`: unknown field `colour`",
        ),
        (
            "clients = { a = { color = \"red\" } }",
            "`a`: `red` is not a colour",
        ),
        (
            "clients = { a = { color = \"#ffff00\" } }",
            "`pages.clients.a.color`: #ffff00 is hard to read",
        ),
    ] {
        let fault = fault(&format!("[pages]\n{text}"));
        assert!(fault.contains(wanted), "{text}: {fault}");
    }
}

#[test]
fn every_key_is_shown() {
    let shown = Config::default().show();
    let keys: Vec<&str> = shown.0.iter().map(|setting| setting.key).collect();
    assert_eq!(keys, KEYS);
}

#[test]
fn the_named_file_is_read_or_else_the_one_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let level = |flag: Option<&Path>, env: &[(&str, &str)]| {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Sources::from_parts(flag, env, folder.path())
            .and_then(|sources| Config::load(&sources))
            .map(|config| config.log.level)
            .map_err(|error| error.to_string())
    };
    assert_eq!(level(None, &[]).unwrap(), "info");
    for (name, text) in [
        ("rolecall.toml", "warn"),
        ("env.toml", "debug"),
        ("flag.toml", "trace"),
    ] {
        fs::write(
            folder.path().join(name),
            format!("[log]\nlevel = \"{text}\""),
        )
        .unwrap();
    }
    let in_env = folder.path().join("env.toml");
    let in_env = [("ROLECALL_CONFIG", in_env.to_str().unwrap())];
    assert_eq!(level(None, &[]).unwrap(), "warn");
    assert_eq!(level(None, &in_env).unwrap(), "debug");
    assert_eq!(
        level(Some(&folder.path().join("flag.toml")), &in_env).unwrap(),
        "trace"
    );
    let missing = level(Some(&folder.path().join("missing.toml")), &[]).unwrap_err();
    assert!(
        missing.contains("missing.toml") && missing.contains("cannot be read"),
        "{missing}"
    );
}

proptest::proptest! {
    #[test]
    fn no_file_and_no_variable_causes_a_panic(text in "\\PC{0,60}|[a-z_.\\[\\]=\" 0-9\n]{0,60}", name in "[A-Z_0-9\\[\\].]{0,20}") {
        let _ = Config::load(&file(&text));
        let _ = Config::load(&Sources::default().with_env(format!("ROLECALL_{name}"), text));
    }
}

#[test]
fn y216_a_word_that_is_no_level_is_no_filter() {
    for right in ["info", "WARN", "info,sqlx=warn", "sqlx=warn, debug", "off"] {
        load(&format!("[log]\nlevel = \"{right}\"")).unwrap();
    }
    for wrong in [
        "warning",
        "verbose",
        "Information",
        "sqlx=warn",
        "info,sqlx",
        "",
        "info=loud",
    ] {
        let error = load(&format!("[log]\nlevel = \"{wrong}\"")).unwrap_err();
        assert!(error.contains("`log.level`"), "{wrong}: {error}");
    }
}
