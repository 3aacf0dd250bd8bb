//! `audit`: who did what to the instance and its tenants.

use jiff::Timestamp;

use super::Context;
use crate::cli::Failure;
use crate::cli::args::AuditArgs;

impl Context {
    pub(super) async fn audit(&mut self, args: AuditArgs) -> Result<(), Failure> {
        let instance = self.open()?;
        let entries = instance.directory().audit(args.tenant, args.limit).await?;
        self.out.data(args.json, &entries, |out| {
            let rows = entries.iter().map(|entry| {
                let tenant = entry.slug.as_ref().map(ToString::to_string).unwrap_or_default();
                [second(entry.at), entry.actor.clone(), entry.action.clone(), tenant, entry.detail.clone()]
            });
            out.table(["WHEN", "WHO", "WHAT", "TENANT", "DETAIL"], rows);
        });
        instance.close().await;
        Ok(())
    }
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
