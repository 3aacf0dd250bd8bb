//! Schemas that the Django project made, each of which may become a tenant's as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenantry_core::{
    Alias, HostError, HostName, Placement, SchemaName, SchemaNameError, Slug, SlugError, Status, TenantId,
    TenantName, TenantNameError, TenantRecord,
};

use super::create::{Home, NewTenant};
use crate::Instance;
use crate::migrate::{ApplyError, Rights, SeedTenant, chain, plan, rights, seed_tenants};
use crate::model::QueryError;
use crate::places::UnknownPlace;
use crate::postgres::quoted;

/// Who looks through a database: no tenant has its id.
const LOOKING: TenantId = TenantId::new(-3);

/// A schema that the Django project's table of tenants names.
#[derive(Debug)]
pub struct FoundSchema {
    /// Its name, as it stands there.
    pub schema: String,
    /// The host name that leads to it, as it stands there.
    pub sub_domain: String,
    /// What can be done with it.
    pub standing: SchemaStanding,
}

/// What can be done with a schema.
#[derive(Debug)]
pub enum SchemaStanding {
    /// It is a tenant's already.
    Tenant(Arc<TenantRecord>),
    /// It can become this tenant's.
    Free(Box<NewTenant>),
    /// It can't be taken as it is.
    Refused(SchemaRefusal),
}

/// Raised when a database can't be looked through for schemas.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemasError {
    /// The database is not configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// It is no PostgreSQL database.
    #[error(
        "DB_{} is not a PostgreSQL database, and no other has schemas: `tenant create SLUG --database {}` claims a file",
        .0.as_str().to_uppercase(),
        .0
    )]
    NotPostgres(Alias),
    /// It has no table of tenants.
    #[error("DB_{} has no table tenant_tenant in its schema public", .0.as_str().to_uppercase())]
    NoTable(Alias),
    /// It can't be read.
    #[error("DB_{} can't be read: {}", .database.as_str().to_uppercase(), chain(.error))]
    Database {
        /// The database.
        database: Alias,
        /// Why.
        error: QueryError,
    },
}

