//! Checks the commands of the documentation: they work with curl 7.81 (Ubuntu 22.04), with the tools of macOS, and in
//! zsh, which is its shell.

use std::{fs, path::Path};

use crate::tools::Workspace;

/// Options and variables of curl that are newer than 7.81.
const NEW_IN_CURL: &[&str] = &[
    "--json",
    "--no-clobber",
    "--remove-on-error",
    "--rate",
    "--url-query",
    "--http3-only",
    "--proxy-http2",
    "--ca-native",
    "--trace-ids",
    "--trace-config",
    "--variable",
    "--expand-",
    "--follow",
    "--out-null",
    "%{header_json}",
    "%header{",
    "%output{",
    "%{certs}",
    "%{num_certs}",
    "%{conn_id}",
    "%{xfer_id}",
    "%{url_effective.",
    "%{time_posttransfer}",
];

/// What only GNU's tools or Linux have.
const ONLY_ON_LINUX: &[&str] = &[
    "apt ",
    "apt-get ",
    "base64 -w",
    "base64 --wrap",
    "cp --",
    "date -d",
    "date --",
    "find . -printf",
    "free ",
    "getent ",
    "head -n -",
    "ip addr",
    "ls --",
    "md5sum ",
    "nproc",
    "readlink -f",
    "sha256sum ",
    "shuf ",
    "ss -",
    "stat -c",
    "stat --",
    "systemctl ",
    "tac ",
    "timeout ",
    "xargs -d",
    "xargs -r",
    "/proc/",
];

/// A command of a page.
struct Command {
    text: String,
    /// Run by root on a server, which is a Linux machine.
    on_server: bool,
}

/// Returns the faults of a command that a reader pastes.
fn faults(command: &Command) -> Vec<String> {
    let text = command.text.as_str();
    let mut faults = Vec::new();
    for part in parts(text) {
        if part.starts_with("curl ") {
            let new = NEW_IN_CURL.iter().filter(|new| part.contains(**new));
            faults.extend(new.map(|new| format!("curl 7.81 does not know {new}")));
        }
        if part.starts_with("cargo install ") && !part.contains("--locked") {
            faults.push("cargo install without --locked builds other versions".to_owned());
        }
        if command.on_server {
            continue;
        }
        let only = ONLY_ON_LINUX.iter().filter(|only| {
            let is_path = only.starts_with('/');
            part.starts_with(**only) || (is_path && part.contains(**only))
        });
        faults.extend(only.map(|only| format!("macOS has no `{}`", only.trim())));
        if is_gnu_sed(part) {
            faults.push("`sed -i` needs a suffix on macOS: write another file".to_owned());
        }
        if is_perl_grep(part) {
            faults.push("`grep -P` does not work on macOS".to_owned());
        }
    }
    let (unquoted, has_comment) = unquoted(text);
    if has_comment && !command.on_server {
        faults.push("zsh takes a comment after a command as arguments".to_owned());
    }
    let mut words = unquoted.split_whitespace();
    if words.any(|word| word.contains("://") && word.contains('?')) {
        faults.push("zsh takes `?` for a pattern: quote the URL".to_owned());
    }
    faults
}

/// Returns the simple commands of a line: what stands between pipes, `;`, `&&` and `$(`.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(['|', ';', '(', ')', '&'])
        .map(|part| part.trim_start_matches([' ', '{']))
        .filter(|part| !part.is_empty())
}

fn is_gnu_sed(part: &str) -> bool {
    let mut words = part.split_whitespace();
    words.next() == Some("sed") && words.any(|word| word == "-i" || word == "--in-place")
}

fn is_perl_grep(part: &str) -> bool {
    let mut words = part.split_whitespace();
    words.next() == Some("grep")
        && words.any(|word| {
            let letters = word.strip_prefix('-').unwrap_or_default();
            word == "--perl-regexp" || (!letters.starts_with('-') && letters.contains('P'))
        })
}

/// Returns the text without what is quoted, and whether a comment follows the command.
fn unquoted(text: &str) -> (String, bool) {
    let (mut rest, mut quote, mut before) = (String::new(), None, ' ');
    for letter in text.chars() {
        match quote {
            Some(mark) if letter == mark => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter == '#' && before == ' ' => return (rest, true),
            None => rest.push(letter),
            Some(_) => {}
        }
        before = letter;
    }
    (rest, false)
}

