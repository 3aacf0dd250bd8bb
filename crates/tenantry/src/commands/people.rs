//! `createsuperuser` and `changepassword`: a tenant's people, from the command line.

use std::sync::Arc;

use tenantry_core::TenantRecord;
use tenantry_db::TenantDb;
use tenantry_web::auth::people::{
    CreateUserError, Email, NewSuperuser, User, Username, create_superuser, hash_policy, set_password,
};
use tenantry_web::auth::{Attributes, HashPolicy, Hasher, NewPassword, Password};

use super::Context;
use super::instance::door;
use crate::cli::args::{ChangepasswordArgs, CreatesuperuserArgs};
use crate::cli::{Failure, Prompt, PromptError, SuperuserInput};
use crate::config::Secret;

impl Context {
    pub(super) async fn createsuperuser(&mut self, args: CreatesuperuserArgs) -> Result<(), Failure> {
        let instance = self.open()?;
        let record = self.tenant_of(&instance, &args.scope, args.noinput)?;
        let db = door(&instance, &record).await?;
        let input = SuperuserInput::new(&args, &self.sources);
        let mut prompt = Prompt::process(args.noinput);
        let accept =
            |text: &str| text.parse::<Username>().map(|_| text.to_owned()).map_err(|error| error.to_string());
        let username: Username = input.username(&mut prompt, accept).map_err(how_to_name)?.parse()?;
        if user_called(&db, &username).await?.is_some() {
            return Err(CreateUserError::Taken(username).into());
        }
        let accept =
            |text: &str| text.parse::<Email>().map(|_| text.to_owned()).map_err(|error| error.to_string());
        let email: Email = input.email(&mut prompt, accept)?.parse()?;
        let attributes =
            Attributes { username: username.as_str(), email: email.as_str(), ..Attributes::default() };
        let password = input.password(&mut prompt, |typed| check(typed, &attributes))?;
        // Checked already, by the same rules.
        let password = password.map(|typed| NewPassword::unchecked(password_of(&typed)));
        let can_sign_in = password.is_some();
        let policy = self.policy(&db).await?;
        let new = NewSuperuser { username: username.clone(), email, password };
        create_superuser(&db, &Hasher::default(), policy, new).await?;
        instance.close().await;
        self.out.line(format_args!("{username} is a superuser of {} now", record.slug));
        if !can_sign_in {
            let slug = &record.slug;
            self.out.note(format_args!(
                "{username} has no password and can't sign in: `changepassword --tenant {slug} {username}` gives one"
            ));
        }
        Ok(())
    }

    pub(super) async fn changepassword(&mut self, args: ChangepasswordArgs) -> Result<(), Failure> {
        let instance = self.open()?;
        let record = self.tenant_of(&instance, &args.scope, false)?;
        let db = door(&instance, &record).await?;
        let mut prompt = Prompt::process(false);
        let username: Username = match args.username {
            Some(username) => username.parse()?,
            None => prompt
                .ask("Username", None, |text| text.parse::<Username>().map_err(|error| error.to_string()))?,
        };
        let mut user = user_called(&db, &username).await?.ok_or_else(|| no_user(&record, &username))?;
        let typed = prompt.new_password(|typed| check(typed, &user.attributes()))?;
        let password = NewPassword::unchecked(password_of(&typed));
        let policy = self.policy(&db).await?;
        set_password(&db, &Hasher::default(), policy, &mut user, &password).await?;
        instance.close().await;
        self.out.line(format_args!("{username} of {} has a new password", record.slug));
        Ok(())
    }

    async fn policy(&self, db: &TenantDb) -> Result<HashPolicy, Failure> {
        Ok(hash_policy(db, self.settings().password_upgrade).await?)
    }
}

/// What was typed, as a password.
pub(super) fn password_of(typed: &Secret) -> Password {
    Password::from(typed.expose().to_owned())
}

/// Makes the demo's user, or gives it this password.
pub(super) async fn give_demo_user(db: &TenantDb, name: &str, password: Password) -> Result<(), Failure> {
    let username: Username = name.parse()?;
    let password = NewPassword::unchecked(password);
    let hasher = Hasher::default();
    match user_called(db, &username).await? {
        Some(mut user) => set_password(db, &hasher, HashPolicy::Own, &mut user, &password).await?,
        None => {
            let email: Email = "demo@example.com".parse()?;
            let new = NewSuperuser { username, email, password: Some(password) };
            create_superuser(db, &hasher, HashPolicy::Own, new).await?;
        }
    }
    Ok(())
}

/// Why there is no name for a user, with what helps.
fn how_to_name(error: PromptError) -> Failure {
    let unanswered = matches!(error, PromptError::Nobody(_) | PromptError::Ended(_));
    let failure = Failure::from(error);
    if unanswered { failure.hint("give it with --username NAME") } else { failure }
}

async fn user_called(db: &TenantDb, username: &Username) -> Result<Option<User>, Failure> {
    Ok(db.query::<User>().filter(User::USERNAME.eq(username.as_str())).first().await?)
}

fn check(typed: &Secret, attributes: &Attributes<'_>) -> Result<(), String> {
    NewPassword::checked(password_of(typed), attributes).map(drop).map_err(|weak| weak.to_string())
}

fn no_user(record: &Arc<TenantRecord>, username: &Username) -> Failure {
    Failure::new(format!("{} has no user called {username}", record.slug))
}
