//! What the address of a list asks for: words, filters, order and page. What it can't mean is named, and left out.

use tenantry_db::Query;
use tenantry_db::TenantDb;
use tenantry_db::model::{Condition, FieldMeta, Kind, QueryError, Row, Value};

use super::range::Range;
use crate::admin::models::Registered;
use crate::admin::text;

/// The rows of a page.
pub(in crate::admin) const PAGE: u64 = 100;

/// The most rows that are shown at once where all are asked for.
pub(in crate::admin) const ALL: u64 = 200;

/// The most bytes of what is searched for.
const LONGEST: usize = 200;

/// The end of a parameter's name that asks for rows without a value.
const IS_NULL: &str = "__isnull";

/// What the address of a list asks for.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Wanted {
    pub(in crate::admin) words: String,
    /// By which columns rows are sorted, and whether each descends.
    pub(in crate::admin) orders: Vec<(&'static FieldMeta, bool)>,
    /// Whether the address says so itself.
    pub(in crate::admin) is_sorted: bool,
    pub(in crate::admin) page: u64,
    pub(in crate::admin) all: bool,
    pub(in crate::admin) filters: Vec<Chosen>,
    /// The parameters that mean nothing here.
    pub(in crate::admin) unknown: Vec<String>,
    /// The parameters that mean something, as they came.
    pairs: Vec<(String, String)>,
}

/// A filter that was chosen.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Chosen {
    pub(in crate::admin) field: &'static FieldMeta,
    pub(in crate::admin) choice: Choice,
}

/// Which rows a filter lets through.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::admin) enum Choice {
    /// Those without a value.
    Null,
    /// Those with this value.
    Is(Value),
    /// Those of a range of dates.
    Within(Range),
}

impl Wanted {
    pub(in crate::admin) fn parse(model: &Registered, query: &str) -> Self {
        let mut wanted = Self {
            words: String::new(),
            orders: Vec::new(),
            is_sorted: false,
            page: 1,
            all: false,
            filters: Vec::new(),
            unknown: Vec::new(),
            pairs: Vec::new(),
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            if wanted.take(model, &name, &value) {
                wanted.pairs.push((name, value));
            } else {
                wanted.unknown.push(text::cut(&name, 40));
            }
        }
        wanted.is_sorted = !wanted.orders.is_empty();
        if !wanted.is_sorted {
            let own = model.ordering().into_iter();
            wanted.orders = own.filter_map(|by| Some((model.field(by.column)?, by.descending))).collect();
        }
        wanted
    }

    /// Takes one parameter, and says whether it means anything.
    fn take(&mut self, model: &Registered, name: &str, value: &str) -> bool {
        match name {
            "q" => {
                value.len() <= LONGEST && !value.contains('\0') && {
                    value.trim().clone_into(&mut self.words);
                    true
                }
            }
            "p" => value.parse().ok().filter(|page| *page >= 1).is_some_and(|page| {
                self.page = page;
                true
            }),
            "all" => {
                self.all = true;
                true
            }
            "o" => sorted_by(model, value).is_some_and(|orders| {
                self.orders = orders;
                true
            }),
            _ => Chosen::parse(model, name, value).is_some_and(|chosen| {
                self.filters.push(chosen);
                true
            }),
        }
    }

    /// The rows that are meant, without regard to the filter on `but`.
    pub(in crate::admin) fn rows<'db>(
        &self,
        db: &'db TenantDb,
        model: &Registered,
        but: Option<&FieldMeta>,
    ) -> Result<Query<'db, Row>, QueryError> {
        let mut query = db.rows(model.meta);
        for word in self.words.split_whitespace() {
            if let Some(found) = contains(model, word)? {
                query = query.filter(found);
            }
        }
        for chosen in
            self.filters.iter().filter(|chosen| but.is_none_or(|but| but.column != chosen.field.column))
        {
            query = query.filter(chosen.condition(model)?);
        }
        Ok(query)
    }

    /// Whether any row may be left out.
    pub(in crate::admin) fn is_narrowed(&self) -> bool {
        !self.words.is_empty() || !self.filters.is_empty()
    }

    /// The query of an address that asks for the same but for `changes`: a name without a value is taken out. Another choice
    /// begins on its first page.
    pub(in crate::admin) fn but(&self, changes: &[(&str, Option<&str>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kept = self.pairs.iter().filter(|(name, value)| {
            !value.is_empty() && name != "p" && changes.iter().all(|(changed, _)| changed != name)
        });
        query.extend_pairs(kept);
        query.extend_pairs(changes.iter().filter_map(|(name, value)| value.map(|value| (name, value))));
        let query = query.finish();
        if query.is_empty() { "?".to_owned() } else { format!("?{query}") }
    }

    /// The query of the address itself, without a mark in front.
    pub(in crate::admin) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }

    pub(in crate::admin) fn choice(&self, field: &FieldMeta) -> Option<&Choice> {
        self.filters.iter().find(|chosen| chosen.field.column == field.column).map(|chosen| &chosen.choice)
    }

    /// The parameters other than the words, for a form that asks for others.
    pub(in crate::admin) fn others(&self) -> Vec<(String, String)> {
        self.pairs.iter().filter(|(name, _)| name != "q" && name != "p").cloned().collect()
    }
}

