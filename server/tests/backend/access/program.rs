//! `user`, and the settings of access, of the program.

use serde_json::Value;

use super::super::actions::browser::Browser;
use super::super::client::Client;
use super::super::operation::{field, printed, refused, until};
use super::super::process::{Process, command};
use super::PASSWORD;

#[tokio::test]
async fn links_begin_where_people_reach_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let public = "https://sqreen.example.com:8443";
    let mut serve = command();
    serve.args(["--addr", "127.0.0.1:0", "--data-dir"]);
    serve
        .arg(dir.path())
        .env("SQREEN_SERVER_PUBLIC_URL", public);
    let process = Process::run(serve);
    let (place, _) = process.link.split_once("/signin/link?code=").unwrap();
    assert_eq!(place, "sqreen.example.com:8443");
    let mut add = command();
    add.args(["user", "add", "ann", "--role", "admin", "--public-url"]);
    let slash = format!("{public}/");
    let output = add.arg(slash).arg("--data-dir").arg(dir.path()).output();
    let link = field(&String::from_utf8(output.unwrap().stdout).unwrap(), "link");
    let (place, code) = link.split_once("/signin/link?code=").unwrap();
    assert_eq!(place, public);

    let mut addr = None;
    until("it tells where it listens", async || {
        addr = process.listening();
        addr.is_some()
    })
    .await;
    let client = Client::new(&format!("http://{}", addr.unwrap()));
    let path = format!("/signin/link?code={code}");
    until("the person is known", async || {
        Browser::stranger(&client).status(&path).await == 200
    })
    .await;
}

#[tokio::test]
async fn people_are_managed_beside_a_server_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let user = |args: &[&str]| printed(dir.path(), &[&["user"], args].concat());
    let link = field(&user(&["add", "ann", "--role", "admin"]), "link");
    let (place, code) = link.split_once("/signin/link?code=").unwrap();
    assert_eq!(place, "http://127.0.0.1:8620");
    let path = format!("/signin/link?code={code}");
    let stranger = || Browser::stranger(&client);
    until("the person is known", async || {
        stranger().status(&path).await == 200
    })
    .await;
    let ann = stranger().by_link(code, "", PASSWORD).await;
    assert_eq!(ann.status("/people").await, 200);
    let link = field(&user(&["add", "bob", "--role", "operator"]), "link");
    let bob_code = link.split_once("code=").unwrap().1.to_owned();
    until("the next is known, too", async || {
        stranger()
            .status(&format!("/signin/link?code={bob_code}"))
            .await
            == 200
    })
    .await;
    let bob = stranger().by_link(&bob_code, "", PASSWORD).await;

    user(&["role", "bob", "--role", "admin"]);
    until("the role is taken over", async || {
        bob.status("/people").await == 200
    })
    .await;
    let link = field(&user(&["password-link", "bob"]), "link");
    assert!(link.contains("/signin/link?code="));
    assert_eq!(bob.status("/").await, 200, "before it is used");
    assert_eq!(field(&user(&["disable", "bob"]), "disabled"), "bob");
    until("sessions end", async || bob.status("/").await == 401).await;
    assert_eq!(field(&user(&["enable", "bob"]), "enabled"), "bob");
    let list = user(&["list"]);
    let lines: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert_eq!((lines[1][1], lines[1][2]), ("ann", "admin"));
    assert_eq!(
        (lines[2][1], lines[2][2], lines[2][6]),
        ("bob", "admin", "set")
    );

    let (_, log) = client.call("GET", "/api/v1/audit", &Value::Null).await;
    let by_command = log["entries"].as_array().unwrap().iter();
    let by_command = by_command.filter(|entry| entry["by"] == "command line");
    assert_eq!(by_command.count(), 8, "{log}");
    assert!(!process.log().contains(PASSWORD) && !process.log().contains(code));

    for (args, error) in [
        (
            &["add", "ann", "--role", "viewer"][..],
            "name: there is someone",
        ),
        (&["add", "a b", "--role", "viewer"], "name: not 1 to 128"),
        (&["add", "eve"], "--role: expected viewer"),
        (&["add", "eve", "--role", "root"], "--role: expected viewer"),
        (&["list", "--role", "viewer"], "--role: only add and role"),
        (&["disable", "eve"], "nobody called \"eve\""),
        (&["password-link"], "expected add, list, role"),
    ] {
        let errors = refused(dir.path(), &[&["user"], args].concat());
        assert!(errors.contains(error), "{args:?}: {errors}");
    }
}

#[tokio::test]
async fn the_first_admin_comes_by_the_printed_link_or_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let code = process.link.split_once("/signin/link?code=").unwrap().1;
    let ann = Browser::stranger(&client)
        .by_link(code, "ann", PASSWORD)
        .await;
    assert_eq!(ann.status("/people").await, 200);
    assert!(!process.log().contains(code));
    drop(process);
    let process = Process::start("127.0.0.1:0", dir.path());
    assert_eq!(
        process.link,
        format!("{}/", process.addr),
        "no link signs anyone in"
    );

    let dir = tempfile::tempdir().unwrap();
    let mut with_admin = command();
    with_admin
        .args(["--addr", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path());
    with_admin.env("SQREEN_SERVER_ADMIN_NAME", "ann");
    with_admin.env("SQREEN_SERVER_ADMIN_PASSWORD", PASSWORD);
    let process = Process::run(with_admin);
    assert_eq!(process.link, format!("{}/", process.addr));
    let client = Client::new(&process.url());
    Browser::stranger(&client)
        .by_password("ann", PASSWORD)
        .await;
}

#[test]
fn settings_of_access_are_checked_and_no_password_is_shown() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = command();
        command.args(["config", "--effective"]);
        command.envs(
            variables
                .iter()
                .map(|(name, value)| (format!("SQREEN_SERVER_{name}"), *value)),
        );
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(text).unwrap(),
        )
    };
    for (variables, wrong) in [
        (&[("ADMIN_NAME", "ann")][..], "admin_name, admin_password"),
        (
            &[("ADMIN_NAME", "a b")],
            "SQREEN_SERVER_ADMIN_NAME: \"a b\" is not",
        ),
        (
            &[("ADMIN_PASSWORD", "too short")],
            "\"<hidden>\" is not 12 characters",
        ),
        (
            &[("TRUSTED_PROXIES", "10.0.0.0/8,proxy")],
            "is not addresses or networks",
        ),
    ] {
        let (status, text) = run(variables);
        assert_eq!(status, 2, "{text}");
        assert!(
            text.contains(wrong) && !text.contains("too short"),
            "{text}"
        );
    }
    let (status, text) = run(&[
        ("ADMIN_NAME", "ann"),
        ("ADMIN_PASSWORD", PASSWORD),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
    ]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("10.0.0.0/8, 192.0.2.1") && !text.contains(PASSWORD),
        "{text}"
    );
}
