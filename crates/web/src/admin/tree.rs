//! What goes with a record that is deleted, what loses its reference to it, and what keeps it from being deleted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use tenantry_db::TenantDb;
use tenantry_db::model::{FieldMeta, ModelMeta, OnDelete, QueryError, Row, Value};

use super::models::{Registered, Right};
use super::staff::Staff;
use super::text;

/// The most records that are deleted at once.
pub(super) const MOST: usize = 10_000;

/// The most keys that one statement names.
const AT_ONCE: usize = 500;

/// The most records that are shown by name.
const SHOWN: usize = 200;

/// Records that are to be deleted, with everything that goes with them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// In the order in which they were found: what refers to a record comes after it.
    doomed: Vec<Doomed>,
    freed: Vec<Freed>,
    protected: Vec<Protected>,
    /// More than [`MOST`] would go.
    pub(super) too_large: bool,
    count: usize,
}

#[derive(Debug)]
struct Doomed {
    model: Arc<Registered>,
    key: Value,
    title: String,
    parent: Option<usize>,
}

/// A record that loses its reference.
#[derive(Debug)]
struct Freed {
    meta: &'static ModelMeta,
    field: &'static FieldMeta,
    key: Value,
}

/// A record that keeps another from being deleted.
#[derive(Debug)]
struct Protected {
    model: Arc<Registered>,
    key: String,
    words: String,
}

/// A record in the tree as it is shown.
pub(super) struct Branch {
    pub(super) depth: usize,
    pub(super) model: String,
    pub(super) title: String,
}

impl Tree {
    /// What goes with these rows of a model.
    pub(super) async fn of(
        staff: &Staff,
        db: &TenantDb,
        model: &Arc<Registered>,
        rows: Vec<Row>,
    ) -> Result<Self, QueryError> {
        let mut tree = Self::default();
        let mut queue = VecDeque::new();
        queue.extend(tree.take(model, rows.into_iter().map(|row| (row, None)).collect()));
        while let Some(found) = queue.pop_front() {
            let table = tree.doomed.get(found.start).map(|it| it.model.meta.table);
            for meta in staff.site.models.known() {
                let Some(of) = staff.site.models.by_table(meta.table) else { continue };
                for field in meta.fields.iter().filter(|it| it.relation.map(|to| to.table) == table) {
                    let referring = tree.referring(db, &of, field, &found).await?;
                    queue.extend(tree.follow(staff, &of, field, referring));
                    if tree.too_large {
                        return Ok(tree);
                    }
                }
            }
        }
        // What is deleted anyway protects nothing.
        let doomed = std::mem::take(&mut tree.doomed);
        tree.protected.retain(|it| !doomed.iter().any(|gone| gone.is(&it.model, &it.key)));
        tree.freed.retain(|it| {
            !doomed.iter().any(|gone| gone.model.meta.table == it.meta.table && gone.key == it.key)
        });
        tree.doomed = doomed;
        Ok(tree)
    }

    /// Adds rows that are not in the tree yet, and gives the places at which they are.
    fn take(&mut self, model: &Arc<Registered>, rows: Vec<(Row, Option<usize>)>) -> Option<Range<usize>> {
        let start = self.doomed.len();
        let mut seen: BTreeSet<String> = self
            .doomed
            .iter()
            .filter(|it| it.model.meta.table == model.meta.table)
            .map(|it| text::raw(&it.key))
            .collect();
        for (row, parent) in rows {
            let Some(key) = key_of(model, &row).filter(|key| seen.insert(text::raw(key))) else { continue };
            self.doomed.push(Doomed { model: Arc::clone(model), key, title: model.title(&row), parent });
        }
        self.count = self.doomed.len() + self.freed.len();
        self.too_large |= self.count > MOST;
        (self.doomed.len() > start).then_some(start..self.doomed.len())
    }

    /// The rows whose `field` refers to one of those found, each with the place of that one.
    async fn referring(
        &self,
        db: &TenantDb,
        of: &Registered,
        field: &'static FieldMeta,
        found: &Range<usize>,
    ) -> Result<Vec<(Row, Option<usize>)>, QueryError> {
        let places: BTreeMap<String, usize> = found
            .clone()
            .filter_map(|place| Some((text::raw(&self.doomed.get(place)?.key), place)))
            .collect();
        let keys: Vec<Value> =
            found.clone().filter_map(|place| Some(self.doomed.get(place)?.key.clone())).collect();
        let column = of.meta.column(field.column)?;
        let mut rows = Vec::new();
        for some in keys.chunks(AT_ONCE) {
            let most = (MOST + 1).saturating_sub(self.count + rows.len()) as u64;
            rows.extend(db.rows(of.meta).filter(column.in_(some.to_vec())).limit(most).all().await?);
        }
        let placed = rows.into_iter().map(|row| {
            let place = row.value(field.column).and_then(|value| places.get(&text::raw(value)).copied());
            (row, place)
        });
        Ok(placed.collect())
    }

