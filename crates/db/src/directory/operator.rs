//! Operators: people with rights over the instance, users of no tenant.

use super::{Directory, DirectoryError, change};

/// A person with rights over the instance.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name that the operator signs in with.
    pub name: String,
    /// The hash of the password.
    pub password: String,
}

/// Raised when an operator can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddOperatorError {
    /// There is one of this name.
    #[error("there is an operator called {0:?} already")]
    Taken(String),
    /// The name is empty, longer than 150 characters, or holds what does not belong into one.
    #[error("an operator's name is 1 to 150 letters, digits and @ . + - _")]
    Name,
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether an operator may have this name.
///
/// # Errors
/// [`AddOperatorError::Name`] when it is empty, longer than 150 characters, or holds what does not belong into one.
pub fn check_operator_name(name: &str) -> Result<(), AddOperatorError> {
    let allowed = |letter: char| letter.is_alphanumeric() || "@.+-_".contains(letter);
    let is_one = (1..=150).contains(&name.chars().count()) && name.chars().all(allowed);
    if is_one { Ok(()) } else { Err(AddOperatorError::Name) }
}

impl Directory {
    /// Adds an operator; `password` is its hash.
    ///
    /// # Errors
    /// Raised when the name is taken or is no name, or when the directory can't be used.
    pub async fn add_operator(&self, operator: Operator) -> Result<(), AddOperatorError> {
        check_operator_name(&operator.name)?;
        let actor = self.actor();
        self.change(move |change| {
            let added = change.execute(
                "INSERT INTO operator (name, password, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                &[operator.name.as_str().into(), operator.password.into(), change::now().into()],
            )?;
            if added == 0 {
                return Err(AddOperatorError::Taken(operator.name));
            }
            change::audit(change, &actor, "operator.add", None, &operator.name)?;
            Ok(())
        })
        .await
    }

    /// The operator of this name.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn operator(&self, name: &str) -> Result<Option<Operator>, DirectoryError> {
        let name = name.to_owned();
        self.look(move |look| {
            let found = look.row("SELECT name, password FROM operator WHERE name = $1", &[name.into()])?;
            let Some(row) = found else { return Ok(None) };
            Ok(Some(Operator { name: row.text(0)?.to_owned(), password: row.text(1)?.to_owned() }))
        })
        .await
    }

    /// The names of all operators.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn operators(&self) -> Result<Vec<String>, DirectoryError> {
        self.look(|look| {
            let found = look.rows("SELECT name FROM operator ORDER BY name", &[])?;
            found.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
        })
        .await
    }
}
