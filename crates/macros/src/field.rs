//! A field of the struct and what stands in its `#[field(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, Path, Result, Token, Type, UnOp};
use syn::{parenthesized, token};

use crate::attributes::{once, string};

const KNOWN: &str = "unknown attribute of a field: primary_key, max_length, digits, places, default, choices, \
                     references, on_delete, unique, index, column and help_text are known";

/// A field and its attributes.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) primary_key: Option<Span>,
    unique: Option<()>,
    index: Option<()>,
    column: Option<LitStr>,
    help_text: Option<LitStr>,
    max_length: Option<LitInt>,
    digits: Option<LitInt>,
    places: Option<LitInt>,
    default: Option<Expr>,
    choices: Option<Vec<(LitStr, LitStr)>>,
    references: Option<Reference>,
    on_delete: Option<Ident>,
}

/// Where a foreign key leads.
enum Reference {
    Model(Path),
    Table(LitStr),
}

impl Field {
    /// # Errors
    /// Raised when an attribute is unknown, malformed, given twice, or lacks another one that it needs.
    pub(crate) fn parse(field: &syn::Field) -> Result<Self> {
        let ident = field.ident.clone().ok_or_else(|| Error::new(field.span(), "a field needs a name"))?;
        let mut parsed = Self::new(ident, field.ty.clone());
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| parsed.parse_one(&meta))?;
        }
        parsed.agree()?;
        Ok(parsed)
    }

    fn new(ident: Ident, ty: Type) -> Self {
        Self {
            ident,
            ty,
            primary_key: None,
            unique: None,
            index: None,
            column: None,
            help_text: None,
            max_length: None,
            digits: None,
            places: None,
            default: None,
            choices: None,
            references: None,
            on_delete: None,
        }
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(name) = meta.path.get_ident() else { return Err(meta.error(KNOWN)) };
        match name.to_string().as_str() {
            "primary_key" => once(&mut self.primary_key, meta, |meta| Ok(meta.path.span())),
            "unique" => once(&mut self.unique, meta, |_| Ok(())),
            "index" => once(&mut self.index, meta, |_| Ok(())),
            "column" => once(&mut self.column, meta, string),
            "help_text" => once(&mut self.help_text, meta, string),
            "max_length" => once(&mut self.max_length, meta, |meta| meta.value()?.parse()),
            "digits" => once(&mut self.digits, meta, |meta| meta.value()?.parse()),
            "places" => once(&mut self.places, meta, |meta| meta.value()?.parse()),
            "default" => once(&mut self.default, meta, |meta| meta.value()?.parse()),
            "choices" => once(&mut self.choices, meta, choices),
            "references" => once(&mut self.references, meta, Reference::parse),
            "on_delete" => once(&mut self.on_delete, meta, |meta| meta.value()?.parse()),
            _ => Err(meta.error(KNOWN)),
        }
    }

    fn agree(&self) -> Result<()> {
        if self.primary_key.is_none() && is_auto(&self.ty) {
            return Err(Error::new(self.ty.span(), "only the key can be `Auto`"));
        }
        match (&self.references, &self.on_delete) {
            (Some(reference), None) => Err(Error::new(
                reference.span(),
                "say what happens when the row referred to is deleted: on_delete = cascade, protect or set_null",
            )),
            (None, Some(on_delete)) => Err(Error::new(on_delete.span(), "`on_delete` needs `references`")),
            _ => Ok(()),
        }?;
        match (&self.digits, &self.places) {
            (Some(digits), None) => Err(Error::new(digits.span(), "`digits` needs `places`")),
            (None, Some(places)) => Err(Error::new(places.span(), "`places` needs `digits`")),
            _ => Ok(()),
        }
    }

    /// The field's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// The column's name.
    pub(crate) fn column(&self) -> LitStr {
        self.column.clone().unwrap_or_else(|| LitStr::new(&self.name(), self.ident.span()))
    }

    /// The name of the constant that is the typed column.
    pub(crate) fn constant(&self) -> Ident {
        format_ident!("{}", self.name().to_uppercase(), span = self.ident.span())
    }

    /// The field's metadata. `model` is the path of the module `model`.
    ///
    /// # Errors
    /// Raised when a default or an `on_delete` is not one.
    pub(crate) fn meta(&self, model: &TokenStream) -> Result<TokenStream> {
        let (name, column, ty) = (self.name(), self.column(), &self.ty);
        let model = &at(model, ty.span());
        let kind = self.kind(model);
        let default = option(self.default.as_ref().map(|default| default_value(default, model)).transpose()?);
        let relation = option(self.relation(model)?);
        let choices = self
            .choices
            .iter()
            .flatten()
            .map(|(value, label)| quote!(#model::Choice { value: #value, label: #label }));
        let help_text = self.help_text.as_ref().map_or_else(String::new, LitStr::value);
        let (unique, index) = (self.unique.is_some(), self.index.is_some());
        let primary_key = self.primary_key.is_some();
        let auto = if primary_key { quote!(key_is_auto) } else { quote!(never_auto) };
        Ok(quote_spanned! {ty.span()=>
            #model::derive::checked(#model::FieldMeta {
                name: #name,
                column: #column,
                kind: #kind,
                null: <#ty as #model::Field>::NULL,
                unique: #unique,
                index: #index,
                primary_key: #primary_key,
                auto: #model::derive::#auto::<#ty>(),
                default: #default,
                choices: &[#(#choices),*],
                help_text: #help_text,
                relation: #relation,
            })
        })
    }

    /// A call that the compiler refuses when the key referred to has another type.
    pub(crate) fn reference_check(&self, model: &TokenStream) -> Option<TokenStream> {
        let Some(Reference::Model(target)) = &self.references else { return None };
        let (ty, model) = (&self.ty, at(model, self.ty.span()));
        Some(quote_spanned!(ty.span()=> #model::derive::leads_to::<#ty, #target>();))
    }

    fn kind(&self, model: &TokenStream) -> TokenStream {
        let (ty, span) = (&self.ty, self.ty.span());
        match (&self.max_length, &self.digits, &self.places) {
            (None, Some(digits), Some(places)) => {
                quote_spanned!(span=> #model::derive::decimal::<#ty>(#digits, #places))
            }
            (Some(max), ..) => quote_spanned!(span=> #model::derive::bounded_text::<#ty>(#max)),
            _ => quote_spanned!(span=> #model::derive::plain_kind::<#ty>()),
        }
    }

    fn relation(&self, model: &TokenStream) -> Result<Option<TokenStream>> {
        let (Some(reference), Some(on_delete)) = (&self.references, &self.on_delete) else { return Ok(None) };
        let ty = &self.ty;
        let on_delete = match on_delete.to_string().as_str() {
            "cascade" => quote!(#model::OnDelete::Cascade),
            "protect" => quote!(#model::OnDelete::Protect),
            "set_null" => quote_spanned!(ty.span()=> #model::derive::set_null::<#ty>()),
            _ => return Err(Error::new(on_delete.span(), "`on_delete` is cascade, protect or set_null")),
        };
        Ok(Some(match reference {
            Reference::Model(target) => quote!(#model::Relation::to::<#target>(#on_delete)),
            Reference::Table(table) => {
                quote!(#model::Relation { table: #table, column: "id", on_delete: #on_delete })
            }
        }))
    }
}

impl Reference {
    fn parse(meta: &ParseNestedMeta<'_>) -> Result<Self> {
        if meta.input.peek(token::Paren) {
            let content;
            parenthesized!(content in meta.input);
            content.parse().map(Self::Model)
        } else {
            string(meta).map(Self::Table)
        }
    }

    fn span(&self) -> Span {
        match self {
            Self::Model(path) => path.span(),
            Self::Table(table) => table.span(),
        }
    }
}

fn is_auto(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Auto")
}

/// Reads `("draft" = "Draft", "done" = "Done")`.
fn choices(meta: &ParseNestedMeta<'_>) -> Result<Vec<(LitStr, LitStr)>> {
    let content;
    parenthesized!(content in meta.input);
    let pairs = Punctuated::<_, Token![,]>::parse_terminated_with(&content, |input| {
        let value = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok((value, input.parse()?))
    })?;
    if pairs.is_empty() {
        Err(meta.error("at least one choice is needed"))
    } else {
        Ok(pairs.into_iter().collect())
    }
}

fn default_value(default: &Expr, model: &TokenStream) -> Result<TokenStream> {
    let refused = || Error::new(default.span(), "a default is a literal, `now` or `new_uuid`");
    let variant = match default {
        Expr::Path(path) if path.path.is_ident("now") => quote!(Now),
        Expr::Path(path) if path.path.is_ident("new_uuid") => quote!(NewUuid),
        Expr::Lit(ExprLit { lit, .. }) => literal(lit).ok_or_else(refused)?(quote!(#default)),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match &**expr {
            Expr::Lit(ExprLit { lit: lit @ (Lit::Int(_) | Lit::Float(_)), .. }) => {
                literal(lit).ok_or_else(refused)?(quote!(#default))
            }
            _ => return Err(refused()),
        },
        _ => return Err(refused()),
    };
    Ok(quote_spanned!(default.span()=> #model::DefaultValue::#variant))
}

fn literal(lit: &Lit) -> Option<fn(TokenStream) -> TokenStream> {
    Some(match lit {
        Lit::Str(_) => |value| quote!(Text(#value)),
        Lit::Int(_) => |value| quote!(Int(#value)),
        Lit::Float(_) => |value| quote!(Float(#value)),
        Lit::Bool(_) => |value| quote!(Bool(#value)),
        _ => return None,
    })
}

/// The path with every token at `span`, so that the compiler's message points there alone.
pub(crate) fn at(path: &TokenStream, span: Span) -> TokenStream {
    let tokens = path.clone().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    tokens.collect()
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}
