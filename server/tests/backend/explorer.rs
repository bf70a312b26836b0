//! The Event Explorer: access, escaping, filters.

use serde_json::{Value, json};

use super::access::enter;
use super::actions::browser::Browser;
use super::client::{API, Client, Running, record, uuid};

#[tokio::test]
async fn the_page_shows_events_escaped_to_those_who_signed_in() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    client
        .batch(
            &session,
            json!([record(&[(&uuid(1), "<script>alert(1)</script>")])]),
        )
        .await;

    let stranger = client.get("/").send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    assert!(!stranger.text().await.unwrap().contains("alert(1)"));

    let browser = Browser::sign_in(&running).await;
    let (client, cookie) = (&browser.client, &browser.cookie);
    let page = client
        .get("/?filter=app:shop&to=")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let csp = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(csp.starts_with("default-src 'none'"), "{csp}");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>"),
        "{page}"
    );
    assert!(page.contains("1 event from"), "{page}");

    let other = client
        .get("/?filter=app:blog")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert!(other.text().await.unwrap().contains("No event matches"));
    let bad = client
        .get("/?from=soon")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    assert!(bad.text().await.unwrap().contains("from: neither"));
    let bad = client
        .get("/?filter=name:x+colour:red")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    let bad = bad.text().await.unwrap();
    assert!(
        bad.contains("filter: at byte 7: found unknown field `colour`"),
        "{bad}"
    );
    assert!(bad.contains("value=\"name:x colour:red\""), "{bad}");
}

#[tokio::test]
async fn the_link_of_a_demo_shows_the_page_as_often_as_it_is_asked() {
    let demo = Running::start_with(|config| config.demo_explorer_link(true)).await;
    let link = demo.server.explorer_link();
    for _ in 0..2 {
        let answer = demo.client.get(&link).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("set-cookie"));
        assert!(answer.text().await.unwrap().contains("No events yet"));
    }
    let wrong = demo.client.get("/signin/link?code=wrong").send().await;
    assert_eq!(wrong.unwrap().status(), 401);
}

#[tokio::test]
async fn before_the_first_event_the_page_tells_how_to_send_it() {
    let running = Running::start().await;
    let admin = Browser::sign_in(&running).await;
    let viewer = enter(&running.client, "vera@example.com", "viewer").await;
    let url = format!("SQREEN_URL={}", running.client.url);
    for (browser, makes) in [(&admin, true), (&viewer, false)] {
        let page = browser.open("/").await;
        assert!(
            page.contains("SQREEN_TOKEN=") && page.contains(&url),
            "{page}"
        );
        assert_eq!(page.contains("href=\"/apps#make\""), makes, "{page}");
    }
    assert!(admin.open("/apps").await.contains("id=\"make\""));

    let odd = admin.client.get("/").header("cookie", &admin.cookie);
    let odd = odd.header("host", "a<b>").send().await.unwrap();
    let odd = odd.text().await.unwrap();
    assert!(odd.contains("SQREEN_URL=http://127.0.0.1:8620"), "{odd}");
}

/// Stores this many events of as many properties as a busy application sends, of several users and addresses.
async fn busy(client: &Client, session: &str, count: u64) {
    let records: Vec<_> = (0..count)
        .map(|n| {
            let mut event = record(&[(&uuid(n), "cart.checkout")]);
            event["client_ip"] = json!(format!("203.0.113.{}", n % 200));
            event["request"]["path"] = json!("/shops/north/carts/42/checkout");
            event["observed"]["sdk"][0]["args"][1] = json!({
                "user_identifiers": {"email": format!("user-{n}@example.com")},
                "properties": {"amount": n, "currency": "EUR", "items": 3, "coupon": "spring", "step": "payment"},
            });
            event
        })
        .collect();
    client.batch(session, Value::Array(records)).await;
}

/// Opens a page and those that follow it, none of which may be large; returns how often `text` stands in each.
async fn follow(browser: &Browser, path: &str, text: &str) -> Vec<usize> {
    let (mut counts, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = browser.open(&path).await;
        assert!(page.len() <= 100_000, "{path}: {} bytes", page.len());
        counts.push(page.matches(text).count());
        match page.split_once("rel=\"next\" href=\"") {
            Some((_, next)) => path = next.split('"').next().unwrap().replace("&amp;", "&"),
            None => return counts,
        }
    }
}

