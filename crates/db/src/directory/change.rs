//! Changes of one tenant's entry: its status, its slug, its domains.

use jiff::Timestamp;
use tenantry_core::{
    Alias, HostName, OpaqueName, Placement, Restored, Slug, Status, TenantId, TenantName, Transition,
    TransitionError,
};

use super::journal::{self, Operation};
use super::session::Tx;
use super::{Directory, DirectoryError, read};

/// A tenant to be entered.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    pub(crate) slug: Slug,
    pub(crate) name: TenantName,
    pub(crate) domains: Vec<HostName>,
    pub(crate) placement: Placement,
    /// Whether the file that it claims is there already.
    pub(crate) existed: bool,
    /// The data folder that its files are in, or beside, where processes with several folders share the directory.
    pub(crate) folder: Option<OpaqueName>,
    /// What it is once it is made: active, or suspended.
    pub(crate) status: Status,
}

/// Raised when a tenant can't be entered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowConflict {
    #[error("the slug {0} is taken")]
    Slug(Slug),
    #[error("the domain {0} leads to another tenant")]
    Domain(HostName),
    #[error("the database {0} is another tenant's")]
    Claimed(Alias),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Raised when a tenant's status can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// Its status does not allow it.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Raised when a tenant can't be renamed.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// Another tenant, or one that was deleted and not yet purged, has the slug.
    #[error("the slug {0} is taken")]
    Taken(Slug),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Raised when a tenant's domains can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// The domain leads to a tenant already, perhaps to this one.
    #[error("the domain {0} is taken")]
    Taken(HostName),
    /// The domain does not lead to this tenant.
    #[error("the domain {0} does not lead to this tenant")]
    NotIts(HostName),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// What is to become of a tenant.
enum Asked {
    Change(Transition),
    /// Back to what it was before its deletion.
    Undelete,
    /// Its end, by this owner.
    Purge(OpaqueName),
}

impl Asked {
    fn transition(&self, change: &Tx<'_>, id: TenantId, from: Status) -> Result<Transition, DirectoryError> {
        match self {
            Self::Change(transition) => Ok(*transition),
            Self::Purge(_) => Ok(Transition::Purge),
            // Refused, whatever it would come back to.
            Self::Undelete if from != Status::Deleted => Ok(Transition::Undelete { to: Restored::Active }),
            Self::Undelete => {
                let sql = "SELECT deleted_from FROM tenant WHERE id = $1";
                let found = change.row(sql, &[id.get().into()])?;
                let before = found.as_ref().map(|row| row.text_if_any(0)).transpose()?.flatten();
                Ok(Transition::Undelete { to: read::restored(before.unwrap_or_default())? })
            }
        }
    }
}

impl Directory {
    /// Suspends, activates, puts into maintenance or deletes. Every process serves it so within a second.
    ///
    /// # Errors
    /// Raised when there is no such tenant, when its status does not allow it, and for a purge, which is more than a
    /// change of status: see [`Instance::purge`](crate::Instance::purge).
    pub async fn change_status(&self, id: TenantId, transition: Transition) -> Result<Status, ChangeError> {
        self.transition(id, Asked::Change(transition)).await
    }

    /// Brings a softly deleted tenant back to what it was.
    ///
    /// # Errors
    /// Raised when there is no such tenant, and when it is not deleted.
    pub async fn undelete(&self, id: TenantId) -> Result<Status, ChangeError> {
        self.transition(id, Asked::Undelete).await
    }

    /// First step of a purge: the tenant can't be brought back, and the journal names who removes it.
    pub(crate) async fn begin_purge(&self, id: TenantId, owner: &OpaqueName) -> Result<Status, ChangeError> {
        self.transition(id, Asked::Purge(owner.clone())).await
    }

    async fn transition(&self, id: TenantId, asked: Asked) -> Result<Status, ChangeError> {
        let actor = self.actor();
        self.change(move |change| {
            let from = status(change, id)?.ok_or(ChangeError::Unknown)?;
            let transition = asked.transition(change, id, from)?;
            let to = from.after(transition)?;
            // Both ends of a tenant's life have steps of their own, which the journal holds.
            let of_the_journal = matches!(asked, Asked::Purge(_));
            if from == Status::Provisioning || (to == Status::Deleting && !of_the_journal) {
                return Err(TransitionError { from, transition }.into());
            }
            let generation = next_generation(change)?;
            let deleted = (to == Status::Deleted).then(now);
            let from_text = deleted.as_ref().map(|_| from.as_str());
            let set = "UPDATE tenant SET status = $2, deleted = $3, deleted_from = $4, generation = $5 WHERE id = $1";
            let values = [
                id.get().into(),
                to.as_str().into(),
                deleted.into(),
                from_text.into(),
                generation.into(),
            ];
            change.execute(set, &values)?;
            if let Asked::Purge(owner) = asked {
                journal::write(change, id, Operation::Purge, &owner, false)?;
            }
            let detail = format!("{from} to {to}");
            audit(change, &actor, "tenant.status", Some(id), &detail)?;
            Ok(to)
        })
        .await
    }

