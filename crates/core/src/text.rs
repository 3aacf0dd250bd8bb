//! What the types have in common that are a text in one form: shown as it is, read with `FromStr`, the same in JSON.

/// Lets a type that holds a `str`, and has `FromStr`, be shown and be turned from and into a `String`.
macro_rules! canonical_text {
    ($name:ident, $error:ty) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.as_ref().into()
            }
        }
    };
}

pub(crate) use canonical_text;
