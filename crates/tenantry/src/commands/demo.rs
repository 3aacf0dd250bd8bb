//! `demo`: two tenants with users and records in a folder of their own, served at once.

use tenantry_core::{HostName, Slug, Tenant};
use tenantry_db::Instance;
use tenantry_db::lifecycle::{Home, NewTenant, Target};
use tenantry_web::auth::Password;

use super::instance::door;
use super::people::give_demo_user;
use super::serve::listener_on;
use super::{Context, logging};
use crate::cli::Failure;

const TENANTS: [(&str, &str); 2] = [("acme", "Acme"), ("globex", "Globex")];
const USER: &str = "demo";

impl Context {
    pub(super) async fn demo(&mut self) -> Result<(), Failure> {
        self.app = self.app.clone().shown_by_demo();
        logging::start(self.settings())?;
        let listener = listener_on(&self.settings().listen).await?;
        let port = listener.local_addr()?.port();
        let instance = self.open_or_make()?;
        self.recover(&instance).await?;
        self.migrate_quietly(&instance).await?;
        self.out.line("Two tenants, each with its own users, data and host name:");
        for (slug, name) in TENANTS {
            let password = self.demo_tenant(&instance, slug, name).await?;
            self.out.line("");
            self.out.line(format_args!("  {name:7} http://{slug}.localhost:{port}/"));
            self.out.line(format_args!("          http://{slug}.localhost:{port}/admin/"));
            self.out.line(format_args!("          user {USER}, password {password}"));
        }
        self.out.line("");
        let folder = self.settings().data_dir.display().to_string();
        self.out.line(format_args!(
            "The passwords are new at each start. Stop with Ctrl-C; what was made stays in {folder}."
        ));
        let site = self.site(&instance)?;
        self.serve_on(listener, site, instance).await
    }

    async fn migrate_quietly(&mut self, instance: &Instance) -> Result<(), Failure> {
        let behind = instance.behind(&Target::Fleet).await?;
        let summary = instance.migrate(behind, std::num::NonZeroUsize::MIN, |_| {}).await?;
        match summary.failed.into_iter().next() {
            Some((slug, error)) => {
                let failure = Failure::new(format!("{slug} could not be migrated: {error}"));
                Err(failure.hint(format!("remove {} to start anew", self.settings().data_dir.display())))
            }
            None => Ok(()),
        }
    }

    /// Makes a tenant unless it is there, fills it, and gives its user a new password.
    async fn demo_tenant(&mut self, instance: &Instance, slug: &str, name: &str) -> Result<String, Failure> {
        let slug: Slug = slug.parse()?;
        let record = match instance.directory().record(&slug) {
            Some(record) => record,
            None => {
                let domain: HostName = format!("{slug}.localhost").parse()?;
                let home = Home::Server { alias: None, isolation: None };
                let name = Some(name.parse()?);
                instance
                    .create_tenant(NewTenant { slug: slug.clone(), name, domains: vec![domain], home })
                    .await?
            }
        };
        let db = door(instance, &record).await?;
        let tenant: Tenant = db.tenant().clone();
        self.app.fill(tenant, db.clone()).await?;
        let password = generate()?;
        give_demo_user(&db, USER, Password::from(password.clone())).await?;
        Ok(password)
    }
}

/// A password of 80 random bits, easily read out.
fn generate() -> Result<String, Failure> {
    let mut bits = [0; 10];
    getrandom::fill(&mut bits)?;
    let text = data_encoding::BASE32_NOPAD.encode(&bits).to_lowercase();
    Ok(text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-"))
}