    /// Gives a tenant another slug. Its data stays where it is: no file bears the slug.
    ///
    /// # Errors
    /// Raised when there is no such tenant, and when the slug is taken.
    pub async fn rename(
        &self,
        id: TenantId,
        slug: Slug,
        name: Option<TenantName>,
    ) -> Result<(), RenameError> {
        let actor = self.actor();
        self.change(move |change| {
            if status(change, id)?.is_none() {
                return Err(RenameError::Unknown);
            }
            let others = "SELECT 1 FROM tenant WHERE slug = $1 AND id <> $2";
            if change.row(others, &[slug.as_str().into(), id.get().into()])?.is_some() {
                return Err(RenameError::Taken(slug));
            }
            let generation = next_generation(change)?;
            audit(change, &actor, "tenant.rename", Some(id), slug.as_str())?;
            let set = "UPDATE tenant SET slug = $2, name = coalesce($3, name), generation = $4 WHERE id = $1";
            let name = name.as_ref().map(TenantName::as_str);
            change.execute(set, &[id.get().into(), slug.as_str().into(), name.into(), generation.into()])?;
            Ok(())
        })
        .await
    }

    /// Lets a domain lead to a tenant. The first one is its primary.
    ///
    /// # Errors
    /// Raised when there is no such tenant, and when the domain is taken.
    pub async fn add_domain(&self, id: TenantId, host: HostName) -> Result<(), DomainError> {
        let actor = self.actor();
        self.change_domains(id, move |change| {
            audit(change, &actor, "domain.add", Some(id), host.as_str())?;
            if insert_domain(change, id, &host)? { Ok(()) } else { Err(DomainError::Taken(host)) }
        })
        .await
    }

    /// Lets a domain lead nowhere. When it was the primary one, the next takes its place.
    ///
    /// # Errors
    /// Raised when there is no such tenant, and when the domain does not lead to it.
    pub async fn remove_domain(&self, id: TenantId, host: HostName) -> Result<(), DomainError> {
        let actor = self.actor();
        self.change_domains(id, move |change| {
            audit(change, &actor, "domain.remove", Some(id), host.as_str())?;
            let delete = "DELETE FROM domain WHERE tenant_id = $1 AND host = $2";
            let removed = change.execute(delete, &[id.get().into(), host.as_str().into()])?;
            if removed == 0 { Err(DomainError::NotIts(host)) } else { Ok(()) }
        })
        .await
    }

    /// Makes one of a tenant's domains the primary one.
    ///
    /// # Errors
    /// Raised when there is no such tenant, and when the domain does not lead to it.
    pub async fn set_primary_domain(&self, id: TenantId, host: HostName) -> Result<(), DomainError> {
        let actor = self.actor();
        self.change_domains(id, move |change| {
            audit(change, &actor, "domain.primary", Some(id), host.as_str())?;
            let set = "UPDATE domain SET position = (SELECT min(position) - 1 FROM domain WHERE tenant_id = $1) \
                       WHERE tenant_id = $1 AND host = $2";
            let moved = change.execute(set, &[id.get().into(), host.as_str().into()])?;
            if moved == 0 { Err(DomainError::NotIts(host)) } else { Ok(()) }
        })
        .await
    }

