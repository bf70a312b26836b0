//! The description of the API, and the operations that no other test calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqreen_server::Server;

use super::client::{API, Client, Running, block, record, uuid};
use super::events::encoded;

#[tokio::test]
async fn the_description_tells_every_route_of_the_api_and_no_other() {
    let running = Running::start().await;
    let answer = running.client.get("/api/v1/openapi.json").send().await;
    let document: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys();
        let methods = methods.filter(|key| *key != "parameters");
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    let described: Vec<_> = described.collect();
    let routes = Server::routes().into_iter();
    let api = routes.filter(|route| route.path.starts_with("/api/"));
    let served: BTreeSet<_> = api
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(described.len(), served.len());
    assert_eq!(described.into_iter().collect::<BTreeSet<_>>(), served);
    running.stop().await;
}

/// The table of what a file may say.
const FORMAT: &str = include_str!("../../src/playbooks/file/format.md");

#[tokio::test]
async fn every_field_of_a_playbook_is_described_and_no_other() {
    let running = Running::start().await;
    let answer = running.client.get("/api/v1/openapi.json").send().await;
    let document: Value = answer.unwrap().json().await.unwrap();
    let body = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        operation["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    let put = body("/api/v1/playbooks/{slug}", "put");
    assert_eq!(put["additionalProperties"], false);
    let names = |schema: &Value| -> BTreeSet<String> {
        let properties = schema["properties"].as_object().unwrap();
        properties.keys().cloned().collect()
    };
    let rows = FORMAT.lines().filter_map(|line| line.strip_prefix("| `"));
    let fields = rows.filter_map(|row| row.split_once("` |"));
    let fields = fields.flat_map(|(names, _)| names.split("`, `"));
    let mut fields: BTreeSet<String> = fields.map(str::to_owned).collect();
    let backtested = &body("/api/v1/playbooks/backtest", "post")["properties"]["playbook"];
    assert_eq!(names(backtested), fields);
    fields.extend(["source", "version"].map(str::to_owned));
    assert_eq!(names(&put), fields);
    running.stop().await;
}

#[tokio::test]
async fn the_live_stream_answers_as_described() {
    let running = Running::start().await;
    let live = |query: &str| running.client.get(&format!("/api/v1/events/live{query}"));
    let open = live("?filter=name:a")
        .bearer_auth(API)
        .send()
        .await
        .unwrap();
    assert_eq!(open.status(), 200);
    assert_eq!(open.headers()["content-type"], "text/event-stream");
    drop(open);
    let wrong = live("?filter=colour:red").bearer_auth(API).send().await;
    let wrong = wrong.unwrap();
    assert_eq!(wrong.status(), 400);
    assert_eq!(wrong.headers()["content-type"], "application/problem+json");
    let wrong: Value = wrong.json().await.unwrap();
    assert_eq!(wrong["field"], "filter");
    let unknown = live("?since=1").bearer_auth(API).send().await.unwrap();
    assert_eq!(unknown.status(), 400);
    assert_eq!(live("").send().await.unwrap().status(), 401);
    running.stop().await;
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_it_is_revoked() {
    let running = Running::start().await;
    let client = &running.client;
    let (status, made) = create(client, &json!({"kind": "app", "app": "shop"})).await;
    assert_eq!(status, 201, "{made}");
    let (token, id) = (
        made["token"].as_str().unwrap(),
        made["id"].as_str().unwrap(),
    );
    assert_eq!(client.login_with(token, "").await, 200);
    let (status, tokens) = client.call("GET", "/api/v1/tokens", &Value::Null).await;
    assert_eq!(status, 200);
    assert!(!tokens.to_string().contains(token));
    let listed = &tokens["tokens"][0];
    assert_eq!(
        (&listed["id"], &listed["app"]),
        (&json!(id), &json!("shop"))
    );
    assert_eq!(listed["revoked_at"], Value::Null);

    let path = format!("/api/v1/tokens/{id}");
    let (status, revoked) = client.call("DELETE", &path, &Value::Null).await;
    assert_eq!(status, 200);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    assert_eq!(client.login_with(token, "").await, 401);
    let again = client.call("DELETE", &path, &Value::Null).await;
    assert_eq!(again, (200, revoked));
    let unknown = client.call("DELETE", "/api/v1/tokens/0000000000000000", &Value::Null);
    assert_eq!(unknown.await.0, 404);
    running.stop().await;
}

#[tokio::test]
async fn a_token_of_the_api_has_a_role_and_may_not_make_others_unless_an_admins() {
    let running = Running::start().await;
    let client = &running.client;
    let wrong = [
        (json!({}), "kind"),
        (json!({"kind": "user"}), "kind"),
        (json!({"kind": "app"}), "app"),
        (json!({"kind": "org", "app": "shop"}), "app"),
        (json!({"kind": "api"}), "role"),
        (json!({"kind": "api", "role": "root"}), "role"),
        (json!({"kind": "org", "role": "viewer"}), "role"),
        (json!({"kind": "org", "comment": 1}), "comment"),
        (json!({"kind": "org", "colour": "red"}), "colour"),
    ];
    for (body, field) in wrong {
        let (status, problem) = create(client, &body).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{body}");
    }
    for (role, of_tokens, of_views) in [
        ("viewer", 403, 403),
        ("operator", 403, 201),
        ("admin", 201, 409),
    ] {
        let (status, made) = create(client, &json!({"kind": "api", "role": role})).await;
        assert_eq!(status, 201, "{made}");
        let token = made["token"].as_str().unwrap();
        let post = |path: &str, body: Value| client.post(path).bearer_auth(token).json(&body);
        let tokens = post("/api/v1/tokens", json!({"kind": "org"})).send().await;
        assert_eq!(tokens.unwrap().status(), of_tokens, "{role}");
        let views = post("/api/v1/views", json!({"name": "all", "place": "/"}))
            .send()
            .await;
        assert_eq!(views.unwrap().status(), of_views, "{role}");
    }
    running.stop().await;
}

#[tokio::test]
async fn views_are_saved_listed_and_removed() {
    let running = Running::start().await;
    let client = &running.client;
    let save = |body: Value| async move { client.call("POST", "/api/v1/views", &body).await };
    let place = "/?filter=name:users.login&last=24h";
    let (status, view) = save(json!({"name": "logins", "place": place})).await;
    assert_eq!((status, &view["place"]), (201, &json!(place)), "{view}");
    let taken = save(json!({"name": "logins", "place": "/"})).await;
    assert_eq!(taken.0, 409, "{}", taken.1);
    for (body, field) in [
        (json!({"name": "", "place": "/"}), "name"),
        (json!({"name": "a"}), "place"),
        (
            json!({"name": "a", "place": "https://elsewhere.example/"}),
            "place",
        ),
    ] {
        let (status, problem) = save(body.clone()).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{body}");
    }
    let (status, view) = {
        let place = "/?filter=name:users.signup";
        let (status, replaced) =
            save(json!({"name": "logins", "place": place, "replace": true})).await;
        assert_eq!(
            (&replaced["id"], &replaced["place"]),
            (&view["id"], &json!(place))
        );
        (status, replaced)
    };
    assert_eq!(status, 201);
    let listed = client.call("GET", "/api/v1/views", &Value::Null).await;
    assert_eq!(listed, (200, json!({"views": [view]})));
    let path = format!("/api/v1/views/{}", view["id"].as_str().unwrap());
    let removed = client.call("DELETE", &path, &Value::Null).await;
    assert_eq!(removed, (200, view));
    assert_eq!(client.call("DELETE", &path, &Value::Null).await.0, 404);
    running.stop().await;
}

#[tokio::test]
async fn applications_tell_the_agents_that_are_connected() {
    let running = Running::start().await;
    let client = &running.client;
    let (_, none) = client.call("GET", "/api/v1/apps", &Value::Null).await;
    assert_eq!(none["apps"], json!([]));
    client.login("shop").await;
    let (status, apps) = client.call("GET", "/api/v1/apps", &Value::Null).await;
    assert_eq!(status, 200);
    let app = &apps["apps"][0];
    assert_eq!((&app["name"], &app["agents"]), (&json!("shop"), &json!(1)));
    assert_eq!(apps["agents"][0]["app"], "shop", "{apps}");
    running.stop().await;
}

#[tokio::test]
async fn an_event_is_found_by_its_id_and_time() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let events = json!([record(&[(&uuid(1), "a"), (&uuid(2), "b")])]);
    client.batch(&session, events).await;
    let listed = client.events("").await;
    assert_eq!(listed.len(), 2);
    for listed in listed {
        let [id, time] = ["id", "time"].map(|name| listed[name].as_str().unwrap());
        let one = |query: String| {
            let path = format!("/api/v1/events/{id}{query}");
            async move { client.call("GET", &path, &Value::Null).await }
        };
        assert_eq!(one(format!("?time={time}")).await, (200, listed.clone()));
        assert_eq!(one("?time=2018-03-15T00:00:00Z".to_owned()).await.0, 404);
        for query in ["", "?time=noon"] {
            let (status, problem) = one(query.to_owned()).await;
            assert_eq!((status, &problem["field"]), (400, &json!("time")));
        }
    }
    let odd = client.call("GET", "/api/v1/events/odd?time=1521124920000", &Value::Null);
    assert_eq!(odd.await.0, 404);
    running.stop().await;
}

#[tokio::test]
async fn what_an_address_and_a_user_meet_is_told() {
    let running = Running::start().await;
    let client = &running.client;
    let network = client.act(&block(&["203.0.113.0/24"])).await;
    let mut own = block(&["203.0.113.7"]);
    own["app"] = json!("shop");
    let address = client.act(&own).await;
    let ann = json!({"email": "ann@example.com"});
    let user = json!({"action": "block_user", "users": [ann]});
    let user = client.act(&user).await;
    let entry = json!({"ips": ["203.0.113.8/31"]});
    let (status, entry) = client.call("POST", "/api/v1/allowlist", &entry).await;
    assert_eq!(status, 201, "{entry}");

    let met = |query: String| async move {
        let path = format!("/api/v1/actions/met?{query}");
        client.call("GET", &path, &Value::Null).await
    };
    let ann = format!("user={}", encoded(&ann.to_string()));
    for (query, actions, allowed) in [
        ("ip=203.0.113.7", json!([address, network]), json!([])),
        ("ip=203.0.113.7&app=blog", json!([network]), json!([])),
        ("ip=::ffff:203.0.113.9", json!([network]), json!([entry])),
        ("ip=2001:db8::1", json!([]), json!([])),
        (&ann, json!([user]), json!([])),
        (
            &format!("ip=203.0.113.1&{ann}"),
            json!([network, user]),
            json!([]),
        ),
        ("user=%7B%22id%22%3A%221%22%7D", json!([]), json!([])),
    ] {
        let told = json!({"actions": actions, "allowed": allowed});
        assert_eq!(met(query.to_owned()).await, (200, told), "{query}");
    }
    for (query, field) in [
        ("", "ip"),
        ("app=shop", "ip"),
        ("ip=203.0.113.0/24", "ip"),
        ("user=ann", "user"),
        ("user=%5B%5D", "user"),
        ("user=%7B%7D", "user"),
    ] {
        let (status, problem) = met(query.to_owned()).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{query}");
    }
    running.stop().await;
}

#[tokio::test]
async fn mistakes_are_problems_that_say_what_is_wrong() {
    let running = Running::start().await;
    let client = &running.client;
    let actions = || client.post("/api/v1/actions").bearer_auth(API);
    let long = "x".repeat((2 << 20) + 1);
    let cases = [
        (client.get("/api/v1/events"), 401, Value::Null),
        (client.api("/api/v1/nothing"), 404, Value::Null),
        (client.api("/api/v1/tokens/odd"), 405, Value::Null),
        (client.api("/api/v1/runs/odd"), 404, Value::Null),
        (
            client.api("/api/v1/runs?outcome=odd"),
            400,
            json!("outcome"),
        ),
        (client.api("/api/v1/events?limit=0"), 400, json!("limit")),
        (
            client.api("/api/v1/events?colour=red"),
            400,
            json!("colour"),
        ),
        (actions().body("{"), 400, json!("body")),
        (actions().body("[]"), 400, json!("body")),
        (actions().body(long), 413, json!("body")),
    ];
    for (request, status, field) in cases {
        let answer = request.send().await.unwrap();
        let path = answer.url().path().to_owned();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{path}"
        );
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(
            (&problem["status"], &problem["field"]),
            (&json!(status), &field),
            "{path}"
        );
        assert!(problem["title"].is_string(), "{problem}");
    }
    running.stop().await;
}

async fn create(client: &Client, body: &Value) -> (u16, Value) {
    client.call("POST", "/api/v1/tokens", body).await
}
