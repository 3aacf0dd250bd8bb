//! What stands in `#[model(…)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, Error, Ident, LitStr, Path, Result, Token, parenthesized};

/// What `#[model(…)]` says.
#[derive(Default)]
pub(crate) struct ModelAttributes {
    pub(crate) app: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) table: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    pub(crate) ordering: Vec<LitStr>,
    pub(crate) unique_together: Vec<Vec<LitStr>>,
    pub(crate) many_to_many: Vec<ManyToMany>,
}

/// What `many_to_many(…)` says.
pub(crate) struct ManyToMany {
    pub(crate) name: Ident,
    pub(crate) target: LitStr,
    pub(crate) through: LitStr,
    pub(crate) from: LitStr,
    pub(crate) to: LitStr,
}

impl ModelAttributes {
    /// # Errors
    /// Raised when an attribute is unknown, malformed or given twice.
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let mut attributes = Self::default();
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("model")) {
            attribute.parse_nested_meta(|meta| attributes.parse_one(&meta))?;
        }
        Ok(attributes)
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(name) = meta.path.get_ident() else {
            return Err(meta.error("unknown attribute of a model"));
        };
        match name.to_string().as_str() {
            "app" => once(&mut self.app, meta, string),
            "name" => once(&mut self.name, meta, string),
            "table" => once(&mut self.table, meta, string),
            "crate" => once(&mut self.krate, meta, |meta| string(meta)?.parse()),
            "ordering" => {
                self.ordering.extend(strings(meta)?);
                Ok(())
            }
            "unique_together" => {
                self.unique_together.push(strings(meta)?);
                Ok(())
            }
            "many_to_many" => {
                self.many_to_many.push(ManyToMany::parse(meta)?);
                Ok(())
            }
            _ => Err(meta.error(
                "unknown attribute of a model: app, name, table, ordering, unique_together, many_to_many and crate \
                 are known",
            )),
        }
    }
}

impl ManyToMany {
    fn parse(meta: &ParseNestedMeta<'_>) -> Result<Self> {
        let (mut relation, mut through, mut from, mut to) = (None, None, None, None);
        meta.parse_nested_meta(|meta| {
            let name = meta.path.require_ident()?;
            match name.to_string().as_str() {
                "through" => once(&mut through, &meta, string),
                "from" => once(&mut from, &meta, string),
                "to" => once(&mut to, &meta, string),
                _ => once(&mut relation, &meta, |meta| Ok((name.clone(), string(meta)?))),
            }
        })?;
        match (relation, through, from, to) {
            (Some((name, target)), Some(through), Some(from), Some(to)) => {
                Ok(Self { name, target, through, from, to })
            }
            _ => Err(meta.error(
                "a many-to-many relation is NAME = \"target_table\", through = \"join_table\", \
                 from = \"column\", to = \"column\"",
            )),
        }
    }
}

/// Reads an attribute that may be given once.
pub(crate) fn once<T>(
    slot: &mut Option<T>,
    meta: &ParseNestedMeta<'_>,
    read: impl FnOnce(&ParseNestedMeta<'_>) -> Result<T>,
) -> Result<()> {
    if slot.is_some() {
        return Err(meta.error("given twice"));
    }
    *slot = Some(read(meta)?);
    Ok(())
}

/// Reads `= "text"`.
pub(crate) fn string(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// Reads `("one", "two")`.
fn strings(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let content;
    parenthesized!(content in meta.input);
    let strings: Vec<_> = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?.into_iter().collect();
    if strings.is_empty() { Err(meta.error("at least one column is needed")) } else { Ok(strings) }
}

/// An error at the derive itself, where there is no better place.
pub(crate) fn at_derive(message: &str) -> Error {
    Error::new(Span::call_site(), message)
}
