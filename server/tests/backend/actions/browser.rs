//! Someone who looks at the pages and sends their forms.

use super::super::client::{API, Client, Running};

/// Someone who has signed in.
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) cookie: String,
}

impl Browser {
    pub(crate) async fn sign_in(running: &Running) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = Client {
            http: http.build().unwrap(),
            ..running.client.clone()
        };
        let answer = client
            .get(&format!("/signin?token={API}"))
            .send()
            .await
            .unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { client, cookie }
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

    /// Sends a form as it is; returns status, where it leads and the page.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = self.client.post(path).header("cookie", &self.cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body.join("&")).send().await.unwrap();
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

    /// Sends a form with the page's token.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let csrf = csrf(&self.open("/actions").await);
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

pub(super) fn csrf(page: &str) -> String {
    let start = "name=\"csrf\" value=\"";
    let (_, rest) = page.split_once(start).expect("a form with a token");
    rest.split('"').next().unwrap().to_owned()
}

/// What a block's form sends, beside its target.
const HOUR: [(&str, &str); 3] = [("duration", "3600"), ("app", ""), ("comment", "by hand")];

pub(super) fn form<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    more.iter().copied().chain(HOUR).collect()
}
