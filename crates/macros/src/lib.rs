//! `#[derive(Model)]`: a struct becomes a model, with metadata, typed columns and the way between it and its row.

mod attributes;
mod expand;
mod field;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a model of a struct with named fields. The module `model` of the data layer documents it with examples.
///
/// On the struct, `#[model(…)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `app = "notes"` | the application it belongs to; needed |
/// | `name = "note"` | its name; else the struct's, in lower case |
/// | `table = "notes_note"` | its table; else `app_name` |
/// | `ordering("-created", "title")` | how its rows are sorted where a query does not say |
/// | `unique_together("a", "b")` | columns that are unique together; may be repeated |
/// | `many_to_many(tags = "notes_tag", through = "…", from = "note_id", to = "tag_id")` | a relation by way of a join table; may be repeated |
/// | `crate = "tenantry_db"` | the crate that has the module `model`; else `::tenantry` |
///
/// On a field, `#[field(…)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `primary_key` | it is the key; exactly one field is |
/// | `max_length = 200` | the most characters of a text |
/// | `digits = 12, places = 2` | the digits of a `Decimal`, all and after the point; needed |
/// | `default = …` | what it gets where none is given: a literal, `now` or `new_uuid` |
/// | `choices("draft" = "Draft", …)` | the values it is limited to, and what people are shown |
/// | `references(User)`, `references = "auth_user"` | it is a foreign key: to a model, or to a table's `id` |
/// | `on_delete = cascade` | what happens when the row referred to is deleted: `cascade`, `protect` or `set_null`; needed |
/// | `unique`, `index` | no two rows have the same value; it has an index |
/// | `column = "…"` | its column; else its name |
/// | `help_text = "…"` | what people are told beside it |
#[proc_macro_derive(Model, attributes(model, field))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::model(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
