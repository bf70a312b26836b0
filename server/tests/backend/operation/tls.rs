//! HTTPS from files.

use std::fs;
use std::path::Path;

use super::until;
use crate::client::API;
use crate::process::{Process, command};

/// Writes a certificate of its own for loopback, and returns it.
fn certificate(dir: &Path) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    made.cert.pem().into_bytes()
}

fn trusting(certificate: &[u8]) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = reqwest::Certificate::from_pem(certificate).unwrap();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
}

fn client(certificate: &[u8]) -> reqwest::Client {
    trusting(certificate).build().unwrap()
}

#[tokio::test]
async fn https_is_served_and_a_new_certificate_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let old = client(&certificate(dir.path()));
    let mut command = command();
    command
        .args(["--addr", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path().join("data"))
        .arg("--tls-cert")
        .arg(dir.path().join("cert.pem"))
        .arg("--tls-key")
        .arg(dir.path().join("key.pem"));
    let process = Process::run(command);
    let url = format!("https://{}/healthz", process.addr);
    assert_eq!(old.get(&url).send().await.unwrap().status(), 200);
    let plain = format!("http://{}/healthz", process.addr);
    assert!(old.get(&plain).send().await.is_err());
    let sign_in = url.replace("healthz", &format!("signin?token={API}"));
    let quiet = reqwest::redirect::Policy::none();
    let browser = trusting(&fs::read(dir.path().join("cert.pem")).unwrap());
    let browser = browser.redirect(quiet).build().unwrap();
    let signed_in = browser.get(&sign_in).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Secure"), "{cookie}");

    // Half of a pair is not taken over.
    let other = tempfile::tempdir().unwrap();
    let new = certificate(other.path());
    fs::copy(other.path().join("cert.pem"), dir.path().join("cert.pem")).unwrap();
    until("half a pair is told of", async || {
        process.log().contains("the one before stays")
    })
    .await;
    assert_eq!(old.get(&url).send().await.unwrap().status(), 200);
    fs::copy(other.path().join("key.pem"), dir.path().join("key.pem")).unwrap();
    let asked = || client(&new).get(&url).send();
    until("the new certificate is shown", async || {
        asked().await.is_ok()
    })
    .await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path());
    fs::write(dir.path().join("key.pem"), "no key").unwrap();
    let output = command()
        .arg("--data-dir")
        .arg(dir.path().join("data"))
        .arg("--tls-cert")
        .arg(dir.path().join("cert.pem"))
        .arg("--tls-key")
        .arg(dir.path().join("key.pem"))
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("key.pem"), "{errors}");
}
