//! What the pages offer to each role: whatever a page leads to or has a form for opens to the one who reads it, and no
//! form that someone may send is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqreen_server::{Needs, Role, Route, Server};

use super::super::actions::browser::{Browser, form};
use super::super::client::{API, Client, Running};
use super::super::playbooks::{Agent, guessed};
use super::enter;

/// How many pages of one route are read; further ones are alike.
const ALIKE: usize = 6;

/// The routes of pages.
struct Pages(Vec<(Route, Role)>);

impl Pages {
    fn new() -> Self {
        let pages = Server::routes().into_iter().filter_map(|route| {
            let Needs::Page(role) = route.needs else {
                return None;
            };
            Some((route, role))
        });
        Self(pages.collect())
    }

    /// The route that a request would take, and the role that it needs; of several the one that says most.
    fn of(&self, method: &str, link: &str) -> (Route, Role) {
        let path = link.split(['?', '#']).next().unwrap();
        let fits = |route: &Route| {
            let (has, wants) = (path.split('/'), route.path.split('/'));
            has.clone().count() == wants.clone().count()
                && has
                    .zip(wants)
                    .all(|(has, wants)| has == wants || wants.starts_with('{'))
        };
        let mut fitting = self.0.iter().copied();
        let plain = |(route, _): &(Route, Role)| !route.path.contains('{');
        let found = fitting
            .clone()
            .find(|page| page.0.method == method && fits(&page.0) && plain(page));
        let found = found.or_else(|| fitting.find(|page| page.0.method == method && fits(&page.0)));
        found.unwrap_or_else(|| panic!("{method} {link} leads nowhere"))
    }
}

/// The values of this attribute, after this text of the same element.
fn attributes<'a>(page: &'a str, before: &str, name: &str) -> Vec<&'a str> {
    let elements = page
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.split('>').next());
    let start = format!("{name}=\"");
    elements
        .filter_map(|element| element.split_once(start.as_str())?.1.split('"').next())
        .collect()
}

/// A server with something of everything that a form can change.
async fn fill(running: &Running) {
    let client = &running.client;
    let (status, _) = client
        .call("PUT", "/api/v1/playbooks/guessed", &guessed())
        .await;
    assert_eq!(status, 201);
    let mut shop = Agent::new(running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    client.until_runs(1).await;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.9"]}))
        .await;
    for (path, body) in [
        ("allowlist", json!({"ips": ["192.0.2.7"]})),
        ("tokens", json!({"kind": "api", "role": "viewer"})),
        ("views", json!({"name": "all", "place": "/?last=24h"})),
        (
            "notifications/destinations",
            json!({"name": "hook", "kind": "webhook", "url": "https://127.0.0.1:9/"}),
        ),
    ] {
        let (status, made) = client.call("POST", &format!("/api/v1/{path}"), &body).await;
        assert_eq!(status, 201, "{path}: {made}");
        if let (true, Some(id)) = (path.starts_with("notifications"), made["id"].as_str()) {
            // Loopback is refused, so that the delivery is dead at once. A new secret leaves a former one.
            for what in ["test", "secret"] {
                let path = format!("/api/v1/{path}/{id}/{what}");
                let (status, _) = client.call("POST", &path, &Value::Null).await;
                assert_eq!(status, 200);
            }
        }
    }
}

/// What the pages offer to who reads them from the first on: the routes by method and path, each with a page that does.
async fn offers(
    browser: &Browser,
    pages: &Pages,
    role: Role,
) -> BTreeMap<(&'static str, &'static str), String> {
    let mut offered = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut read: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next = vec!["/".to_owned()];
    while let Some(path) = next.pop() {
        let page = browser.open(&path).await;
        let links = attributes(&page, "<a ", "href").into_iter();
        let links = links.map(|link| ("GET", link.replace("&amp;", "&")));
        let forms = |method: &'static str, written: &str| {
            let forms = attributes(&page, written, "action").into_iter();
            forms
                .map(move |action| (method, action.to_owned()))
                .collect::<Vec<_>>()
        };
        let posts = page
            .split("<form ")
            .skip(1)
            .filter_map(|rest| rest.split('>').next())
            .filter(|element| element.contains("method=\"post\""))
            .count();
        let sent = forms("POST", " method=\"post\"");
        assert_eq!(sent.len(), posts, "{path}");
        for (method, link) in links.chain(sent).chain(forms("GET", " method=\"get\"")) {
            if link.starts_with('#') {
                continue;
            }
            let (route, needed) = pages.of(method, &link);
            assert!(
                role >= needed,
                "{path} offers {method} {link} to {role:?}, which needs {needed:?}"
            );
            offered
                .entry((route.method, route.path))
                .or_insert_with(|| path.clone());
            let alike = read.entry(route.path).or_default();
            if method == "GET" && *alike < ALIKE && seen.insert(link.clone()) {
                *alike += 1;
                next.push(link);
            }
        }
    }
    offered
}

