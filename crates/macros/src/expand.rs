//! The code that a model gets.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

use crate::attributes::{ManyToMany, ModelAttributes, at_derive};
use crate::field::{Field, at};

/// Everything that `#[derive(Model)]` writes.
///
/// # Errors
/// Raised when the struct or one of its attributes is not what a model has; all of them at once where that goes.
pub(crate) fn model(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = ModelAttributes::parse(input)?;
    let fields = fields(input)?;
    let key = key(&fields)?;
    let path = attributes.krate.as_ref().map_or_else(|| quote!(::tenantry), |krate| quote!(#krate));
    let path = quote!(#path::model);
    let columns = columns(input, &fields, &path);
    let implementation = implementation(input, &attributes, &fields, key, &path)?;
    Ok(quote! {
        #columns
        #implementation
    })
}

fn fields(input: &DeriveInput) -> Result<Vec<Field>> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.generics.span(), "a model can't be generic: its table is fixed"));
    }
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "a model is a struct with named fields"));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(Error::new(input.ident.span(), "a model is a struct with named fields"));
    };
    let mut parsed = Vec::new();
    let mut errors: Option<Error> = None;
    for field in &named.named {
        match (Field::parse(field), &mut errors) {
            (Ok(field), _) => parsed.push(field),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    errors.map_or(Ok(parsed), Err)
}

fn key(fields: &[Field]) -> Result<&Field> {
    let mut keys = fields.iter().filter(|field| field.primary_key.is_some());
    let key = keys.next().ok_or_else(|| at_derive("one field must be the key: #[field(primary_key)]"))?;
    match keys.next().and_then(|second| second.primary_key) {
        Some(second) => Err(Error::new(second, "a model has one key")),
        None => Ok(key),
    }
}

/// The typed columns, `Note::TITLE` for one.
fn columns(input: &DeriveInput, fields: &[Field], model: &TokenStream) -> TokenStream {
    let (name, vis) = (&input.ident, &input.vis);
    let constants = fields.iter().enumerate().map(|(index, field)| {
        let (constant, ty, model) = (field.constant(), &field.ty, at(model, field.ty.span()));
        let doc = format!("The column `{}`.", field.column().value());
        quote_spanned! {ty.span()=>
            #[doc = #doc]
            #vis const #constant: #model::Column<#name, #ty> = #model::Column::new(
                <#name as #model::Model>::META,
                &<#name as #model::Model>::META.fields[#index],
            );
        }
    });
    quote! {
        #[allow(dead_code, reason = "not every column is used in a query")]
        impl #name {
            #(#constants)*
        }
    }
}

fn implementation(
    input: &DeriveInput,
    attributes: &ModelAttributes,
    fields: &[Field],
    key: &Field,
    model: &TokenStream,
) -> Result<TokenStream> {
    let name = &input.ident;
    let (key_name, key_type, key_column) = (&key.ident, &key.ty, key.column());
    let (table, meta) = meta(input, attributes, fields, model)?;
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types = fields.iter().map(|field| &field.ty);
    let reads = types.enumerate().map(|(index, ty)| quote_spanned!(ty.span()=> row.get::<#ty>(#index)?));
    Ok(quote! {
        #[automatically_derived]
        impl #model::Model for #name {
            type Key = <#key_type as #model::Field>::Plain;

            const TABLE: &'static str = #table;
            const KEY_COLUMN: &'static str = #key_column;
            const META: &'static #model::ModelMeta = { #meta };

            fn key(&self) -> ::core::option::Option<Self::Key> {
                <Self::Key as #model::Field>::from_value(#model::Field::to_value(&self.#key_name)).ok()
            }

            fn values(&self) -> ::std::vec::Vec<#model::Value> {
                ::std::vec![#(#model::Field::to_value(&self.#idents)),*]
            }

            fn decode(row: &#model::StoredRow<'_>) -> ::core::result::Result<Self, #model::ValueError> {
                ::core::result::Result::Ok(Self { #(#idents: #reads),* })
            }
        }
    })
}

/// The table, and the expression that is the model's metadata.
fn meta(
    input: &DeriveInput,
    attributes: &ModelAttributes,
    fields: &[Field],
    model: &TokenStream,
) -> Result<(String, TokenStream)> {
    let needs_app = || at_derive("say which application the model belongs to: #[model(app = \"…\")]");
    let app = attributes.app.as_ref().ok_or_else(needs_app)?.value();
    let name = attributes.name.as_ref().map(LitStr::value);
    let name = name.unwrap_or_else(|| input.ident.unraw().to_string().to_lowercase());
    let table = attributes.table.as_ref().map_or_else(|| format!("{app}_{name}"), LitStr::value);
    let checks = fields.iter().filter_map(|field| field.reference_check(model));
    let metas = fields.iter().map(|field| field.meta(model)).collect::<Result<Vec<_>>>()?;
    let orders = attributes.ordering.iter().map(|order| ordering(order, fields, model));
    let orders = orders.collect::<Result<Vec<_>>>()?;
    let together = attributes.unique_together.iter().map(|set| {
        let columns =
            set.iter().map(|name| column(name, &name.value(), fields)).collect::<Result<Vec<_>>>()?;
        Ok(quote!(&[#(#columns),*]))
    });
    let together = together.collect::<Result<Vec<_>>>()?;
    let relations = attributes.many_to_many.iter().map(|relation| many_to_many(relation, model));
    let meta = quote! {
        #(#checks)*
        &#model::ModelMeta {
            app: #app,
            name: #name,
            table: <Self as #model::Model>::TABLE,
            fields: &[#(#metas),*],
            ordering: &[#(#orders),*],
            unique_together: &[#(#together),*],
            many_to_many: &[#(#relations),*],
        }
    };
    Ok((table, meta))
}

fn ordering(order: &LitStr, fields: &[Field], model: &TokenStream) -> Result<TokenStream> {
    let text = order.value();
    let (descending, name) = text.strip_prefix('-').map_or((false, &*text), |name| (true, name));
    let column = column(order, name, fields)?;
    Ok(quote!(#model::Order { column: #column, descending: #descending }))
}

/// The column of the field that `name` names.
fn column(at: &LitStr, name: &str, fields: &[Field]) -> Result<LitStr> {
    let field = fields.iter().find(|field| field.name() == name);
    field.map(Field::column).ok_or_else(|| Error::new(at.span(), format!("there is no field `{name}`")))
}

fn many_to_many(relation: &ManyToMany, model: &TokenStream) -> TokenStream {
    let ManyToMany { name, target, through, from, to } = relation;
    let name = name.unraw().to_string();
    quote!(#model::ManyToMany { name: #name, target: #target, through: #through, from: #from, to: #to })
}
