//! Settings: where they come from, and what is refused.

use std::fs;

use crate::process::command;

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sqreen.toml");
    let text = "# ours\naddr = \"127.0.0.1:1\"\nlog = 'warn'\nseal_rows = 7\n\
                ingest_token = \"in-the-file\"\nretention_age = \"90d\"\n";
    fs::write(&file, text).unwrap();
    let output = command()
        .args(["config", "--effective", "--addr", "127.0.0.1:3", "--config"])
        .arg(&file)
        .env("SQREEN_SERVER_ADDR", "127.0.0.1:2")
        .env("SQREEN_SERVER_LOG", "error")
        .env("SQREEN_SERVER_INGEST_TOKEN", "")
        .env("SQREEN_SERVER_API_TOKEN", "in-the-environment")
        .env("SQREEN_SERVER_ADRR", "x")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    let file = file.display();
    for line in [
        "addr = \"127.0.0.1:3\" # --addr".to_owned(),
        "log = \"error\" # SQREEN_SERVER_LOG".to_owned(),
        format!("seal_rows = \"7\" # {file}:4"),
        format!("retention_age = \"90d\" # {file}:6"),
        format!("ingest_token = \"<hidden>\" # {file}:5"),
        "api_token = \"<hidden>\" # SQREEN_SERVER_API_TOKEN".to_owned(),
        "drain_time = \"5s\" # default".to_owned(),
        "# SQREEN_SERVER_ADRR: no such setting".to_owned(),
    ] {
        assert!(
            printed.lines().any(|other| other == line),
            "{line}: {printed}"
        );
    }
    assert!(!printed.contains("in-the-"), "{printed}");

    // What it prints is a file with the same settings.
    let again = dir.path().join("again.toml");
    let kept = printed.lines().filter(|line| !line.contains("token"));
    let kept = kept.filter(|line| !line.contains("= \"\""));
    fs::write(&again, kept.collect::<Vec<_>>().join("\n")).unwrap();
    let output = command()
        .args(["config", "--effective", "--config"])
        .arg(&again)
        .output();
    let again = String::from_utf8(output.unwrap().stdout).unwrap();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split(" # ").next().unwrap().to_owned()
    };
    for key in ["addr", "log ", "seal_rows", "retention_age", "dedupe_ids"] {
        assert_eq!(value(&again, key), value(&printed, key));
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name_value_and_what_was_expected() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sqreen.toml");
    for (text, error) in [
        ("\nadr = 1", "sqreen.toml:2: adr: unknown setting"),
        (
            "seal_rows = \"many\"",
            "sqreen.toml:1: seal_rows: \"many\" is not a whole number above 0",
        ),
        (
            "seal_rows = 0",
            "sqreen.toml:1: seal_rows: \"0\" is not a whole number above 0",
        ),
        (
            "retention_size = \"50GB\"",
            "\"50GB\" is not a size such as",
        ),
        (
            "public_url = \"https://example.com/sqreen\"",
            "sqreen.toml:1: public_url: \"https://example.com/sqreen\" is not a URL such as https://sqreen.example.com",
        ),
        ("seal_age = 1.5", "sqreen.toml:1: seal_age: expected a text"),
        ("log_format = \"xml\"", "\"xml\" is not text or json"),
        (
            "log = \"info\"\n[tls]\ncert = 1",
            "sqreen.toml:2: tls: unknown setting",
        ),
        ("addr = ", "sqreen.toml:1: not TOML"),
        ("rate_burst = 5", "rate_burst: is given without rate_limit"),
        (
            "tls_cert = \"a.pem\"",
            "tls_cert, tls_key: one is given without the other",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let output = command().arg("serve").arg("--config").arg(&file).output();
        let output = output.unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(errors.contains(error), "{error}: {errors}");
    }
    let absent = dir.path().join("absent.toml");
    let output = command().env("SQREEN_SERVER_CONFIG", &absent).output();
    let errors = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(errors.contains("absent.toml"), "{errors}");
    let output = command().args(["--addr", "localhost"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("--addr: \"localhost\" is not an IP address"),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_help_names_every_setting_and_command() {
    let output = command().arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for text in [
        "serve",
        "token",
        "config",
        "--data-dir",
        "SQREEN_SERVER_RETENTION_AGE",
        "[1h]",
    ] {
        assert!(help.contains(text), "{text}: {help}");
    }
    assert!(!help.contains("--api-token"), "{help}");
}