#[tokio::test]
async fn pages_offer_what_their_readers_may_do_and_nothing_else() {
    let running = Running::start().await;
    Browser::sign_in(&running).await;
    fill(&running).await;
    let pages = Pages::new();
    for role in Role::ALL {
        let browser = enter(&running.client, role.name(), role.name()).await;
        // A session besides, which can be ended.
        let again = Browser::stranger(&running.client);
        again.by_password(role.name(), super::PASSWORD).await;
        let offered = offers(&browser, &pages, role).await;
        for (route, needed) in &pages.0 {
            // What script asks for.
            let unlinked = ["/live", "/actor/live", "/complete"];
            if unlinked.contains(&route.path) {
                continue;
            }
            let found = offered.get(&(route.method, route.path));
            assert_eq!(
                found.is_some(),
                role >= *needed,
                "{role:?} {route:?}: {found:?}"
            );
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_refused_says_which_role_it_takes_and_changes_nothing() {
    let running = Running::start().await;
    let client = &running.client;
    Browser::sign_in(&running).await;
    fill(&running).await;
    let viewer = enter(client, "vic", "viewer").await;
    let [run] = client.runs("").await.try_into().unwrap();
    let before = state(client).await;
    let block = form(&[("action", "block_ip"), ("ip", "192.0.2.1")]);
    for (path, fields) in [
        ("/actions".to_owned(), block.as_slice()),
        ("/playbooks/guessed/stage".to_owned(), &[("stage", "draft")]),
        ("/playbooks/guessed/undo".to_owned(), &[]),
        ("/playbooks/guessed/remove".to_owned(), &[]),
        (format!("/runs/{}/undo", run["id"].as_str().unwrap()), &[]),
        (
            "/playbooks/new".to_owned(),
            &[("slug", "mine"), ("name", "Mine")],
        ),
    ] {
        let (status, _, page) = viewer.send(&path, fields).await;
        assert_eq!(status, 403, "{path}");
        assert!(
            page.contains("This takes the role operator, and yours is viewer. Nothing was changed"),
            "{page}"
        );
        assert!(page.contains("href=\"/playbooks\""), "a way on: {page}");
    }
    assert_eq!(state(client).await, before);
    for path in ["/playbooks/new", "/playbooks/guessed/edit", "/people"] {
        assert_eq!(viewer.status(path).await, 403, "{path}");
    }
    running.stop().await;
}

/// What a viewer must not change.
async fn state(client: &Client) -> Vec<Value> {
    let mut state = Vec::new();
    for path in [
        "actions",
        "playbooks",
        "runs",
        "allowlist",
        "tokens",
        "people",
    ] {
        let request = client.get(&format!("/api/v1/{path}")).bearer_auth(API);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let mut answer: Value = answer.json().await.unwrap();
        // When someone was seen last is no change.
        for person in answer["people"].as_array_mut().into_iter().flatten() {
            person["signed_in_at"] = Value::Null;
        }
        state.push(answer);
    }
    state
}