    async fn change_domains(
        &self,
        id: TenantId,
        work: impl FnOnce(&Tx<'_>) -> Result<(), DomainError> + Send + 'static,
    ) -> Result<(), DomainError> {
        self.change(move |change| {
            if status(change, id)?.is_none() {
                return Err(DomainError::Unknown);
            }
            work(change)?;
            let generation = next_generation(change)?;
            let set = "UPDATE tenant SET generation = $2 WHERE id = $1";
            change.execute(set, &[id.get().into(), generation.into()])?;
            Ok(())
        })
        .await
    }

    /// Notes where a server is; the answer is where it was when it was first used.
    pub(crate) async fn note_server(&self, alias: Alias, location: String) -> Result<String, DirectoryError> {
        self.change(move |change| {
            let add =
                "INSERT INTO server (alias, location, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            change.execute(add, &[alias.as_str().into(), location.as_str().into(), now().into()])?;
            let first =
                change.row("SELECT location FROM server WHERE alias = $1", &[alias.as_str().into()])?;
            first.map_or(Ok(location), |row| Ok(row.text(0)?.to_owned()))
        })
        .await
    }
}

/// The instant, as the directory writes it.
pub(super) fn now() -> String {
    Timestamp::now().to_string()
}

/// The number of the change at hand: memory everywhere knows by it what to read again.
pub(super) fn next_generation(change: &Tx<'_>) -> Result<i64, DirectoryError> {
    let sql = "UPDATE instance SET generation = generation + 1 RETURNING generation";
    let row = change.row(sql, &[])?;
    row.ok_or_else(|| DirectoryError::Unreadable("its row of the instance is gone".to_owned()))?.int(0)
}

/// Enters a tenant and its domains.
pub(super) fn insert(change: &Tx<'_>, row: &NewRow, generation: i64) -> Result<TenantId, RowConflict> {
    let taken = |sql: &str, text: &str| -> Result<bool, DirectoryError> {
        Ok(change.row(sql, &[text.into()])?.is_some())
    };
    if taken("SELECT 1 FROM tenant WHERE slug = $1", row.slug.as_str())? {
        return Err(RowConflict::Slug(row.slug.clone()));
    }
    let (server, isolation, opaque, claimed) = match &row.placement {
        Placement::Made { server, isolation, name } => {
            (Some(server), Some(isolation.as_str()), Some(name), None)
        }
        Placement::Claimed { database } => (None, None, None, Some(database.to_string())),
        Placement::Adopted { database, schema } => (None, None, None, Some(format!("{database}/{schema}"))),
    };
    if let Some(claimed) = &claimed
        && taken("SELECT 1 FROM tenant WHERE claimed = $1", claimed)?
    {
        return Err(RowConflict::Claimed(row.placement.alias().clone()));
    }
    let sql = "INSERT INTO tenant (slug, name, status, created, server, isolation, opaque, claimed, generation) \
               VALUES ($1, $2, 'provisioning', $3, $4, $5, $6, $7, $8) RETURNING id";
    let values = [
        row.slug.as_str().into(),
        row.name.as_str().into(),
        now().into(),
        server.map(Alias::as_str).into(),
        isolation.into(),
        opaque.map(OpaqueName::as_str).into(),
        claimed.as_deref().into(),
        generation.into(),
    ];
    let made = change.row(sql, &values)?;
    let no_id = || DirectoryError::Unreadable("it gave a new tenant no number".to_owned());
    let id = TenantId::new(made.ok_or_else(no_id)?.int(0)?);
    if let Some(folder) = &row.folder {
        let set = "UPDATE tenant SET folder = $2 WHERE id = $1";
        change.execute(set, &[id.get().into(), folder.as_str().into()]).map_err(RowConflict::from)?;
    }
    for host in &row.domains {
        if !insert_domain(change, id, host)? {
            return Err(RowConflict::Domain(host.clone()));
        }
    }
    Ok(id)
}

/// Whether the domain was free.
fn insert_domain(change: &Tx<'_>, id: TenantId, host: &HostName) -> Result<bool, DirectoryError> {
    let sql = "INSERT INTO domain (host, tenant_id, position) \
               SELECT $1, $2, coalesce(max(position) + 1, 0) FROM domain WHERE tenant_id = $2 \
               ON CONFLICT (host) DO NOTHING";
    Ok(change.execute(sql, &[host.as_str().into(), id.get().into()])? == 1)
}

fn status(change: &Tx<'_>, id: TenantId) -> Result<Option<Status>, DirectoryError> {
    let found = change.row("SELECT status FROM tenant WHERE id = $1", &[id.get().into()])?;
    found.map(|row| read::parse(row.text(0)?)).transpose()
}

/// Writes down what is done, in the transaction that does it.
pub(super) fn audit(
    change: &Tx<'_>,
    actor: &str,
    action: &str,
    tenant: Option<TenantId>,
    detail: &str,
) -> Result<(), DirectoryError> {
    let sql = "INSERT INTO audit (at, actor, action, tenant, slug, detail) \
               VALUES ($1, $2, $3, $4, (SELECT slug FROM tenant WHERE id = $4), $5)";
    let tenant = tenant.map(TenantId::get).into();
    change.execute(sql, &[now().into(), actor.into(), action.into(), tenant, detail.into()])?;
    Ok(())
}
