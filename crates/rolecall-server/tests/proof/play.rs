//! Plays a script on the model and on an implementation that is compared with it.

use std::fmt;

use crate::{
    command::{Command, Name, write},
    model::{Model, Outcome},
};

/// An implementation that is compared with the model.
pub(crate) trait Implementation {
    fn name(&self) -> &'static str;

    /// Returns to the initial state: only the built-in roles and permissions, and `root`.
    async fn reset(&mut self) -> Result<(), String>;

    /// Replaces the implementation by a new one without any history.
    async fn recreate(&mut self);

    /// Runs a command that the model has run, and compares. `models` is the model before and after it.
    async fn run(
        &mut self,
        command: &Command,
        models: (&Model, &Model),
        outcome: &Outcome,
    ) -> Result<(), String>;

    /// Compares the whole final state.
    async fn finish(&mut self, model: &Model) -> Result<(), String>;

    fn counts(&mut self) -> &mut Counts;
}

/// Counts of what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sequences: usize,
    pub(crate) commands: usize,
    pub(crate) refusals: usize,
    pub(crate) decisions: usize,
    pub(crate) tokens: usize,
    /// How often tokens were checked, and how often one was refused.
    pub(crate) token_checks: usize,
    pub(crate) tokens_refused: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.commands += other.commands;
        self.refusals += other.refusals;
        self.decisions += other.decisions;
        self.tokens += other.tokens;
        self.token_checks += other.token_checks;
        self.tokens_refused += other.tokens_refused;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sequences, {} commands ({} refused), {} decisions, {} tokens checked {} times ({} refused)",
            self.sequences,
            self.commands,
            self.refusals,
            self.decisions,
            self.tokens,
            self.token_checks,
            self.tokens_refused,
        )
    }
}

/// A difference between the implementation and the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The number of commands run before it.
    pub(crate) step: usize,
    pub(crate) command: String,
    pub(crate) what: String,
}

/// Plays a whole script, up to the first difference.
pub(crate) async fn play<C: Implementation>(
    compared: &mut C,
    script: &[Command],
) -> Result<(), Failure> {
    let mut model = Model::new();
    let failed = |step: usize, command: &str, what: String| Failure {
        step,
        command: command.to_owned(),
        what,
    };
    let reset = compared.reset().await;
    reset.map_err(|what| failed(0, "(before all)", what))?;
    for (command, step) in script.iter().zip(1..) {
        let done = run_with_login(compared, &mut model, command).await;
        done.map_err(|what| failed(step, &command.to_string(), what))?;
    }
    let finished = compared.finish(&model).await;
    finished.map_err(|what| failed(script.len(), "(at the end)", what))?;
    compared.counts().sequences += 1;
    Ok(())
}

/// The user who may do everything, and the name of their token.
const ROOT: &str = "root";

async fn run_with_login<C: Implementation>(
    compared: &mut C,
    model: &mut Model,
    command: &Command,
) -> Result<(), String> {
    if let Some(log_in) = root_login_before(model, command) {
        run_one(compared, model, &log_in).await?;
    }
    run_one(compared, model, command).await
}

/// The login that `root` needs before a command, unless the last token of `root` is still valid.
pub(crate) fn root_login_before(model: &Model, command: &Command) -> Option<Command> {
    let Command::By { token, .. } = command else {
        return None;
    };
    let last = model.tokens.get(ROOT);
    let needed = token == ROOT && !last.is_some_and(|token| model.is_valid(token));
    needed.then(|| Command::LogIn {
        token: ROOT.to_owned(),
        user: ROOT.to_owned(),
        tenant: None,
        scope: Vec::new(),
    })
}

async fn run_one<C: Implementation>(
    compared: &mut C,
    model: &mut Model,
    command: &Command,
) -> Result<(), String> {
    let before = model.clone();
    let Some(outcome) = model.run(command) else {
        return Ok(());
    };
    count(compared.counts(), command, &outcome);
    check_no_token_exceeds_its_subject(model)?;
    compared.run(command, (&before, model), &outcome).await
}

fn count(counts: &mut Counts, command: &Command, outcome: &Outcome) {
    counts.commands += 1;
    counts.refusals += usize::from(!outcome.is_done());
    counts.decisions += usize::from(matches!(command, Command::Ask { .. }) && outcome.is_done());
    let gives = matches!(command, Command::LogIn { .. } | Command::Refresh { .. });
    counts.tokens += usize::from(gives && outcome.is_done());
}

/// The purpose of the floors: no valid token carries anything that its subject does not hold now.
fn check_no_token_exceeds_its_subject(model: &Model) -> Result<(), String> {
    for (name, token) in &model.tokens {
        if model.is_valid(token) {
            let lost = model.lost_of(token);
            if !lost.is_empty() {
                return Err(format!(
                    "no floor revokes {name}, which still carries {lost:?}"
                ));
            }
        }
    }
    Ok(())
}

/// A failing script with the difference as comments, ready to be kept as a regression.
pub(crate) fn report(name: &str, script: &[Command], failure: &Failure) -> String {
    let Failure {
        step,
        command,
        what,
    } = failure;
    let what: Vec<Name> = what.lines().map(|line| format!("#   {line}\n")).collect();
    let script = write(script);
    format!(
        "# {name}, line {step}: {command}\n{}{script}",
        what.concat()
    )
}
