//! Webhooks over HTTPS, and the settings of the program.

use super::super::client::Client;
use super::super::operation::printed;
use super::super::process::{Process, command};
use super::receiver::Receiver;
use super::{add, certificate, test, text};

#[tokio::test]
async fn a_webhook_must_have_a_certificate_that_the_system_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let (pem, tls) = certificate(dir.path());
    let receiver = Receiver::with(Some(tls)).await;

    for (trusting, expected) in [(true, "delivered"), (false, "dead")] {
        let data = tempfile::tempdir().unwrap();
        let mut command = command();
        command.args([
            "--addr",
            "127.0.0.1:0",
            "--notify-internal",
            "true",
            "--data-dir",
        ]);
        command.arg(data.path());
        if trusting {
            command.env("SSL_CERT_FILE", &pem);
        }
        let process = Process::run(command);
        let client = Client::new(&process.url());
        for (host, expected) in [("localhost", expected), ("127.0.0.1", "dead")] {
            let url = format!("https://{host}:{}/", receiver.port);
            let hook = add(&client, host, "webhook", &url).await;
            let delivery = test(&client, &hook).await;
            assert_eq!(text(&delivery, "status"), expected, "{trusting} {delivery}");
            let tls = text(&delivery, "answer").starts_with("TLS: ");
            assert_eq!(tls, expected == "dead", "{delivery}");
        }
    }
    assert_eq!(receiver.requests(), 1);
}

#[test]
fn the_password_of_the_mail_server_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let effective = |url: &str| {
        let file = dir.path().join("settings.toml");
        std::fs::write(
            &file,
            format!("smtp_url = {url:?}\nsmtp_from = \"a@example.com\"\n"),
        )
        .unwrap();
        printed(
            dir.path(),
            &["config", "--effective", "--config", file.to_str().unwrap()],
        )
    };
    let shown = effective("smtp://ann:hunter2@mail.example.com:2525");
    assert!(
        shown.contains("smtp_url = \"<hidden>\"") && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(shown.contains("smtp_from = \"a@example.com\""), "{shown}");
    assert!(shown.contains("notify_internal = \"false\""), "{shown}");
}

#[test]
fn half_of_the_settings_of_mail_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value, told) in [
        (
            "SQREEN_SERVER_SMTP_URL",
            "smtp://mail.example.com",
            "smtp_url, smtp_from: one is given",
        ),
        (
            "SQREEN_SERVER_SMTP_URL",
            "https://u:hunter2@mail.example.com",
            "\"<hidden>\" is not a URL",
        ),
        (
            "SQREEN_SERVER_SMTP_FROM",
            "nobody",
            "\"nobody\" is not an address",
        ),
    ] {
        let mut command = command();
        let output = command
            .args(["config", "--data-dir"])
            .arg(dir.path())
            .env(name, value)
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{name}");
        assert!(
            errors.contains(told) && !errors.contains("hunter2"),
            "{errors}"
        );
    }
}
