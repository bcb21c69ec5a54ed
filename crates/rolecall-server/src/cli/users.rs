//! `user`: manages users.

use clap::Subcommand;
use rolecall_core::RoleName;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    factors,
    invitations::{self, InviteOptions},
    output::{print_done, print_json, print_table, printable, write_out},
    pages,
    prompt::new_password,
    requests::print_pending,
    user_profiles::{assigned_value, profile_input},
    user_resets,
    user_shown::{address_of, show},
};
use crate::{
    accounts::{
        registration::{self, NewAccount},
        service::{self, Changes},
        shown::ShownUser,
        views::UserView,
    },
    authority::subject::Status,
    error::ApiError,
    patch::Patch,
};

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Create a user; asks for a password.
    Add {
        /// The user's name.
        name: String,
        /// A role to assign; can be repeated.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        /// The user's e-mail address.
        #[arg(long)]
        email: Option<String>,
        /// The address is known to be the user's, who can sign in with it.
        #[arg(long, requires = "email")]
        verified: bool,
        /// A value of the user's profile; can be repeated.
        #[arg(long = "profile", value_name = "FIELD=VALUE", value_parser = assigned_value)]
        profile: Vec<(String, String)>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users.
    List {
        /// List only users whose name or e-mail address contains this text.
        #[arg(long, default_value = "")]
        search: String,
    },
    /// Show a user.
    Show {
        /// The user's name.
        name: String,
    },
    /// Change a user's name; ends all sessions.
    Rename {
        /// The user's name.
        name: String,
        /// The new name.
        new_name: String,
    },
    /// Change a user's e-mail address.
    Email {
        /// The user's name.
        name: String,
        /// The new address; without it the address is removed.
        address: Option<String>,
        /// The address is known to be the user's, who can sign in with it.
        #[arg(long, requires = "address")]
        verified: bool,
    },
    /// Change a user's profile.
    SetProfile {
        /// The user's name.
        name: String,
        /// A value to set, such as `department=sales`; without a value it is removed.
        #[arg(required = true, value_name = "FIELD=VALUE", value_parser = assigned_value)]
        values: Vec<(String, String)>,
    },
    /// Set a user's password; unlocks the account and ends all sessions.
    Password {
        /// The user's name.
        name: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user's password, and send a link to the verified address or print a one-time code to set a new one.
    Reset {
        /// The user's name.
        name: String,
        /// Print a code even if a link could be sent, such as to somebody who no longer gets mail there.
        #[arg(long)]
        code: bool,
    },
    /// Confirm a reset that a help desk has started, after you have asked the owner of the account.
    ConfirmReset {
        /// The user's name.
        name: String,
        /// The id of the reset, as `user show` prints it.
        reset: String,
    },
    /// Invite the owner of an e-mail address, who chooses name and password; prints the link if no mail is sent.
    Invite(InviteOptions),
    /// List a user's second factors.
    Factors {
        /// The user's name.
        name: String,
    },
    /// Remove a second factor that a user has lost; ends the sessions that rest on it.
    RemoveFactor {
        /// The user's name.
        name: String,
        /// The factor's id, as `rolecall user factors` shows it.
        id: String,
    },
    /// Disable a user: tokens are refused at once, and the user cannot log in.
    Disable {
        /// The user's name.
        name: String,
    },
    /// Enable a disabled user.
    Enable {
        /// The user's name.
        name: String,
    },
    /// Delete a user.
    Delete {
        /// The user's name.
        name: String,
    },
}

pub(super) async fn run(context: &Context, command: &UserCommand) -> Result<(), CliError> {
    match command {
        UserCommand::Add {
            name,
            roles,
            email,
            verified,
            profile,
            password_stdin,
        } => {
            context.require_roles(roles).await?;
            if service::find_id(&context.app, name).await?.is_some() {
                return Err(ApiError::already_there("user", name).into());
            }
            let profile = profile_input(context, profile)?;
            let password = new_password(*password_stdin)?;
            let wanted = NewAccount {
                username: name,
                password: Some(&password),
                email: email.as_deref(),
                email_verified: *verified,
                roles: roles.clone(),
                profile,
                address: None,
            };
            let (user, _) = registration::create(&context.app, context.caller(), &wanted).await?;
            let text = format!(
                "user `{}` created{}",
                user.username,
                roles_left(context, roles)
            );
            print_user(context, &text, &user)?;
            print_pending(context, &user.id).await
        }
        UserCommand::List { search } => list(context, search).await,
        UserCommand::Show { name } => show(context, name).await,
        UserCommand::Rename { name, new_name } => rename(context, name, new_name).await,
        UserCommand::Email {
            name,
            address,
            verified,
        } => set_email(context, name, address.as_deref(), *verified).await,
        UserCommand::SetProfile { name, values } => set_profile(context, name, values).await,
        UserCommand::Password {
            name,
            password_stdin,
        } => set_password(context, name, *password_stdin).await,
        UserCommand::Reset { name, code } => user_resets::make(context, name, *code).await,
        UserCommand::ConfirmReset { name, reset } => {
            user_resets::confirm(context, name, reset).await
        }
        UserCommand::Invite(options) => invitations::create(context, options).await,
        UserCommand::Factors { name } => factors::list(context, name).await,
        UserCommand::RemoveFactor { name, id } => factors::remove(context, name, id).await,
        UserCommand::Disable { name } => set_status(context, name, Status::Disabled).await,
        UserCommand::Enable { name } => set_status(context, name, Status::Active).await,
        UserCommand::Delete { name } => {
            let id = context.user_id(name).await?;
            service::delete(&context.app, context.caller(), &id).await?;
            print_done(context.json, &format!("user `{}` deleted", printable(name)))
        }
    }
}

async fn set_password(context: &Context, name: &str, from_stdin: bool) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let password = new_password(from_stdin)?;
    service::set_password(&context.app, context.caller(), &id, &password).await?;
    print_done(
        context.json,
        &format!("password of `{}` set; all sessions ended", printable(name)),
    )
}

