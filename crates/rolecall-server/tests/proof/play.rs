//! A script is played: to the model, and to what is compared with it.

use std::fmt;

use crate::{
    command::{Command, Name, write},
    model::{Answer, Model},
};

/// What is compared with the model.
pub(crate) trait Compared {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Begins anew: nothing is there but what is rolecall's own, and `root`.
    async fn begin(&mut self) -> Result<(), String>;

    /// Is another one from now on, which knows nothing of what was before.
    async fn renew(&mut self);

    /// Does what the model has done, and compares. `before` and `after` are the model.
    async fn run(
        &mut self,
        command: &Command,
        models: (&Model, &Model),
        answer: &Answer,
    ) -> Result<(), String>;

    /// Compares everything once more.
    async fn end(&mut self, model: &Model) -> Result<(), String>;

    fn counts(&mut self) -> &mut Counts;
}

/// How much was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sequences: usize,
    pub(crate) commands: usize,
    pub(crate) refusals: usize,
    pub(crate) decisions: usize,
    pub(crate) tokens: usize,
    /// How often a token was looked at, and how often it was refused then.
    pub(crate) looks: usize,
    pub(crate) ended: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.commands += other.commands;
        self.refusals += other.refusals;
        self.decisions += other.decisions;
        self.tokens += other.tokens;
        self.looks += other.looks;
        self.ended += other.ended;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sequences, {} commands ({} refused), {} decisions, {} tokens looked at {} times ({} refused)",
            self.sequences,
            self.commands,
            self.refusals,
            self.decisions,
            self.tokens,
            self.looks,
            self.ended,
        )
    }
}

/// Where the two do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How many commands had been done.
    pub(crate) step: usize,
    pub(crate) command: String,
    pub(crate) what: String,
}

/// Plays a whole script.
pub(crate) async fn play<C: Compared>(compared: &mut C, script: &[Command]) -> Result<(), Failure> {
    let mut model = Model::new();
    let failed = |step: usize, command: &str, what: String| Failure {
        step,
        command: command.to_owned(),
        what,
    };
    let begun = compared.begin().await;
    begun.map_err(|what| failed(0, "(before all)", what))?;
    for (command, step) in script.iter().zip(1..) {
        let done = step_on(compared, &mut model, command).await;
        done.map_err(|what| failed(step, &command.to_string(), what))?;
    }
    let ended = compared.end(&model).await;
    ended.map_err(|what| failed(script.len(), "(at the end)", what))?;
    compared.counts().sequences += 1;
    Ok(())
}

/// The name by which whoever may do everything acts.
const ROOT: &str = "root";

async fn step_on<C: Compared>(
    compared: &mut C,
    model: &mut Model,
    command: &Command,
) -> Result<(), String> {
    if let Some(log_in) = first_log_in(model, command) {
        one(compared, model, &log_in).await?;
    }
    one(compared, model, command).await
}

/// Whoever may do everything logs in before doing something, unless the last token still stands.
pub(crate) fn first_log_in(model: &Model, command: &Command) -> Option<Command> {
    let Command::By { token, .. } = command else {
        return None;
    };
    let last = model.tokens.get(ROOT);
    let needed = token == ROOT && !last.is_some_and(|token| model.stands(token));
    needed.then(|| Command::LogIn {
        token: ROOT.to_owned(),
        user: ROOT.to_owned(),
        tenant: None,
        scope: Vec::new(),
    })
}

async fn one<C: Compared>(
    compared: &mut C,
    model: &mut Model,
    command: &Command,
) -> Result<(), String> {
    let before = model.clone();
    let Some(answer) = model.run(command) else {
        return Ok(());
    };
    note(compared.counts(), command, &answer);
    keeps_its_promise(model)?;
    compared.run(command, (&before, model), &answer).await
}

fn note(counts: &mut Counts, command: &Command, answer: &Answer) {
    counts.commands += 1;
    counts.refusals += usize::from(!answer.is_done());
    counts.decisions += usize::from(matches!(command, Command::Ask { .. }) && answer.is_done());
    let gives = matches!(command, Command::LogIn { .. } | Command::Refresh { .. });
    counts.tokens += usize::from(gives && answer.is_done());
}

/// What the floors are for: no token that is let in carries what its subject does not hold now.
fn keeps_its_promise(model: &Model) -> Result<(), String> {
    for (name, token) in &model.tokens {
        if model.stands(token) {
            let lost = model.lost_of(token);
            if !lost.is_empty() {
                return Err(format!(
                    "no floor ends {name}, which still carries {lost:?}"
                ));
            }
        }
    }
    Ok(())
}

/// A script that fails, with what failed as comments: it can be kept as it is.
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
