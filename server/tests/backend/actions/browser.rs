//! Someone who looks at the pages and sends their forms.

use super::super::client::{Client, Running};

/// The admin whom the browser signs in.
pub(crate) const ADMIN: &str = "admin@example.com";
pub(crate) const PASSWORD: &str = "a password of the tests";

/// Someone who has signed in.
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) cookie: String,
}

impl Browser {
    /// Signs the admin in, who is made by the printed link if there is none.
    pub(crate) async fn sign_in(running: &Running) -> Self {
        let browser = Self::stranger(&running.client);
        let link = running.server.explorer_link();
        match link.split_once("code=") {
            Some((_, code)) => browser.by_link(code, ADMIN, PASSWORD).await,
            None => browser.by_password(ADMIN, PASSWORD).await,
        }
    }

    /// Someone who has not signed in; follows no redirect.
    pub(crate) fn stranger(client: &Client) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = Client {
            http: http.build().unwrap(),
            ..client.clone()
        };
        Self {
            client,
            cookie: String::new(),
        }
    }

    /// Chooses a password by a link's code, which signs in.
    pub(crate) async fn by_link(self, code: &str, name: &str, password: &str) -> Self {
        let fields = [("code", code), ("name", name), ("password", password)];
        self.signed_in("/signin/link", &fields).await
    }

    pub(crate) async fn by_password(self, name: &str, password: &str) -> Self {
        let fields = [("name", name), ("password", password)];
        self.signed_in("/signin", &fields).await
    }

    async fn signed_in(self, path: &str, fields: &[(&str, &str)]) -> Self {
        let answer = self.request(path, fields).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { cookie, ..self }
    }

    pub(crate) async fn open(&self, path: &str) -> String {
        let answer = self
            .client
            .get(path)
            .header("cookie", &self.cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let csp = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(csp.starts_with("default-src 'none'"), "{csp}");
        answer.text().await.unwrap()
    }

    pub(crate) fn request(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = self.client.post(path).header("cookie", &self.cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(body.join("&"))
    }

    /// The status of a page.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        let request = self.client.get(path).header("cookie", &self.cookie);
        request.send().await.unwrap().status().as_u16()
    }

    /// Sends a form as it is; returns status, where it leads and the page.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let answer = self.request(path, fields).send().await.unwrap();
        let status = answer.status().as_u16();
        let place = answer
            .headers()
            .get("location")
            .map(|place| place.to_str().unwrap().to_owned());
        (
            status,
            place.unwrap_or_default(),
            answer.text().await.unwrap(),
        )
    }

    /// Sends a form with the token of the session.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let csrf = csrf(&self.open("/account").await);
        let fields: Vec<_> = fields
            .iter()
            .copied()
            .chain([("csrf", csrf.as_str())])
            .collect();
        self.post(path, &fields).await
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) fn csrf(page: &str) -> String {
    let start = "name=\"csrf\" value=\"";
    let (_, rest) = page.split_once(start).expect("a form with a token");
    rest.split('"').next().unwrap().to_owned()
}

/// What a block's form sends, beside its target.
const HOUR: [(&str, &str); 3] = [("duration", "3600"), ("app", ""), ("comment", "by hand")];

pub(crate) fn form<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    more.iter().copied().chain(HOUR).collect()
}