/// Why a schema can't become a tenant's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaRefusal {
    /// Its name is none that is taken.
    #[error(transparent)]
    Schema(#[from] SchemaNameError),
    /// Its name makes no slug.
    #[error("{0:?} can't be its slug: {1}")]
    Slug(String, SlugError),
    /// Its name for people is none.
    #[error(transparent)]
    Name(#[from] TenantNameError),
    /// Its host name is none.
    #[error("its host name can't be used: {0}")]
    Domain(#[from] HostError),
    /// Its host name is an IP address.
    #[error("{0} is an address, and a tenant's domain is a name")]
    Address(HostName),
    /// Another tenant has the slug.
    #[error("the slug {0} is taken")]
    SlugTaken(Slug),
    /// The domain leads to another tenant.
    #[error("the domain {0} is taken")]
    DomainTaken(HostName),
    /// There is no such schema.
    #[error("there is no schema of this very name: upper and lower case differ")]
    Missing,
    /// The role may not make tables there.
    #[error(
        "the role {role} may not make tables there: GRANT USAGE, CREATE ON SCHEMA {} TO {}",
        quoted(.schema.as_str()), quoted(.role)
    )]
    MayNotCreate {
        /// The schema.
        schema: SchemaName,
        /// The role that makes and migrates tables.
        role: String,
    },
    /// Something there belongs to someone else.
    #[error("the role {role} has not the rights of {owner}, whose tables are there: GRANT {} TO {}", quoted(.owner), quoted(.role))]
    NotOwner {
        /// The role that makes and migrates tables.
        role: String,
        /// Whose it is.
        owner: String,
    },
    /// None of Django's tables is there.
    #[error("it has none of Django's tables: `manage.py migrate_schemas` makes them")]
    NotDjango,
    /// What is there is not as Django left it.
    #[error(transparent)]
    Data(#[from] ApplyError),
    /// It can't be read.
    #[error("it can't be read: {}", chain(.0))]
    Database(#[from] QueryError),
}

/// What the tenants before it in the same table take.
#[derive(Default)]
struct Taken {
    slugs: BTreeSet<Slug>,
    domains: Vec<HostName>,
}

impl Instance {
    /// Reads the table `tenant_tenant` of a PostgreSQL database, which the Django project with a schema for each tenant has
    /// there, and says of each schema whether it can become a tenant's. Changes nothing.
    ///
    /// # Errors
    /// Raised when the database is not configured, is on no PostgreSQL server, has no such table or can't be read.
    pub async fn schemas(&self, database: &Alias) -> Result<Vec<FoundSchema>, SchemasError> {
        let claimed = Placement::Claimed { database: database.clone() };
        if self.0.places.scope(&claimed).is_none() {
            self.0.places.check(&claimed)?;
            return Err(SchemasError::NotPostgres(database.clone()));
        }
        let store = self.owned_store(LOOKING, &claimed)?;
        let unreadable = |error| SchemasError::Database { database: database.clone(), error };
        let rows = seed_tenants(&store).await.map_err(unreadable)?;
        let rows = rows.ok_or_else(|| SchemasError::NoTable(database.clone()))?;
        let mut records = self.0.directory.records();
        // What was left half made is made anew.
        records.retain(|record| record.status != Status::Provisioning);
        let (mut found, mut taken) = (Vec::with_capacity(rows.len()), Taken::default());
        for row in rows {
            let standing = match self.standing_of(database, &row, &records, &mut taken).await {
                Ok(standing) => standing,
                Err(refusal) => SchemaStanding::Refused(refusal),
            };
            found.push(FoundSchema { schema: row.schema, sub_domain: row.sub_domain, standing });
        }
        Ok(found)
    }

    async fn standing_of(
        &self,
        database: &Alias,
        row: &SeedTenant,
        records: &[Arc<TenantRecord>],
        taken: &mut Taken,
    ) -> Result<SchemaStanding, SchemaRefusal> {
        let schema: SchemaName = row.schema.parse()?;
        let placement = Placement::Adopted { database: database.clone(), schema: schema.clone() };
        if let Some(record) = records.iter().find(|record| record.placement == placement) {
            return Ok(SchemaStanding::Tenant(Arc::clone(record)));
        }
        let slug = row.schema.to_ascii_lowercase().replace('_', "-");
        let slug: Slug = slug.parse().map_err(|error| SchemaRefusal::Slug(slug, error))?;
        let name: TenantName = row.name.parse()?;
        let domain: HostName = row.sub_domain.parse()?;
        if domain.is_address() {
            return Err(SchemaRefusal::Address(domain));
        }
        if records.iter().any(|record| record.slug == slug) || taken.slugs.contains(&slug) {
            return Err(SchemaRefusal::SlugTaken(slug));
        }
        if records.iter().any(|record| record.domains.contains(&domain)) || taken.domains.contains(&domain) {
            return Err(SchemaRefusal::DomainTaken(domain));
        }
        self.look_into(&placement, &schema).await?;
        taken.slugs.insert(slug.clone());
        taken.domains.push(domain.clone());
        let home = Home::Schema { database: database.clone(), schema, active: row.active };
        Ok(SchemaStanding::Free(Box::new(NewTenant { slug, name: Some(name), domains: vec![domain], home })))
    }

    /// Refuses a schema that is not there, in which the role that migrates may not work, or that Django did not make.
    async fn look_into(&self, placement: &Placement, schema: &SchemaName) -> Result<(), SchemaRefusal> {
        let store = self.owned_store(LOOKING, placement).map_err(ApplyError::from)?;
        let found = rights(&store, schema.as_str()).await?;
        let Rights { role, may_create, stranger } = found.ok_or(SchemaRefusal::Missing)?;
        if !may_create {
            return Err(SchemaRefusal::MayNotCreate { schema: schema.clone(), role });
        }
        if let Some(owner) = stranger {
            return Err(SchemaRefusal::NotOwner { role, owner });
        }
        let plan = plan(&store, self.history()).await?;
        if plan.adopted() { Ok(()) } else { Err(SchemaRefusal::NotDjango) }
    }
}
