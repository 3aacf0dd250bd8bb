//! A key that the database gives.

use serde::{Deserialize, Serialize};

/// A key that the database gives when the row is inserted: unset before, set ever after.
///
/// ```
/// use tenantry_db::model::Auto;
///
/// assert_eq!(Auto::unset(), Auto::<i64>::default());
/// assert_eq!(Auto::from(7_i64).get(), Some(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Auto<K>(Option<K>);

impl<K> Auto<K> {
    /// No key yet.
    #[must_use]
    pub const fn unset() -> Self {
        Self(None)
    }

    /// The key, once there is one.
    #[must_use]
    pub fn get(self) -> Option<K> {
        self.0
    }

    /// The key by reference, once there is one.
    #[must_use]
    pub const fn as_ref(&self) -> Option<&K> {
        self.0.as_ref()
    }
}

impl<K> Default for Auto<K> {
    fn default() -> Self {
        Self::unset()
    }
}

impl<K> From<K> for Auto<K> {
    fn from(key: K) -> Self {
        Self(Some(key))
    }
}