#[tokio::test]
async fn a_full_page_stays_small() {
    let running = Running::start().await;
    let session = running.client.login("shop").await;
    let records: Vec<_> = (0..50)
        .map(|n| {
            let mut event = record(&[(&uuid(n), "accounts.payment_method.change")]);
            event["client_ip"] = json!(format!("2001:db8:85a3:8d3:1319:8a2e:370:{n:x}"));
            event["request"]["path"] =
                json!(format!("/api/v2/organisations/north-{n}/members/42/payment-methods"));
            event["observed"]["sdk"][0]["args"][1] = json!({
                "user_identifiers": {"email": format!("someone.with.a.name-{n}@customers.example"), "id": n},
                "properties": {
                    "amount": n, "campaign": "autumn-2026", "country": "FR", "coupon": "spring-and-summer",
                    "currency": "EUR", "item": format!("sku-{n}"), "order": format!("a1b2c3d4e5f6a7b8c9d0-{n}"),
                    "plan": "business", "referrer": "https://www.example.com/search?q=payments",
                    "session": format!("3f2504e0-4f89-11d3-9a0c-0305e82c3301-{n}"), "step": "confirmation", "trial": false,
                },
            });
            event
        })
        .collect();
    running.client.batch(&session, Value::Array(records)).await;
    let browser = Browser::sign_in(&running).await;
    let name = "<strong>accounts.payment_method.change</strong>";
    let state = "filter=app%3Ashop+status%3A204+-path%5E%2Fadmin&from=2026-11-22T10%3A00%3A00.000Z\
        &to=2026-11-24T10%3A00%3A00.000Z&limit=50";
    for (path, least) in [
        (format!("/?{state}"), 25),
        (format!("/?{state}&by=properties.amount&group=user"), 12),
        (format!("/?{state}&by=properties.order&group=ip"), 12),
        (
            format!("/actor?user.id=7&user.email=b&{state}&by=name&group=properties.order"),
            1,
        ),
    ] {
        let counts = follow(&browser, &path, name).await;
        assert!(counts[0] >= least, "{path}: {counts:?}");
        let all = if path.starts_with("/actor") { 1 } else { 50 };
        assert_eq!(counts.iter().sum::<usize>(), all, "{path}: {counts:?}");
    }
}

#[tokio::test]
async fn what_someone_sends_makes_no_page_large() {
    let running = Running::start().await;
    let session = running.client.login("shop").await;
    let records: Vec<_> = (0..40)
        .map(|n| {
            let mut event = record(&[(&uuid(n), "a")]);
            let long = format!("{n}{}", "\"<&".repeat(300));
            let properties: serde_json::Map<_, _> = (0..60)
                .map(|place| (format!("{place}{}", "<".repeat(90)), json!(long)))
                .chain([("all".to_owned(), json!(long))])
                .collect();
            event["request"]["path"] = json!(format!("/{long}"));
            event["observed"]["sdk"][0]["args"][1] =
                json!({"user_identifiers": {"email": long}, "properties": properties});
            event
        })
        .collect();
    running.client.batch(&session, Value::Array(records)).await;
    let browser = Browser::sign_in(&running).await;
    for state in [
        "",
        "by=properties.all&group=properties.all",
        "by=path&group=user",
    ] {
        let counts = follow(&browser, &format!("/?{state}"), "<strong>a</strong>").await;
        assert_eq!(counts.iter().sum::<usize>(), 40, "{state}: {counts:?}");
    }
}

