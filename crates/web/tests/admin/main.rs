//! The admin over real sockets: what its pages show and change, for whom, and what they never do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../sign_in/browser.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod browser;
#[path = "../common/mod.rs"]
mod common;

mod conflict;
mod deletion;
mod export;
mod forms;
mod history;
mod injection;
mod lists;
mod rights;
mod shop;

use std::collections::BTreeMap;

use common::columns::Ground;
use common::{Setup, Site, admin_of, start_with};
use reqwest::Response;
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::lifecycle::NewTenant;
use tenantry_db::model::Auto;
use tenantry_web::auth::people::{
    ContentType, NewSuperuser, Permission, User, UserPermission, create_superuser,
};
use tenantry_web::auth::{HashPolicy, Hasher, session};

use browser::Browser;
use shop::{models, registry};

/// A site with the tenants `acme` and `globex`, whose `ada` is a superuser of each.
async fn site(ground: Ground) -> Site {
    let setup = Setup { app: admin_of(models()), ..Setup::default() };
    let site = start_with(ground, setup, registry(), 64);
    for slug in ["acme", "globex"] {
        let new = NewTenant {
            slug: slug.parse().unwrap(),
            name: None,
            domains: vec![format!("{slug}.example").parse().unwrap()],
            home: site.home(0),
        };
        site.instance.create_tenant(new).await.unwrap();
        user(&door(&site, slug), "ada").await;
    }
    site
}

fn door(site: &Site, slug: &str) -> TenantDb {
    let record = site.instance.directory().record(&slug.parse().unwrap()).unwrap();
    site.instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap()
}

/// A superuser who signs in with no password.
async fn user(db: &TenantDb, name: &str) -> User {
    let new = NewSuperuser { username: name.parse().unwrap(), email: "".parse().unwrap(), password: None };
    create_superuser(db, &Hasher::default(), HashPolicy::Own, new).await.unwrap()
}

/// Someone of the staff with these permissions, each as `view_book`.
async fn staff(db: &TenantDb, name: &str, permissions: &[&str]) -> User {
    let user = User { is_superuser: false, ..user(db, name).await };
    db.update(&user).await.unwrap();
    for codename in permissions {
        let of_shop =
            db.query::<ContentType>().filter(ContentType::APP_LABEL.eq("shop")).all().await.unwrap();
        let of_shop: Vec<i64> = of_shop.iter().filter_map(|of| of.id.get()).collect();
        let permission = db.query::<Permission>().filter(Permission::CODENAME.eq(*codename));
        let permission = permission.filter(Permission::CONTENT_TYPE_ID.in_(of_shop)).one().await.unwrap();
        let (user_id, permission_id) = (user.id.get().unwrap(), permission.id.get().unwrap());
        db.insert(UserPermission { id: Auto::unset(), user_id, permission_id }).await.unwrap();
    }
    user
}

/// A browser in which the user is signed in.
async fn signed_in<'s>(site: &'s Site, host: &'static str, db: &TenantDb, name: &str) -> Browser<'s> {
    let user = db.query::<User>().filter(User::USERNAME.eq(name)).one().await.unwrap();
    let (token, _) = session::begin(db, &user).await.unwrap();
    let mut browser = Browser::http(site, host);
    browser.cookies.insert("sessionid".to_owned(), token.reveal());
    browser
}

/// Acme's superuser, and the door to Acme's data.
async fn ada(site: &Site) -> (Browser<'_>, TenantDb) {
    let acme = door(site, "acme");
    (signed_in(site, "acme.example", &acme, "ada").await, acme)
}

/// The page at `path`, which is there.
async fn page(browser: &mut Browser<'_>, path: &str) -> String {
    let answer = browser.get(path).await;
    let (status, page) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{path}: {page}");
    page
}

/// A form as a page has it: what is sent when nothing is typed, by name.
fn fields(page: &str) -> BTreeMap<String, String> {
    let form = page.split("<form class=\"record\"").nth(1).unwrap_or_else(|| panic!("no form: {page}"));
    let form = form.split("</form>").next().unwrap();
    let mut fields = BTreeMap::new();
    for tag in form.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("textarea")) {
        let Some(name) = attribute(tag, "name") else { continue };
        let box_of = attribute(tag, "type").is_some_and(|kind| kind == "checkbox");
        if tag.contains("form=\"elsewhere\"") || (box_of && !tag.contains(" checked")) {
            continue;
        }
        let value = if tag.starts_with("textarea") {
            // A browser drops the first line break.
            let text = tag.split_once('>').unwrap().1;
            text.strip_prefix('\n').unwrap_or(text).to_owned()
        } else {
            attribute(tag, "value").unwrap_or_default()
        };
        fields.insert(name, unescaped(&value));
    }
    for select in form.split("<select ").skip(1) {
        let name = attribute(select, "name").unwrap();
        let options = select.split("</select>").next().unwrap().split("<option ").skip(1);
        let options: Vec<&str> = options.collect();
        let chosen = options.iter().find(|option| option.contains(" selected")).or(options.first());
        fields.insert(
            name,
            chosen.and_then(|it| attribute(it, "value")).map(|it| unescaped(&it)).unwrap_or_default(),
        );
    }
    fields
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split_once(&format!("{name}=\""))?.1;
    Some(rest.split('"').next()?.to_owned())
}

fn unescaped(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// Opens the form at `path`, types `typed` over what stands in it, and sends it.
async fn send(browser: &mut Browser<'_>, path: &str, typed: &[(&str, &str)]) -> Response {
    let form = fields(&page(browser, path).await);
    send_form(browser, path, form, typed).await
}

/// Sends a form that was opened before.
async fn send_form(
    browser: &mut Browser<'_>,
    path: &str,
    mut form: BTreeMap<String, String>,
    typed: &[(&str, &str)],
) -> Response {
    form.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    browser.send(browser.request(reqwest::Method::POST, path).form(&form)).await
}

/// Sends what is chosen in the list at `path`, to be done with the selected rows.
async fn select(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> Response {
    let token = browser.form_token(path).await;
    browser.post(path, &token, fields).await
}
