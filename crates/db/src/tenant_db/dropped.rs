//! Counts the operations that were dropped before they completed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many operations were dropped half-way, shared by every door of an instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct DroppedCount(Arc<AtomicU64>);

/// One operation under way. Dropped before [`Watch::completed`], it counts.
pub(super) struct Watch<'c>(Option<&'c AtomicU64>);

impl DroppedCount {
    /// The number so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn watch(&self) -> Watch<'_> {
        Watch(Some(&self.0))
    }
}

impl Watch<'_> {
    pub(super) fn completed(mut self) {
        self.0 = None;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
