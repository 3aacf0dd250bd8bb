//! A statement's values on their way to PostgreSQL.

use std::error::Error;
use std::fmt::Write;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

use crate::model::Bound;

/// Everything but bytes goes in PostgreSQL's text form, so that the server reads it as whatever type it infers for the
/// place at which the value stands.
impl ToSql for Bound {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Bool(value) => out.extend_from_slice(if *value { b"t" } else { b"f" }),
            Self::Int(value) => write!(out, "{value}")?,
            Self::Float(value) => write!(out, "{value:?}")?,
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        if matches!(self, Self::Bytes(_)) { Format::Binary } else { Format::Text }
    }
}
