//! Models: what a table looks like (metadata), what stands in it (values, rows), and how both are asked for.
//!
//! # A model is a struct
//!
//! ```
//! use jiff::Timestamp;
//! use rust_decimal::Decimal;
//! use tenantry_db::model::{Auto, Model};
//!
//! #[derive(Model, Clone, Debug)]
//! #[model(app = "notes", ordering("-id"), crate = "tenantry_db")]
//! struct Note {
//!     #[field(primary_key)]
//!     id: Auto<i64>,
//!     #[field(max_length = 200, help_text = "What it is about")]
//!     title: String,
//!     #[field(default = "draft", choices("draft" = "Draft", "done" = "Done"))]
//!     state: String,
//!     body: Option<String>,
//!     #[field(digits = 12, places = 2)]
//!     price: Decimal,
//!     #[field(default = now, index)]
//!     created: Timestamp,
//!     #[field(references = "auth_user", on_delete = set_null)]
//!     owner_id: Option<i64>,
//! }
//!
//! assert_eq!(Note::META.table, "notes_note");
//! assert_eq!(Note::TITLE.column_name(), "title");
//! ```
//!
//! The derive gives the metadata ([`Model::META`]) and a typed [`Column`] for each field, so that a misspelt column, or
//! a number compared with text, does not compile. An application that depends on `tenantry` leaves out `crate`.
//! [`macro@Model`] lists all attributes.
//!
//! A field that may be NULL is an `Option`. A key is an [`Auto`] that the database gives, or a [`uuid::Uuid`], best
//! version 7 (`Uuid::now_v7()`), or any integer or text that the application gives. A default is what forms, REST and
//! [`Row::new`] fill in; a struct says all of its values itself.
//!
//! # Questions
//!
//! ```
//! # use tenantry_db::{TenantDb, model::{Auto, Model, QueryError}};
//! # #[derive(Model)]
//! # #[model(app = "notes", crate = "tenantry_db")]
//! # struct Note { #[field(primary_key)] id: Auto<i64>, title: String, body: Option<String> }
//! async fn questions(db: &TenantDb) -> Result<(), QueryError> {
//!     let newest: Vec<Note> = db.query().order_by(Note::ID.desc()).limit(20).all().await?;
//!     let urgent = Note::TITLE.starts_with("!").or(Note::BODY.contains("urgent"));
//!     let urgent = db.query().filter(urgent).filter(Note::ID.gt(100)).count().await?;
//!     let emptied = db.query().filter(Note::TITLE.eq("")).update([Note::BODY.set(None)]).await?;
//!     let found: Option<Note> = db.find(7).await?;
//!     let only: Note = db.query().filter(Note::TITLE.eq("rent")).one().await?;
//!     # let _ = (newest, urgent, emptied, found, only);
//!     Ok(())
//! }
//! ```
//!
//! Rows that refer to others are asked for by [`Column::in_rows`]. What the methods of a column can't say, an expression of [`sea_query`] can
//! ([`Query::filter_expr`](crate::Query::filter_expr)); what no query can say, raw SQL can
//! ([`TenantDb::raw`](crate::TenantDb::raw)). A many-to-many relation is a model of its own with two references.
//!
//! Code that knows a model only by its metadata asks the same questions with
//! [`TenantDb::rows`](crate::TenantDb::rows), [`ModelMeta::column`] and [`Row`].
//!
//! # What holds on every database
//!
//! - NULL sorts before every value, and text sorts and compares by its bytes.
//! - `contains` and `starts_with` take every character for itself. Where case is ignored, it is that of `A` to `Z`.
//! - A value that does not fit is an error that names the field, before anything is written: nothing is rounded or cut.
//!   The one exception is an instant, which is cut to the microsecond, towards the past. What
//!   [`TenantDb::insert`](crate::TenantDb::insert) gives back is what is stored.
//! - A float is finite, a year is 1 to 9999, and text has no U+0000: the databases do not agree on the others.
//! - The first operation of a transaction that fails in the database, or is dropped half-way, ends in its undoing.
//!
//! # What is absent
//!
//! No lazy relations, no identity map, no unit of work: a query is a statement, and a struct is a copy of a row.

mod auto;
mod bound;
mod cell;
mod check;
mod column;
mod condition;
#[doc(hidden)]
pub mod derive;
mod dialect;
mod error;
mod field;
mod json;
mod meta;
mod postgres_form;
mod row;
mod shared;
mod sqlite_form;
mod statement;
mod typed;
mod value;
mod writer;

pub use auto::Auto;
pub(crate) use bound::Bound;
pub use cell::Cell;
pub(crate) use cell::Raw;
pub use column::{Assignment, Column, Condition, Operand, OrderBy, Settable, TextOperand};
pub(crate) use dialect::{Dialect, TENANT_COLUMN};
pub use error::{Problem, QueryError, UnknownColumn, ValueError, VersionError};
pub use field::Field;
pub use json::RowError;
pub use meta::{Choice, DefaultValue, FieldMeta, Kind, ManyToMany, ModelMeta, OnDelete, Order, Relation};
pub(crate) use postgres_form::PostgresValue;
pub use row::Row;
pub use sea_query;
pub(crate) use shared::names_other_rows;
pub(crate) use sqlite_form::untyped;
pub(crate) use statement::{Selection, Statement, key_of};
pub use tenantry_macros::Model;
pub(crate) use typed::Source;
pub use typed::{Model, StoredRow};
pub use value::Value;
