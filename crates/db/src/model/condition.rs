//! Conditions as expressions of sea-query.

use sea_query::{BinOper, Expr, ExprTrait, Query, SelectStatement};

use super::column::{Clause, Comparison, Joint, Match, Target};
use super::statement::compared;
use super::{Dialect, Kind, ModelMeta, QueryError, UnknownColumn, Value};

/// The most conditions in one statement: SQLite takes time with the square of their number to plan it.
const MOST: usize = 1_000;

/// The most bytes of a text that is searched for in others: comparing takes its length times theirs, and nothing looks
/// at the clock meanwhile.
const LONGEST_SEARCH: usize = 4_096;

/// All of the conditions in one, all columns of which must belong to `model`; `None` where there is none.
///
/// # Errors
/// Raised when a column belongs to another model, a value does not fit its column, or the conditions are too many or
/// lie too deep in one another.
pub(super) fn all_of(
    dialect: Dialect<'_>,
    model: &ModelMeta,
    clauses: Vec<Clause>,
) -> Result<Option<Expr>, QueryError> {
    let mut room = MOST;
    let all = clauses.into_iter().map(|clause| expression(dialect, model, clause, &mut room));
    // In shared tables only the tenant's own rows, whatever is asked for.
    let parts = dialect.own_rows().map(Ok).into_iter().chain(all);
    Ok(joined(Joint::And, parts.collect::<Result<_, _>>()?))
}

/// One condition, which takes of the room that is left.
fn expression(
    dialect: Dialect<'_>,
    model: &ModelMeta,
    clause: Clause,
    room: &mut usize,
) -> Result<Expr, QueryError> {
    if !matches!(clause, Clause::Joined(..) | Clause::Not(_)) {
        *room = room.checked_sub(1).ok_or(QueryError::TooLarge)?;
    }
    Ok(match clause {
        Clause::Compare(target, comparison, value) => {
            let name = column(model, target)?;
            let sorts = !matches!(comparison, Comparison::Eq | Comparison::Ne);
            let is_text = matches!(target.field.kind, Kind::Text { .. });
            let left = if sorts && is_text { dialect.by_bytes(name) } else { Expr::col(name) };
            let right = compared(dialect, target, value)?;
            match comparison {
                Comparison::Eq => left.eq(right),
                Comparison::Ne => left.ne(right),
                Comparison::Lt => left.lt(right),
                Comparison::Le => left.lte(right),
                Comparison::Gt => left.gt(right),
                Comparison::Ge => left.gte(right),
            }
        }
        Clause::In(target, values) => {
            let values = values.into_iter().map(|value| compared(dialect, target, value));
            Expr::col(column(model, target)?).is_in(values.collect::<Result<Vec<_>, _>>()?)
        }
        Clause::InRows(target, inner, clause) => {
            let name = Expr::col(column(model, target)?);
            name.in_subquery(rows_of(dialect, inner, *clause, room)?)
        }
        Clause::IsNull(target) => Expr::col(column(model, target)?).is_null(),
        Clause::Text(target, how, text) => text_match(dialect, column(model, target)?, target, how, &text)?,
        Clause::Joined(joint, parts) => {
            let parts = parts.into_iter().map(|part| expression(dialect, model, part, room));
            return joined(joint, parts.collect::<Result<_, _>>()?).ok_or(QueryError::TooLarge);
        }
        Clause::Not(clause) => expression(dialect, model, *clause, room)?.not(),
        Clause::Expr(expr) => *expr,
        Clause::TooDeep => return Err(QueryError::TooLarge),
    })
}

/// What a column has in the rows of its model for which a clause holds.
fn rows_of(
    dialect: Dialect<'_>,
    of: Target,
    clause: Clause,
    room: &mut usize,
) -> Result<SelectStatement, QueryError> {
    let mut select = Query::select();
    select.expr(Expr::col(of.field.column)).from(dialect.table(of.model.table));
    select.and_where_option(dialect.own_rows());
    // Nothing is equal to NULL, and with one among them nothing is surely not among them either.
    select.and_where_option(of.field.null.then(|| Expr::col(of.field.column).is_not_null()));
    select.and_where(expression(dialect, of.model, clause, room)?);
    Ok(select)
}

/// Whether a clause has SQL of the application's own in it: by a function it could do anything, and tables are named there as
/// the application knows them.
pub(super) fn has_own_sql(clause: &Clause) -> bool {
    match clause {
        Clause::Expr(expr) => !is_plain(expr),
        Clause::Joined(_, parts) => parts.iter().any(has_own_sql),
        Clause::Not(inner) | Clause::InRows(_, _, inner) => has_own_sql(inner),
        Clause::Compare(..) | Clause::In(..) | Clause::IsNull(_) | Clause::Text(..) | Clause::TooDeep => {
            false
        }
    }
}

/// Whether an expression is of columns, values and the usual operators alone.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Value(_) | Expr::Values(_) | Expr::Constant(_) => true,
        Expr::Tuple(parts) => parts.iter().all(is_plain),
        Expr::Unary(_, of) => is_plain(of),
        Expr::Binary(left, oper, right) => {
            let usual = !matches!(
                oper,
                BinOper::Custom(_) | BinOper::As | BinOper::PgOperator(_) | BinOper::SqliteOperator(_)
            );
            usual && is_plain(left) && is_plain(right)
        }
        _ => false,
    }
}

/// All of them in one; `None` where there is none. Joined in pairs, and the pairs in pairs, so that a thousand lie ten
/// deep and not a thousand.
fn joined(joint: Joint, mut parts: Vec<Expr>) -> Option<Expr> {
    while parts.len() > 1 {
        let mut left = parts.into_iter();
        parts = Vec::with_capacity(left.len().div_ceil(2));
        while let Some(one) = left.next() {
            parts.push(match (left.next(), joint) {
                (None, _) => one,
                (Some(other), Joint::And) => one.and(other),
                (Some(other), Joint::Or) => one.or(other),
            });
        }
    }
    parts.pop()
}

/// The column's name, if the column belongs to `model`.
///
/// # Errors
/// Raised when it belongs to another one. The compiler sees to that for columns that a derive made.
pub(super) fn column(model: &ModelMeta, target: Target) -> Result<&'static str, UnknownColumn> {
    if target.model.table == model.table {
        return Ok(target.field.column);
    }
    let column = format!("{}.{}", target.model.table, target.field.column);
    Err(UnknownColumn { model: model.table, column })
}

fn text_match(
    dialect: Dialect<'_>,
    column: &'static str,
    target: Target,
    how: Match,
    text: &str,
) -> Result<Expr, QueryError> {
    // An error unless the column is text, and the text has no U+0000.
    let bound = compared(dialect, target, Value::Text(text.to_owned()))?;
    if matches!(how, Match::Contains | Match::ContainsIgnoringCase) && text.len() > LONGEST_SEARCH {
        return Err(QueryError::TooLarge);
    }
    Ok(match how {
        Match::Contains => dialect.contains(column, bound),
        // A range, because an index helps with it.
        Match::StartsWith => {
            let from = dialect.by_bytes(column).gte(bound);
            match after_prefix(text) {
                Some(end) => from.and(dialect.by_bytes(column).lt(end)),
                None => from,
            }
        }
        Match::ContainsIgnoringCase => dialect.contains_ignoring_case(column, bound),
        Match::StartsWithIgnoringCase => dialect.starts_with_ignoring_case(column, bound),
    })
}

/// The least text that is greater than every text with this prefix; `None` where there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The range skips the surrogates, as UTF-8 does.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}