impl Chosen {
    fn parse(model: &Registered, name: &str, value: &str) -> Option<Self> {
        let (column, is_null) = name.strip_suffix(IS_NULL).map_or((name, false), |column| (column, true));
        let field = model.filters().into_iter().find(|field| field.column == column)?;
        let choice = if is_null {
            (field.null && value == "1").then_some(Choice::Null)?
        } else if matches!(field.kind, Kind::Date | Kind::DateTime) {
            Choice::Within(Range::parse(value)?)
        } else {
            Choice::Is(value_of(field.kind, value)?)
        };
        Some(Self { field, choice })
    }

    fn condition(&self, model: &Registered) -> Result<Condition<Row>, QueryError> {
        condition(model, self.field, &self.choice)
    }
}

impl Choice {
    /// The parameter's name and value.
    pub(in crate::admin) fn pair(&self, field: &FieldMeta) -> (String, String) {
        match self {
            Self::Null => (format!("{}{IS_NULL}", field.column), "1".to_owned()),
            Self::Is(Value::Bool(value)) => {
                (field.column.to_owned(), if *value { "1" } else { "0" }.to_owned())
            }
            Self::Is(value) => (field.column.to_owned(), text::raw(value)),
            Self::Within(range) => (field.column.to_owned(), range.name()),
        }
    }
}

/// Both names under which a field's filter may stand in an address.
pub(in crate::admin) fn names(field: &FieldMeta) -> [String; 2] {
    [field.column.to_owned(), format!("{}{IS_NULL}", field.column)]
}

/// The condition that a choice is.
pub(in crate::admin) fn condition(
    model: &Registered,
    field: &FieldMeta,
    choice: &Choice,
) -> Result<Condition<Row>, QueryError> {
    let column = model.meta.column(field.column)?;
    Ok(match choice {
        Choice::Null => column.is_null(),
        Choice::Is(value) => column.eq(value.clone()),
        Choice::Within(range) => {
            let (from, end) = range.bounds(field.kind);
            column.ge(from).and(column.lt(end))
        }
    })
}

/// The value of a kind that a filter's text means.
fn value_of(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Bool => ["0", "1"].iter().position(|it| *it == text).map(|index| Value::Bool(index == 1)),
        Kind::SmallInt | Kind::Int | Kind::BigInt => {
            let number: i64 = text.parse().ok()?;
            let fits = match kind {
                Kind::SmallInt => i16::try_from(number).is_ok(),
                Kind::Int => i32::try_from(number).is_ok(),
                _ => true,
            };
            fits.then_some(Value::Int(number))
        }
        Kind::Uuid => text.parse().ok().map(Value::Uuid),
        Kind::Text { .. } if !text.contains('\0') => Some(Value::Text(text.to_owned())),
        _ => None,
    }
}

/// A word in any of the searched columns; `None` where none is searched.
fn contains(model: &Registered, word: &str) -> Result<Option<Condition<Row>>, QueryError> {
    let mut any: Option<Condition<Row>> = None;
    for field in model.searched() {
        let found = model.meta.column(field.column)?.contains_ignoring_case(word);
        any = Some(match any {
            Some(any) => any.or(found),
            None => found,
        });
    }
    Ok(any)
}

/// Columns by their number in the list, the first is 1; one that descends has a minus: `2.-1`.
fn sorted_by(model: &Registered, value: &str) -> Option<Vec<(&'static FieldMeta, bool)>> {
    let columns = model.columns();
    let by = value.split('.').map(|part| {
        let (descending, number) = part.strip_prefix('-').map_or((false, part), |number| (true, number));
        let index: usize = number.parse().ok()?;
        Some((*columns.get(index.checked_sub(1)?)?, descending))
    });
    by.collect::<Option<Vec<_>>>().filter(|by| by.len() <= columns.len())
}