#[tokio::test]
async fn script_that_goes_on_with_a_list_is_answered_the_list_alone() {
    let running = Running::start().await;
    let session = running.client.login("shop").await;
    busy(&running.client, &session, 60).await;
    let browser = Browser::sign_in(&running).await;
    let ask = async |path: &str| {
        let request = browser.client.get(path).header("cookie", &browser.cookie);
        let answer = request.header("x-part", "list").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let rows = |page: &str| -> Vec<String> {
        let links = page.split("href=\"/event/").skip(1);
        links
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    for path in [
        "/?filter=app:shop&group=ip",
        "/actor?user.email=user-7@example.com&app=shop",
    ] {
        let mut path = path.to_owned();
        loop {
            let page = browser.open(&path).await;
            let (status, list) = ask(&path).await;
            assert_eq!((status, rows(&list)), (200, rows(&page)), "{path}");
            for counted in ["<svg", "id=\"groups\"", "<main"] {
                assert!(
                    page.contains(counted) || !path.starts_with("/?"),
                    "{counted}"
                );
                assert!(!list.contains(counted), "{counted}: {list}");
            }
            let next = |page: &str| {
                let (_, rest) = page.split_once("rel=\"next\" href=\"")?;
                Some(rest.split('"').next()?.replace("&amp;", "&"))
            };
            match (next(&page), next(&list)) {
                (Some(of_page), of_list) => {
                    assert_eq!(Some(&of_page), of_list.as_ref());
                    path = of_page;
                }
                (None, of_list) => break assert_eq!(of_list, None),
            }
        }
    }
    assert_eq!(ask("/?filter=colour:red").await.0, 400);
    let stranger = browser.client.get("/").header("x-part", "list");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_state_of_a_page_is_checked() {
    let running = Running::start().await;
    let browser = Browser::sign_in(&running).await;
    for (query, says) in [
        ("last=2h", "last: none of 15m, 1h, 6h, 24h, 7d, 30d"),
        ("last=1h&to=2026-11-23T10:00:00Z", "last: not together"),
        ("by=colour", "by: at byte 0: found unknown field"),
        ("group=ip:1", "group: at byte 2"),
        ("from=1&to=1", "from: must be before to"),
        ("page=2", "page: unknown parameter"),
        ("by=ip&by=app", "by: given twice"),
    ] {
        let request = browser.client.get(&format!("/?{query}"));
        let answer = request.header("cookie", &browser.cookie).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        let page = answer.text().await.unwrap();
        let (_, alert) = page.split_once("role=\"alert\">").unwrap();
        assert!(alert.starts_with(says), "{query}: {alert}");
        assert!(page.contains("Start again without a filter"), "{query}");
    }
}

#[tokio::test]
async fn an_event_has_a_page_of_its_own() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    // Of the same moment: only the id tells them apart.
    let first = record(&[
        (&uuid(1), "first"),
        (&uuid(2), "second"),
        (&uuid(3), "third"),
    ]);
    client.batch(&session, json!([first])).await;
    let browser = Browser::sign_in(&running).await;
    let time = "2026-11-23T10:00:00Z";
    for (n, name) in [(1, "first"), (2, "second"), (3, "third")] {
        let page = browser
            .open(&format!("/event/{}?time={time}", uuid(n)))
            .await;
        assert!(page.contains(&format!("<title>{name}</title>")), "{page}");
        assert!(
            page.contains("&quot;request_id&quot;: &quot;r&quot;"),
            "{page}"
        );
        assert!(page.contains(&format!("/?filter=-name:{name}")), "{page}");
    }
    for (path, status, says) in [
        (
            format!("/event/{}?time={time}", uuid(4)),
            404,
            "no such event",
        ),
        (
            format!("/event/{}?time=soon", uuid(1)),
            400,
            "time: not the",
        ),
        (format!("/event/{}", uuid(1)), 400, "time: not the"),
        (format!("/event/x?time={time}"), 400, "id: not a UUID"),
    ] {
        let request = browser.client.get(&path);
        let answer = request.header("cookie", &browser.cookie).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.text().await.unwrap().contains(says), "{path}");
    }
}

#[tokio::test]
async fn views_are_kept_and_their_forms_checked() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let session = running.client.login("shop").await;
    let event = record(&[(&uuid(1), "a")]);
    running.client.batch(&session, json!([event])).await;
    let browser = Browser::sign_in(&running).await;
    let place = "/?filter=name%3Aa&group=ip";
    let view = |name, place| [("name", name), ("place", place)];
    let (status, back, _) = browser.send("/views", &view("Guesses", place)).await;
    assert_eq!((status, back.as_str()), (303, place));
    let long = "a".repeat(101);
    for (name, place, status, says) in [
        ("Guesses", "/", 409, "There is a view of the name"),
        (" ", "/", 400, "name: give 1 to 100"),
        (long.as_str(), "/", 400, "name: give 1 to 100"),
        ("b", "https://evil.example/", 400, "place: not a page"),
        ("b", "//evil.example/", 400, "place: not a page"),
        ("b", "/actions", 400, "place: not a page"),
    ] {
        let (answered, _, page) = browser.send("/views", &view(name, place)).await;
        assert_eq!(answered, status, "{name} {place}");
        assert!(page.contains(says), "{name} {place}: {page}");
    }
    let replacing = [
        ("name", "Guesses"),
        ("place", "/?group=name"),
        ("replace", "true"),
    ];
    let (status, back, _) = browser.send("/views", &replacing).await;
    assert_eq!((status, back.as_str()), (303, "/?group=name"));
    let page = browser.open("/").await;
    assert!(
        page.contains("/?group=name") && !page.contains("group=ip\""),
        "{page}"
    );
    let (status, ..) = browser.post("/views", &view("Forged", "/")).await;
    assert_eq!(status, 403);
    running.stop().await;

    let running = Running::at(dir.path()).await;
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/").await;
    assert!(
        page.contains("Guesses") && !page.contains("Forged"),
        "{page}"
    );
    let (before, _) = page.split_once("/remove\"").unwrap();
    let remove = format!("{}/remove", before.rsplit('"').next().unwrap());
    assert_eq!(browser.post(&remove, &[]).await.0, 403);
    assert_eq!(browser.send(&remove, &[]).await.0, 303);
    assert_eq!(browser.send(&remove, &[]).await.0, 404);
    assert_eq!(browser.send("/views/x/remove", &[]).await.0, 404);
    assert!(!browser.open("/").await.contains("Guesses"));
    running.stop().await;
}

