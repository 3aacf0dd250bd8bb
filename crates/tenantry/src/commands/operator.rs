//! `operator …`: people with rights over the instance.

use tenantry_db::directory::{Operator, check_operator_name};
use tenantry_web::auth::{Attributes, HashPolicy, Hasher, NewPassword};

use super::Context;
use super::people::password_of;
use crate::cli::args::OperatorCommand;
use crate::cli::{Failure, Prompt};

impl Context {
    pub(super) async fn operator(&mut self, command: OperatorCommand) -> Result<(), Failure> {
        match command {
            OperatorCommand::Add { name } => {
                // Nobody types a password for a name that is none.
                check_operator_name(&name)?;
                let instance = self.open_or_make()?;
                if instance.directory().operator(&name).await?.is_some() {
                    return Err(Failure::new(format!("there is an operator called {name:?} already")));
                }
                let attributes = Attributes { username: &name, ..Attributes::default() };
                let password = Prompt::process(false).new_password(|typed| {
                    let checked = NewPassword::checked(password_of(typed), &attributes);
                    checked.map(drop).map_err(|weak| weak.to_string())
                })?;
                let hash = Hasher::default().hash(&password_of(&password), HashPolicy::Own).await?;
                let operator = Operator { name: name.clone(), password: hash.as_str().to_owned() };
                instance.directory().add_operator(operator).await?;
                self.out.line(format_args!("{name} is an operator now"));
            }
            OperatorCommand::List { json } => {
                let instance = self.open()?;
                let names = instance.directory().operators().await?;
                self.out.data(json, &names, |out| {
                    out.table(["OPERATOR"], names.iter().map(|name| [name.clone()]));
                });
            }
        }
        Ok(())
    }
}
