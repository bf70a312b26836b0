//! Playbooks that are enforced: what clients of an app do, and what they get for it.

use serde_json::{Value, json};

use super::real::Real;
use super::shop::{Shop, status};
use super::until;

const ANN: &str = "email=ann@example.com";
const BOB: &str = "email=bob@example.com";
const EVE: &str = "email=eve@example.com";

/// A backend that enforces one playbook, and an app.
struct Guarded {
    // First, since its agent ends with it.
    shop: Shop,
    backend: Real,
    _dir: tempfile::TempDir,
}

impl Guarded {
    async fn by(playbook: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let backend = Real::start(dir.path()).await;
        backend.enforce(playbook).await;
        Self {
            shop: Shop::open(backend.config()).await,
            backend,
            _dir: dir,
        }
    }

    /// Somebody tries a password for this user.
    async fn sign_in(&self, ip: &str, user: &str, succeeds: bool) {
        let (path, expected) = match succeeds {
            true => ("/login", 200),
            false => ("/wrong-password", 401),
        };
        let request = self.shop.from(ip, path).header("x-user", user);
        assert_eq!(status(request).await, expected, "{ip} {user}");
    }

    /// The one run that there is, once it is over.
    async fn run(&self) -> Value {
        let mut runs = Vec::new();
        until("the run is over", async || {
            runs = self.backend.runs().await;
            runs.first().is_some_and(|run| run["outcome"] != "")
        })
        .await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0]["outcome"], "enforced", "{runs:?}");
        runs.remove(0)
    }
}

/// Logins, failed ones where nothing else is said.
fn logins(mut fields: Value) -> Value {
    let mut playbook = json!({
        "slug": "logins", "actor": "ip", "period": "5min",
        "trigger": {"event": "users.login", "where": "properties.success:false"},
        "responses": [{"action": "block_ip", "duration": "5min"}],
    });
    let fields = fields.as_object_mut().unwrap();
    playbook.as_object_mut().unwrap().append(fields);
    playbook
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_for_pages_that_do_not_exist_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let template = backend.template("vulnerability-discovery-by-ip").await;
    let enough = template["at_least"].as_u64().unwrap();
    backend.enforce(template).await;
    let shop = Shop::open(backend.config()).await;
    let (scanner, visitor) = ("203.0.113.7", "203.0.113.8");
    for (ip, requests) in [(visitor, enough - 1), (scanner, enough)] {
        for number in 0..requests {
            let missing = shop.from(ip, &format!("/{number}.php"));
            assert_eq!(status(missing).await, 404, "{ip} {number}");
        }
    }
    shop.until_from(scanner, 403).await;
    assert_eq!(status(shop.from(scanner, "/another.php")).await, 403);
    // One too few, and all of them before the scan.
    assert_eq!(status(shop.from(visitor, "/another.php")).await, 404);
    assert_eq!(shop.status_from(visitor).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_refuses_the_address() {
    let guarded = Guarded::by(logins(json!({"at_least": 3}))).await;
    for (ip, successes) in [("203.0.113.8", 1), ("203.0.113.7", 0)] {
        for number in 0..3 {
            guarded.sign_in(ip, ANN, number < successes).await;
        }
    }
    guarded.shop.until_from("203.0.113.7", 403).await;
    assert_eq!(guarded.shop.status_from("203.0.113.8").await, 200);
    assert_eq!(guarded.run().await["counted"]["events"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_ipv6_gains_nothing_by_its_many_addresses() {
    let guarded = Guarded::by(logins(json!({"at_least": 3}))).await;
    for number in 1..=3 {
        // Others of IPv4 that come by way of NAT64.
        for ip in ["64:ff9b::cb00:", "2001:db8:0:1::"] {
            guarded.sign_in(&format!("{ip}{number}"), ANN, false).await;
        }
    }
    guarded.shop.until_from("2001:db8:0:1:ffff::1", 403).await;
    for other in ["2001:db8:0:2::1", "64:ff9b::cb00:1"] {
        assert_eq!(guarded.shop.status_from(other).await, 200, "{other}");
    }
    assert_eq!(guarded.run().await["actor"], "2001:db8:0:1::/64");
}

#[tokio::test(flavor = "multi_thread")]
async fn distinct_values_refuse_the_range_of_ipv4() {
    let playbook = json!({
        "actor": "ip_range", "distinct": {"of": "user.email", "at_least": 3},
    });
    let guarded = Guarded::by(logins(playbook)).await;
    // Elsewhere as many failures, but of two users.
    for (number, user) in [ANN, BOB, BOB, ANN].iter().enumerate() {
        guarded
            .sign_in(&format!("198.51.100.{number}"), user, false)
            .await;
    }
    for (number, user) in [ANN, BOB, EVE].iter().enumerate() {
        guarded
            .sign_in(&format!("203.0.113.{number}"), user, false)
            .await;
    }
    // Nobody has come from this one yet.
    guarded.shop.until_from("203.0.113.200", 403).await;
    for outside in ["203.0.114.0", "198.51.100.0"] {
        assert_eq!(guarded.shop.status_from(outside).await, 200, "{outside}");
    }
    let run = guarded.run().await;
    assert_eq!(run["actor"], "203.0.113.0/24");
    assert_eq!(run["counted"]["values"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ratio_refuses_the_range_of_ipv6() {
    let succeeded = json!({
        "event": "users.login", "where": "properties.success:true", "at_least": 3,
    });
    let playbook = json!({"actor": "ip_range", "at_least": 3, "ratio": succeeded});
    let guarded = Guarded::by(logins(playbook)).await;
    // The first is a school, where some fail; the second has three failures for one success.
    let (school, botnet) = ("2001:db8:0:1", "2001:db8:0:2");
    for (range, successes) in [(school, 2), (botnet, 1)] {
        for number in 0..successes + 3 {
            let ip = format!("{range}::{number:x}");
            guarded.sign_in(&ip, ANN, number < successes).await;
        }
    }
    guarded
        .shop
        .until_from(&format!("{botnet}:ffff::1"), 403)
        .await;
    for outside in [school, "2001:db8:0:3"] {
        let status = guarded.shop.status_from(&format!("{outside}::1")).await;
        assert_eq!(status, 200, "{outside}");
    }
    let run = guarded.run().await;
    assert_eq!(run["actor"], "2001:db8:0:2::/64");
    assert_eq!(run["counted"]["others"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_new_refuses_the_user() {
    let playbook = json!({
        "trigger": {"event": "users.login"}, "actor": "user", "first_seen": "ip",
        "responses": [{"action": "block_user", "duration": "5min"}],
    });
    let guarded = Guarded::by(logins(playbook)).await;
    for (ip, user) in [
        ("203.0.113.7", ANN),
        ("203.0.113.8", BOB),
        ("203.0.113.7", ANN),
        ("203.0.113.8", ANN),
    ] {
        guarded.sign_in(ip, user, true).await;
    }
    guarded.shop.until_by(ANN, 403).await;
    assert_eq!(guarded.shop.status_by(BOB).await, 200);
    assert_eq!(guarded.shop.status_from("203.0.113.8").await, 200);
    let run = guarded.run().await;
    assert_eq!(run["actor"], json!({"email": "ann@example.com"}));
    assert_eq!(run["counted"]["value"], "203.0.113.8");
}