async fn rename(context: &Context, name: &str, new_name: &str) -> Result<(), CliError> {
    let changes = Changes {
        username: Some(new_name.to_owned()),
        ..Changes::default()
    };
    let user = update(context, name, &changes).await?;
    let (old, new) = (printable(name), printable(&user.username));
    let text = format!("user `{old}` is now `{new}`; all sessions ended");
    print_user(context, &text, &user)
}

async fn set_email(
    context: &Context,
    name: &str,
    address: Option<&str>,
    is_verified: bool,
) -> Result<(), CliError> {
    let changes = Changes {
        email: address.map_or(Patch::Clear, |address| Patch::Set(address.to_owned())),
        email_verified: is_verified.then_some(true),
        ..Changes::default()
    };
    let user = update(context, name, &changes).await?;
    let text = format!(
        "e-mail address of `{}`: {}",
        printable(name),
        address_of(&user)
    );
    print_user(context, &text, &user)
}

async fn set_profile(
    context: &Context,
    name: &str,
    values: &[(String, String)],
) -> Result<(), CliError> {
    let changes = Changes {
        profile: profile_input(context, values)?,
        ..Changes::default()
    };
    let user = update(context, name, &changes).await?;
    let fields: Vec<&str> = values.iter().map(|(field, _)| field.as_str()).collect();
    let (name, fields) = (printable(name), printable(&fields.join(", ")));
    print_user(
        context,
        &format!("profile of `{name}` changed: {fields}"),
        &user,
    )
}

async fn update(context: &Context, name: &str, changes: &Changes) -> Result<ShownUser, CliError> {
    let id = context.user_id(name).await?;
    Ok(service::update(&context.app, context.caller(), &id, changes).await?)
}

/// Returns a remark for a user without roles, if users who register get some.
fn roles_left(context: &Context, given: &[RoleName]) -> String {
    let on_registration = &context.app.settings().registration_roles;
    if !given.is_empty() || on_registration.is_empty() {
        return String::new();
    }
    format!(
        " without roles; those who register get `{}`: use --role or `rolecall assign`",
        join_names(on_registration)
    )
}

/// Prints `text`, or the user with `--json`.
fn print_user(context: &Context, text: &str, user: &ShownUser) -> Result<(), CliError> {
    if context.json {
        print_json(&json!(UserView::from(user.clone())))
    } else {
        write_out(&format!("{text}\n"))
    }
}

async fn list(context: &Context, search: &str) -> Result<(), CliError> {
    let read = async |after: &str, limit| {
        service::list(&context.app, context.caller(), after, None, search, limit).await
    };
    let users = pages::read_all(read, |user: &ShownUser| user.id.clone()).await?;
    if context.json {
        let views = users.into_iter().map(UserView::from);
        return print_json(&views.map(|user| json!(user)).collect());
    }
    let row = |user: ShownUser| {
        let (user, _) = user.into_parts();
        vec![
            user.username,
            user.status.as_str().to_owned(),
            join_names(&user.roles),
            user.email.unwrap_or_default(),
            user.id,
        ]
    };
    print_table(
        &["user", "status", "roles", "e-mail", "id"],
        users.into_iter().map(row).collect(),
    )
}

fn join_names<'a>(roles: impl IntoIterator<Item = &'a RoleName>) -> String {
    let names: Vec<&str> = roles.into_iter().map(RoleName::as_str).collect();
    names.join(", ")
}

async fn set_status(context: &Context, name: &str, status: Status) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let changes = Changes {
        status: Some(status),
        ..Changes::default()
    };
    let user = service::update(&context.app, context.caller(), &id, &changes).await?;
    print_user(
        context,
        &format!("user `{}` is {}", user.username, user.status.as_str()),
        &user,
    )
}
