//! No page is large, however much there is of what it shows: each route of the router's own table that answers with a
//! page is walked, with all the pages that follow it.

mod filled;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sqreen_server::{Needs, Route, Server};

use self::filled::Filled;
use super::actions::browser::Browser;
use super::client::Running;

/// The most bytes of a page.
const MOST: usize = 100_000;

/// What is no page: files, and what script alone asks for.
const NO_PAGES: [&str; 10] = [
    "/ping",
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    "/assets/{name}",
    "/export",
    "/live",
    "/actor/live",
    "/complete",
    // Its code leads on at once, and is of one use.
    "/signin/link",
];

fn is_page(route: &Route) -> bool {
    let seen = matches!(route.needs, Needs::Page(_) | Needs::Nothing);
    route.method == "GET" && seen && !NO_PAGES.contains(&route.path)
}

/// The pages of a route.
fn pages(route: &Route, filled: &Filled) -> Vec<String> {
    let of = |ids: &[String]| {
        ids.iter()
            .map(|id| route.path.replace("{id}", id))
            .collect()
    };
    match route.path {
        "/" => [
            "",
            "&by=properties.p0&group=properties.p1",
            "&by=path&group=user",
        ]
        .map(|state| format!("/?filter=ip:203.0.113.7{state}"))
        .to_vec(),
        "/actor" => filled.actors.clone(),
        "/event/{id}" => filled.events.clone(),
        "/runs/{id}" => of(&filled.runs),
        "/notifications/deliveries/{id}" => of(&filled.deliveries),
        "/notifications/{id}/edit" => of(&filled.destinations),
        "/playbooks/{slug}" | "/playbooks/{slug}/edit" => {
            vec![route.path.replace("{slug}", &filled.playbook)]
        }
        "/signin" => vec![format!("/signin?next=/%3F{}", "%26".repeat(10_000))],
        path => {
            assert!(!path.contains('{'), "{path}: say which pages it has");
            vec![path.to_owned()]
        }
    }
}

/// Where a page's links to the pages that follow it lead.
fn following(page: &str) -> Vec<String> {
    let links = page.split("rel=\"next\" href=\"").skip(1);
    let links = links.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
    links
        .map(|link| link.split('#').next().unwrap().to_owned())
        .collect()
}

/// Opens a page and all that follow it, none of which may be large; returns their texts by their addresses.
async fn walk(browser: &Browser, from: String) -> BTreeMap<String, String> {
    let (mut seen, mut open) = (BTreeMap::new(), VecDeque::from([from]));
    while let Some(path) = open.pop_front() {
        if seen.contains_key(&path) {
            continue;
        }
        let page = browser.open(&path).await;
        assert!(page.len() <= MOST, "{path}: {} bytes", page.len());
        open.extend(following(&page));
        seen.insert(path, page);
    }
    seen
}

#[tokio::test]
async fn no_page_is_large_and_its_links_lead_to_all_of_it() {
    let running = Running::start().await;
    let filled = Filled::new(&running).await;
    let stranger = Browser::stranger(&running.client);
    let mut long = BTreeSet::new();
    for route in Server::routes().into_iter().filter(is_page) {
        let browser = match route.needs {
            Needs::Nothing => &stranger,
            _ => &filled.browser,
        };
        for page in pages(&route, &filled) {
            let seen = walk(browser, page).await;
            if seen.len() > 1 {
                long.insert(route.path);
            }
            for text in filled.listed.get(route.path).into_iter().flatten() {
                let found = seen.values().any(|page| page.contains(text));
                assert!(found, "{}: {text}", route.path);
            }
        }
    }
    // None of these lists fits a page, so that what is tested here is not that there is little.
    let expected = [
        "/",
        "/account",
        "/actions",
        "/actor",
        "/apps",
        "/audit",
        "/delivery",
        "/event/{id}",
        "/notifications",
        "/people",
        "/playbooks",
        "/runs",
        "/views",
    ];
    assert_eq!(long, BTreeSet::from(expected));
}
