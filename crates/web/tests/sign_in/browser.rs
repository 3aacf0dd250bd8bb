//! What a browser does: it keeps a host's cookies, sends them back, and fills in the form that it was given.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response};

use crate::common::Site;

pub(crate) struct Browser<'s> {
    site: &'s Site,
    pub(crate) host: &'static str,
    https: bool,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl<'s> Browser<'s> {
    pub(crate) fn http(site: &'s Site, host: &'static str) -> Self {
        Self { site, host, https: false, cookies: BTreeMap::new() }
    }

    /// Over https, as the proxy in front of the site says.
    pub(crate) fn https(site: &'s Site, host: &'static str) -> Self {
        Self { https: true, ..Self::http(site, host) }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.site.request(method, self.host, path);
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if pairs.is_empty() { request } else { request.header(COOKIE, pairs.join("; ")) };
        if self.https { request.header("x-forwarded-proto", "https") } else { request }
    }

    /// Sends it, and keeps or drops the cookies as the answer says.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        for set in set_cookies(&response) {
            let (pair, attributes) = set.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    /// Whether the admin's first page knows who this is.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        match self.get("/admin/").await.status().as_u16() {
            200 => true,
            302 => false,
            other => panic!("{other}"),
        }
    }

    /// The token of the form at `path`.
    pub(crate) async fn form_token(&mut self, path: &str) -> String {
        hidden(&self.get(path).await.text().await.unwrap(), "csrfmiddlewaretoken")
    }

    /// Sends the form to `path` with its token and these fields.
    pub(crate) async fn post(&mut self, path: &str, token: &str, fields: &[(&str, &str)]) -> Response {
        let mut form = vec![("csrfmiddlewaretoken", token)];
        form.extend(fields);
        self.send(self.request(Method::POST, path).form(&form)).await
    }

    /// Gets the form and sends it, as a person does.
    pub(crate) async fn sign_in(&mut self, username: &str, password: &str) -> Response {
        let token = self.form_token("/admin/login/?next=/admin/").await;
        let fields = [("username", username), ("password", password), ("next", "/admin/")];
        self.post("/admin/login/?next=/admin/", &token, &fields).await
    }

    pub(crate) async fn sign_out(&mut self) -> Response {
        let token = self.form_token("/admin/").await;
        self.post("/admin/logout/", &token, &[]).await
    }
}

pub(crate) fn set_cookies(response: &Response) -> Vec<String> {
    let values = response.headers().get_all(SET_COOKIE);
    values.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// The value of a page's hidden field, as it stands in the page.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}