    /// Does with rows that refer to doomed ones what their field says.
    fn follow(
        &mut self,
        staff: &Staff,
        of: &Arc<Registered>,
        field: &'static FieldMeta,
        rows: Vec<(Row, Option<usize>)>,
    ) -> Option<Range<usize>> {
        match field.relation.map(|relation| relation.on_delete) {
            Some(OnDelete::Cascade) => return self.take(of, rows),
            Some(OnDelete::SetNull) => {
                let keys = rows.iter().filter_map(|(row, _)| key_of(of, row));
                self.freed.extend(keys.map(|key| Freed { meta: of.meta, field, key }));
            }
            Some(OnDelete::Protect) => {
                for (row, _) in rows {
                    // Whoever may not see a record is told only that there is one.
                    let title = if of.is_seen(&staff.permissions) {
                        format!(" “{}”", of.title(&row))
                    } else {
                        String::new()
                    };
                    let words = format!("{}{title} ({})", text::capital(&of.one()), text::label(field));
                    self.protected.push(Protected { model: Arc::clone(of), key: of.key(&row), words });
                }
            }
            None => {}
        }
        self.count = self.doomed.len() + self.freed.len() + self.protected.len();
        self.too_large |= self.count > MOST;
        None
    }

    /// The tree as it is shown: each record before those that go with it. Records of models that the site does not show are
    /// counted only.
    pub(super) fn branches(&self, staff: &Staff) -> Vec<Branch> {
        let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (place, it) in self.doomed.iter().enumerate().rev() {
            children.entry(it.parent).or_default().push(place);
        }
        let mut left: Vec<(usize, usize)> =
            children.remove(&None).unwrap_or_default().into_iter().map(|it| (it, 0)).collect();
        let mut branches = Vec::new();
        while let Some((place, depth)) = left.pop() {
            let Some(it) = self.doomed.get(place) else { continue };
            let shown =
                staff.site.models.is_registered(it.model.meta) && it.model.is_seen(&staff.permissions);
            if shown && branches.len() < SHOWN {
                let model = text::capital(&it.model.one());
                branches.push(Branch { depth: depth.min(6), model, title: it.title.clone() });
            }
            left.extend(
                children.remove(&Some(place)).unwrap_or_default().into_iter().map(|it| (it, depth + 1)),
            );
        }
        branches
    }

    /// How many records of each model go, in words.
    pub(super) fn counts(&self) -> Vec<String> {
        let mut counts: Vec<(&Arc<Registered>, u64)> = Vec::new();
        for it in &self.doomed {
            match counts.iter_mut().find(|(model, _)| model.meta.table == it.model.meta.table) {
                Some((_, count)) => *count += 1,
                None => counts.push((&it.model, 1)),
            }
        }
        counts.into_iter().map(|(model, count)| model.counted(count)).collect()
    }

    /// How much goes, in words that a form brings back: other ones say that something has changed.
    pub(super) fn going(&self) -> String {
        format!("{}, {} freed", self.counts().join(", "), self.freed.len())
    }

    /// The records that keep these from being deleted, some of them by name.
    pub(super) fn protected(&self) -> Vec<&str> {
        self.protected.iter().take(SHOWN).map(|it| it.words.as_str()).collect()
    }

    /// The models whose records the person may not delete, in words.
    pub(super) fn forbidden(&self, staff: &Staff) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for it in &self.doomed {
            let shown = staff.site.models.is_registered(it.model.meta);
            let name = it.model.several();
            if shown && !it.model.permits(&staff.permissions, Right::Delete) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// How many records lose their reference.
    pub(super) fn freed(&self) -> usize {
        self.freed.len()
    }

    /// Whether all of it may go.
    pub(super) fn may_go(&self, staff: &Staff) -> bool {
        !self.too_large && self.protected.is_empty() && self.forbidden(staff).is_empty()
    }

    /// Deletes all of it, what refers before what is referred to.
    pub(super) async fn fell(&self, tx: &TenantDb) -> Result<(), QueryError> {
        for it in &self.freed {
            let (key, column) = (it.meta.primary_key(), it.meta.column(it.field.column)?);
            let Some(key) = key else { continue };
            let row = tx.rows(it.meta).filter(it.meta.column(key.column)?.eq(it.key.clone()));
            row.update([column.set(Value::Null)]).await?;
        }
        let mut groups: Vec<(&'static ModelMeta, Vec<Value>)> = Vec::new();
        for it in self.doomed.iter().rev() {
            match groups.last_mut() {
                Some((meta, keys)) if meta.table == it.model.meta.table && keys.len() < AT_ONCE => {
                    keys.push(it.key.clone());
                }
                _ => groups.push((it.model.meta, vec![it.key.clone()])),
            }
        }
        for (meta, keys) in groups {
            if let Some(key) = meta.primary_key() {
                tx.rows(meta).filter(meta.column(key.column)?.in_(keys)).delete().await?;
            }
        }
        Ok(())
    }
}

impl Doomed {
    fn is(&self, model: &Registered, key: &str) -> bool {
        self.model.meta.table == model.meta.table && text::raw(&self.key) == key
    }
}

fn key_of(model: &Registered, row: &Row) -> Option<Value> {
    row.value(model.meta.primary_key()?.column).cloned()
}
