//! Pages: who may ask, filters, paging, problems.

use serde_json::{Value, json};

use super::{encoded, refused};
use crate::client::{Running, record, uuid};

#[tokio::test]
async fn filters_select_and_pages_follow() {
    let running = Running::start().await;
    let client = &running.client;
    let shop = client.login("shop").await;
    let blog = client.login("blog").await;
    let mut other = record(&[(&uuid(9), "b")]);
    other["client_ip"] = json!("2001:db8::1");
    other["observed"]["sdk"][0]["args"][1] = json!({
        "user_identifiers": {"email": "a@b.example"}, "properties": {"amount": 42.5, "code": "AB"}, "timestamp": "2018-03-15T14:42:00Z",
    });
    client.batch(&blog, json!([other])).await;
    let ids: Vec<_> = (0..7).map(uuid).collect();
    let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
    client.batch(&shop, json!([record(&events)])).await;

    for (filter, count) in [
        ("", 8),
        ("app:shop", 7),
        ("name:b", 1),
        ("name:a,b", 8),
        ("-name:b", 7),
        ("ip:2001:db8::1", 1),
        ("ip:::ffff:198.51.100.7", 7),
        ("ip:198.51.100.0/24", 7),
        ("user:a@b.example", 1),
        ("user.email:a@b.example", 1),
        ("user.email~EXAMPLE", 1),
        ("user:nobody", 0),
        ("has:user", 1),
        ("-has:user app:blog", 0),
        ("properties.amount>42 properties.amount<=42.5", 1),
        ("properties.amount>42.5", 0),
        ("properties.code^A", 1),
        ("properties.code^a", 0),
        ("status>=400", 0),
        ("status:204", 8),
        ("app:blog name:a", 0),
        ("app:blog or name:a", 8),
        ("a@B.example", 1),
        ("user_agent:UA path:/a method:GET", 8),
    ] {
        let query = format!("filter={}", encoded(filter));
        assert_eq!(client.events(&query).await.len(), count, "{filter}");
    }
    for (query, count) in [
        ("from=2018-03-15T14:42:00Z&to=1521124920001", 1),
        ("to=2018-03-15T15:42:00%2B01:00", 0),
        ("filter=app:blog&from=2020-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(client.events(query).await.len(), count, "{query}");
    }

    let mut seen = Vec::new();
    let mut path = "/api/v1/events?limit=3".to_owned();
    loop {
        let page: Value = client
            .api(&path)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 3);
        seen.extend(
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/events?limit=3&cursor={next}"),
            None => break,
        }
    }
    let mut expected: Vec<_> = (0..7).rev().map(uuid).collect();
    expected.push(uuid(9));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn wrong_parameters_are_problems_that_name_the_field() {
    let running = Running::start().await;
    for (query, field) in [
        ("from=yesterday", "from"),
        ("to=", "to"),
        ("from=2&to=2", "from"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
        ("app=shop", "app"),
        ("limit=1&limit=2", "limit"),
    ] {
        refused(&running, &format!("/api/v1/events?{query}"), 400, field).await;
    }
    let filter = encoded("name:a nmae:b");
    let path = format!("/api/v1/events?filter={filter}");
    let problem = refused(&running, &path, 400, "filter").await;
    assert_eq!(problem["position"], 7);
    let detail = problem["detail"].as_str().unwrap();
    let start = "filter: at byte 7: found unknown field `nmae`, expected one of app, name, ";
    assert!(detail.starts_with(start), "{detail}");
}

#[tokio::test]
async fn the_api_wants_its_token() {
    let running = Running::start().await;
    for path in [
        "/api/v1/events",
        "/api/v1/events/histogram",
        "/api/v1/events/groups",
        "/api/v1/events/search",
        "/api/v1/events/live",
        "/api/v1/events/export",
        "/api/v1/outcomes",
    ] {
        for request in [
            running.client.get(path),
            running.client.get(path).bearer_auth("wrong"),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401);
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            assert_eq!(answer.json::<Value>().await.unwrap()["status"], 401);
        }
    }
    assert_eq!(
        running
            .client
            .get("/healthz")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
