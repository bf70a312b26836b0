//! `/api/v1`: who may ask, filters, paging, problems.

use serde_json::{Value, json};

use super::client::{Running, record, uuid};

#[tokio::test]
async fn filters_select_and_pages_follow() {
    let running = Running::start().await;
    let client = &running.client;
    let shop = client.login("shop").await;
    let blog = client.login("blog").await;
    let mut other = record(&[(&uuid(9), "b")]);
    other["client_ip"] = json!("2001:db8::1");
    other["observed"]["sdk"][0]["args"][1] = json!({
        "user_identifiers": {"email": "a@b.example"}, "timestamp": "2018-03-15T14:42:00Z",
    });
    client.batch(&blog, json!([other])).await;
    let ids: Vec<_> = (0..7).map(uuid).collect();
    let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
    client.batch(&shop, json!([record(&events)])).await;

    for (query, count) in [
        ("", 8),
        ("app=shop", 7),
        ("name=b", 1),
        ("ip=2001:db8::1", 1),
        ("ip=::ffff:198.51.100.7", 7),
        ("user=a@b.example", 1),
        ("user=email:a@b.example", 1),
        ("user=nobody", 0),
        ("from=2018-03-15T14:42:00Z&to=1521124920001", 1),
        ("to=2018-03-15T15:42:00%2B01:00", 0),
        ("app=blog&name=a", 0),
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
        ("ip=1.2.3", "ip"),
        ("from=yesterday", "from"),
        ("to=", "to"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
        ("app=a&app=b", "app"),
    ] {
        let answer = running
            .client
            .api(&format!("/api/v1/events?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["field"], field);
        assert!(
            problem["detail"].as_str().unwrap().starts_with(field),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn the_api_wants_its_token() {
    let running = Running::start().await;
    for path in ["/api/v1/events", "/api/v1/outcomes"] {
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
