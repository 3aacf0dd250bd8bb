//! Models: what a table looks like (metadata), what stands in it (values, rows), and how both are asked for.

mod auto;
mod check;
mod column;
mod condition;
#[doc(hidden)]
pub mod derive;
mod error;
mod field;
mod meta;
mod row;
mod sqlite_form;
mod statement;
mod typed;
mod value;

pub use auto::Auto;
pub use column::{Assignment, Column, Condition, Operand, OrderBy, Settable, TextOperand};
pub use error::{Problem, QueryError, UnknownColumn, ValueError};
pub use field::Field;
pub use meta::{Choice, DefaultValue, FieldMeta, Kind, ManyToMany, ModelMeta, OnDelete, Order, Relation};
pub use row::Row;
pub use sea_query;
pub use sqlite_form::Cell;
pub(crate) use sqlite_form::untyped;
pub(crate) use statement::{Selection, Statement, key_of};
pub use tenantry_macros::Model;
pub use typed::{Model, StoredRow};
pub use value::Value;