/// Returns the commands of a page: lines of its consoles after `$ ` or `# `, and all lines of its scripts.
fn commands(page: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let (mut language, mut continued) = (None, false);
    for line in page.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("```") {
            language = language.is_none().then(|| name.to_owned());
            continued = false;
            continue;
        }
        let is_script = language.as_deref() == Some("sh");
        let (text, on_server) = match line.split_at_checked(2) {
            _ if continued => (line, false),
            _ if is_script => (line, false),
            Some(("$ ", text)) if language.as_deref() == Some("console") => (text, false),
            Some(("# ", text)) if language.as_deref() == Some("console") => (text, true),
            _ => continue,
        };
        let is_continued = continued;
        continued = text.ends_with('\\');
        let text = text.trim_end_matches('\\');
        match commands.last_mut() {
            Some(command) if is_continued => command.text.push_str(text),
            _ => commands.push(Command {
                text: text.to_owned(),
                on_server,
            }),
        }
    }
    commands
}

/// Returns the pages for readers in a folder and below, with their names.
fn pages(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let is_foreign = ["target", "node_modules", "adr"].contains(&name.as_str());
            if !is_foreign && !name.starts_with('.') {
                found.extend(pages(&path));
            }
        } else if path.extension().is_some_and(|kind| kind == "md") && name != "CHANGELOG.md" {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
    found
}

#[test]
fn commands_work_with_curl_7_81_on_macos_and_in_zsh() {
    let pages = pages(&Workspace::find().path(""));
    let mut count = 0;
    let mut found = Vec::new();
    for (name, page) in &pages {
        for command in commands(page) {
            count += 1;
            let faults = faults(&command);
            found.extend(
                faults
                    .iter()
                    .map(|fault| format!("{name}: {fault}: {}", command.text)),
            );
        }
    }
    assert!(pages.len() > 30 && count > 200, "{} {count}", pages.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_fault_is_found() {
    let check = |text: &str| {
        let page = format!("```console\n$ {text}\n```\n");
        let commands = commands(&page);
        assert_eq!(commands.len(), 1, "{text}");
        faults(&commands[0])
    };
    for faulty in [
        "curl -s http://127.0.0.1/register --json '{}'",
        "TOKEN=$(curl -s http://127.0.0.1 -w '%{header_json}')",
        "curl --variable a=b http://127.0.0.1",
        "sed -i 's/a/b/' policy.toml",
        "cat x | sed -i s/a/b/",
        "date -d tomorrow",
        "echo $(date -d tomorrow)",
        "echo x | base64 -w0",
        "readlink -f x",
        "grep -oP 'x' file",
        "timeout 5 rolecall serve",
        "make -j $(nproc)",
        "cat /proc/self/status",
        "sha256sum file",
        "cargo install cargo-mutants",
        "token() { curl -s http://127.0.0.1 --json '{}'; }",
        "rolecall serve # starts the server",
        "curl -s http://127.0.0.1:8000/api/users?q=a",
    ] {
        assert_eq!(check(faulty).len(), 1, "{faulty}: {:?}", check(faulty));
    }
    for good in [
        "curl -s -H 'Content-Type: application/json' -d '{}' http://127.0.0.1/register",
        "CLIENT=$(rolecall client add x --json); curl -s http://127.0.0.1",
        "rolecall import users users.csv --skip-existing",
        "sed 's/a/b/' policy.toml > next.toml",
        "sed -n 's/.*#\\(.*\\)/\\1/p' file",
        "grep -iE '^HTTP|P' file",
        "cargo install --locked --path crates/rolecall-server",
        "curl -s \"http://127.0.0.1:8000/api/users?q=a#b\"",
        "sleep 1; curl -s http://127.0.0.1",
    ] {
        assert_eq!(check(good), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn consoles_scripts_and_continued_lines_are_read() {
    let page = "text\n```console\n$ one\noutput\n# two \\\n    --flag\n```\n```sh\nthree\n```\n```rust\n$ four\n```\n";
    let found = commands(page);
    let texts: Vec<(&str, bool)> = found
        .iter()
        .map(|command| (command.text.trim(), command.on_server))
        .collect();
    assert_eq!(
        texts,
        [("one", false), ("two --flag", true), ("three", false)]
    );
}
