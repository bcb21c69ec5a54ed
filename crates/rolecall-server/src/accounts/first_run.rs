//! The first administrator, made on a page with a one-time code that the server prints.

use super::{
    registration::{self, Condition, FIRST_EXISTS, NewAccount},
    shown::ShownUser,
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller},
    error::{ApiError, FieldError},
    ids,
    login::reset_code::hash_reset_code,
    profile::{
        input::ProfileInput,
        rules::{Party, ProfileChanges},
    },
    reasons::Reason,
    roles::assignments,
};

/// The account of the first administrator, as it was entered.
pub(crate) struct FirstAccount<'a> {
    pub(crate) code: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) address: &'a str,
}

/// Makes a code if there is no administrator. It works at this node, until the node stops or somebody is an administrator.
#[cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "an application makes its first administrator by its builder"
    )
)]
pub(crate) async fn offer(app: &App) -> Result<Option<String>, ApiError> {
    if assignments::is_administrated(app).await? {
        return Ok(None);
    }
    let code = ids::new_reset_code().map_err(ApiError::internal)?;
    app.parts().first_run.set(hash_of(&code));
    Ok(Some(code))
}

/// Returns true if the first administrator can be made here: a code was printed, and nobody has been an administrator since.
/// One who has to choose a new password, or is disabled, is one.
pub(crate) async fn is_offered(app: &App) -> Result<bool, ApiError> {
    let code = &app.parts().first_run;
    if code.is_set() && assignments::is_administrated(app).await? {
        // what stands in an old log must not come back to life
        code.set(None);
    }
    Ok(code.is_set())
}

/// Makes the first administrator.
///
/// # Errors
///
/// Refused if it is not offered, the code is wrong, or name or password are refused, in which case the code stays.
pub(crate) async fn create(app: &App, wanted: &FirstAccount<'_>) -> Result<ShownUser, ApiError> {
    app.admit_registration(wanted.address)?;
    if !is_offered(app).await? {
        return Err(ApiError::Forbidden(FIRST_EXISTS));
    }
    let hash = hash_of(wanted.code).unwrap_or_default();
    if !app.parts().first_run.take(&hash) {
        return Err(ApiError::Invalid(FieldError::because(
            "code",
            "value_error",
            Reason::NotTheFirstCode,
        )));
    }
    let account = NewAccount {
        username: wanted.username,
        password: Some(wanted.password),
        email: None,
        email_verified: false,
        roles: vec![builtin::ADMIN_ROLE.clone()],
        profile: ProfileInput::default(),
        address: Some(wanted.address),
    };
    match create_first(app, &account).await {
        Ok(user) => Ok(user),
        Err(error) => {
            app.parts().first_run.set(Some(hash));
            Err(error)
        }
    }
}

/// As [`create`], for rolecall itself, if there is no administrator: of two at once, at whatever nodes, one is created.
async fn create_first(app: &App, wanted: &NewAccount<'_>) -> Result<ShownUser, ApiError> {
    let (caller, fields) = (Caller::System, &app.settings().profile);
    let party = Party::administering(caller);
    let profile = ProfileChanges::check(fields, party, wanted.profile.clone())?;
    let condition = Condition::NoAdministrator;
    let (user, _) = registration::create_with(app, caller, wanted, &profile, condition).await?;
    Ok(ShownUser::to(app, party, user))
}

fn hash_of(code: &str) -> Option<String> {
    let canonical = ids::canonical_reset_code(code)?;
    Some(hash_reset_code(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn server() -> crate::Embedded {
        crate::Embedded::builder("sqlite::memory:")
            .open()
            .await
            .unwrap()
    }

    fn account<'a>(code: &'a str, password: &'a str) -> FirstAccount<'a> {
        FirstAccount {
            code,
            username: "root",
            password,
            address: "203.0.113.7",
        }
    }

    fn new_account(username: &str) -> NewAccount<'_> {
        NewAccount {
            username,
            password: Some(PASSWORD),
            email: None,
            email_verified: false,
            roles: vec![builtin::ADMIN_ROLE.clone()],
            profile: ProfileInput::default(),
            address: None,
        }
    }

    const PASSWORD: &str = "a password for the first";

    #[tokio::test]
    async fn i067_y467_the_code_works_once_and_only_until_there_is_an_administrator() {
        let server = server().await;
        let app = server.app();
        assert!(!is_offered(app).await.unwrap());
        let refused = create(app, &account("", PASSWORD)).await;
        assert!(matches!(refused, Err(ApiError::Forbidden(_))));
        let code = offer(app).await.unwrap().unwrap();
        assert!(is_offered(app).await.unwrap());
        let other = ids::new_reset_code().unwrap();
        for wrong in ["", "x", &other] {
            let refused = create(app, &account(wrong, PASSWORD)).await;
            assert!(matches!(refused, Err(ApiError::Invalid(_))), "{wrong}");
        }
        let refused = create(app, &account(&code, "short")).await;
        assert!(matches!(refused, Err(ApiError::Invalid(_))));
        let user = create(app, &account(&code.to_uppercase(), PASSWORD))
            .await
            .unwrap();
        assert_eq!(user.roles, std::slice::from_ref(&*builtin::ADMIN_ROLE));
        assert!(!is_offered(app).await.unwrap());
        let refused = create(app, &account(&code, PASSWORD)).await;
        assert!(matches!(refused, Err(ApiError::Forbidden(_))));
        assert!(offer(app).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn i067_y467_of_two_first_administrators_at_once_one_is_created() {
        let server = server().await;
        let app = server.app();
        let mut made = Vec::new();
        for name in ["one", "two"] {
            // as at two nodes, each of which has seen no administrator
            made.push(create_first(app, &new_account(name)).await.is_ok());
        }
        assert_eq!(made, [true, false]);
    }

    #[tokio::test]
    async fn y496_the_code_does_not_come_back_to_life() {
        let server = server().await;
        let app = server.app();
        let code = offer(app).await.unwrap().unwrap();
        let roles = [builtin::ADMIN.to_owned()];
        crate::demo::ensure_user(app, "other", PASSWORD, &roles)
            .await
            .unwrap();
        app.store()
            .write(async |conn: &mut crate::store::Conn| {
                let reset = "UPDATE users SET must_change_password = TRUE";
                crate::store::query(reset).execute(conn).await?;
                Ok::<_, crate::StoreError>(())
            })
            .await
            .unwrap();
        assert!(!is_offered(app).await.unwrap());
        let refused = create(app, &account(&code, PASSWORD)).await;
        assert!(matches!(refused, Err(ApiError::Forbidden(_))));
        assert!(offer(app).await.unwrap().is_none());
        let refused = create_first(app, &new_account("second")).await;
        assert!(matches!(refused, Err(ApiError::Forbidden(_))));
    }

    #[tokio::test]
    async fn y467_guesses_at_the_code_are_limited() {
        let server = server().await;
        let app = server.app();
        offer(app).await.unwrap().unwrap();
        let mut waits = false;
        for _ in 0..200 {
            let refused = create(app, &account("x", PASSWORD)).await;
            waits |= matches!(refused, Err(ApiError::TooMany { .. }));
        }
        assert!(waits);
    }
}
