//! The whole site that an instance serves, made from the application and the settings.

use std::time::Duration;

use tenantry_db::Instance;
use tenantry_web::admin::AdminSite;
use tenantry_web::auth::{Hasher, SecretKey, Throttle};
use tenantry_web::http::{Edge, HostRules, Limits, Resolvers, Site};
use tenantry_web::rest::TenantsApi;

use super::Context;
use crate::cli::Failure;
use crate::config::secret_key;

const KEY_HINT: &str = "leave it unset, and a good one is made and kept in the data folder";

impl Context {
    /// Every route of the instance and of its tenants, under the layers that find the tenant.
    pub(super) fn site(&self, instance: &Instance) -> Result<impl Site + use<>, Failure> {
        let settings = self.settings();
        let hasher = Hasher::default();
        let throttle = Throttle::default();
        let directory = instance.directory().clone();
        let tenants = TenantsApi::new(directory, &hasher, throttle.clone(), settings.tenants_api);
        let admin = AdminSite {
            hasher,
            throttle,
            upgrade: settings.password_upgrade,
            plain_http: settings.debug || settings.listen.is_loopback(),
            ..AdminSite::new(&self.secret_key()?, self.app.models())
        };
        let edge = Edge {
            limits: self.limits(),
            hosts: HostRules {
                allowed: settings.allowed_hosts.clone(),
                base_domain: settings.base_domain.clone(),
                proxies: settings.trusted_proxies.clone(),
                debug: settings.debug,
            },
            resolvers: Resolvers {
                base_domain: settings.base_domain.clone(),
                path_prefix: settings.tenant_path_prefix.clone(),
                header: settings.tenant_header.clone(),
            },
            hsts: Duration::from_secs(settings.hsts.into()),
        };
        let of_tenants = admin.routes().merge(self.app.tenant_routes());
        Ok(edge.around(instance.clone(), tenants.routes(), of_tenants))
    }

    /// The configured key, or the one in the data folder, made when there is none.
    pub(super) fn secret_key(&self) -> Result<SecretKey, Failure> {
        let settings = self.settings();
        let secret = match &settings.secret_key {
            Some(secret) => secret.clone(),
            None => secret_key::load_or_create(&settings.data_dir)?,
        };
        SecretKey::try_from(secret.expose().to_owned())
            .map_err(|error| Failure::new(format!("SECRET_KEY: {error}")).hint(KEY_HINT))
    }

    /// What a client may take, as far as it is configured.
    pub(super) fn limits(&self) -> Limits {
        let settings = self.settings();
        Limits {
            connections: self.descriptors.connections,
            body_bytes: settings.body_limit.bytes(),
            answer: settings.request_timeout,
            grace: settings.shutdown_grace,
            ..Limits::default()
        }
    }
}
