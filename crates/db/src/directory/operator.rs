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
        self.call(move |db| {
            let change = change::begin(db)?;
            let added = change.execute(
                "INSERT INTO operator (name, password, created) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                (&operator.name, &operator.password, change::now()),
            );
            if added.map_err(DirectoryError::from)? == 0 {
                return Err(AddOperatorError::Taken(operator.name));
            }
            change::audit(&change, &actor, "operator.add", None, &operator.name)?;
            change.commit().map_err(DirectoryError::from)?;
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
        self.call(move |db| {
            let mut found = db.prepare_cached("SELECT name, password FROM operator WHERE name = ?1")?;
            let mut rows = found.query([name])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some(Operator { name: row.get(0)?, password: row.get(1)? }))
        })
        .await
    }

    /// The names of all operators.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn operators(&self) -> Result<Vec<String>, DirectoryError> {
        self.call(|db| {
            let mut found = db.prepare_cached("SELECT name FROM operator ORDER BY name")?;
            let names = found.query_map([], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
        .await
    }
}
