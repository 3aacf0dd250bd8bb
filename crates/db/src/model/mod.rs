//! Models: what a table looks like (metadata), what stands in it (values, rows), and how both are asked for.

mod meta;
mod value;

pub use meta::{Choice, DefaultValue, FieldMeta, Kind, ManyToMany, ModelMeta, OnDelete, Order, Relation};
pub use value::Value;