#[tokio::test]
async fn what_script_asks_for_is_for_those_who_signed_in() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    busy(client, &session, 3).await;
    let browser = Browser::sign_in(&running).await;
    let paths = [
        "/export?format=csv",
        "/live",
        "/complete?field=name",
        "/delivery",
        "/apps",
        "/event/x?time=1",
    ];
    for path in paths {
        let answer = client.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert!(!answer.text().await.unwrap().contains("checkout"), "{path}");
    }
    let file = browser
        .open("/export?format=ndjson&filter=properties.amount%3A2")
        .await;
    let event: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(event["user"], json!({"email": "user-2@example.com"}));
    for (path, field) in [
        ("/export?format=pdf", "format"),
        ("/complete?field=colour", "field"),
        ("/complete?start=a", "field"),
        ("/complete?field=ip&start=a&contains=b", "contains"),
        ("/complete?field=ip&last=2h", "last"),
        ("/live?filter=colour%3Ared", "filter"),
    ] {
        let request = client.get(path).header("cookie", &browser.cookie);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["field"], field, "{path}");
    }
    for name in ["explorer.css", "explorer.js", "zoom.js"] {
        let answer = client.get(&format!("/assets/{name}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    let none = client.get("/assets/mod.rs").send().await.unwrap();
    assert_eq!(none.status(), 404);
}

#[tokio::test]
async fn delivery_tells_what_became_of_each_event() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let outcomes = json!({
        "instance": "i-1", "tracked": 1_260, "accepted": 1_234, "duplicate": 3, "pending": 5,
        "rejected": {"too_large": 8}, "dropped": {"queue_full": 10},
    });
    client.beat(&session, &json!({"outcomes": outcomes})).await;
    busy(client, &session, 1).await;
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/delivery").await;
    for text in ["web-1", "rust/0.1.0", "too_large 8", "queue_full 10"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = browser.open("/?filter=app%3Ashop&last=15m").await;
    assert!(page.contains("of shop, as told since "), "{page}");
    assert!(page.contains("8 rejected, 10 dropped"), "{page}");
    assert!(page.contains("(1.4 % lost); 5 on their way now"), "{page}");
    let page = browser.open("/apps").await;
    assert!(page.contains("rust/0.1.0") && page.contains("/?filter=app:shop"));
    for token in [API, super::client::INGEST] {
        assert!(!page.contains(token));
    }
}
