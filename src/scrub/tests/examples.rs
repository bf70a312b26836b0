use std::borrow::Cow;
use std::error::Error as _;

use serde_json::{Value, json};

use super::*;
use crate::scrub::scrubber::MAX_DEPTH;

fn scrub(mut value: Value) -> Value {
    scrubber().scrub_value(&mut value).unwrap();
    value
}

#[track_caller]
fn assert_text(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(scrubber().scrub_str(text), with_marker(expected), "{text}");
    }
}

#[test]
fn keys_in_any_spelling() {
    let secret = [
        "password",
        "PASSWORD",
        "Password",
        "passwd",
        "secret",
        "authorization",
        "api_key",
        "api-key",
        "apiKey",
        "ApiKey",
        "APIKEY",
        "X-Api-Key",
        "x_api_key",
        "access_token",
        "accessToken",
        "access-token",
        "Access Token",
        " token ",
        "$token",
        "user[password]",
        "user[password][]",
        "a.password",
        "a.password.b",
        "db:password",
        "headers/authorization",
        "password[0]",
    ];
    for key in secret {
        assert_eq!(
            scrub(json!({ key: "s" })),
            json!({ key: REDACTED }),
            "{key}"
        );
    }
    let plain = [
        "tokenizer",
        "tokens",
        "passwordless",
        "secretary",
        "apikeys",
        "pass",
        "word",
        "key",
        "xtoken",
        "author",
        "a.passwords",
        "",
        "x-",
        "[]",
        "пароль",
    ];
    for key in plain {
        assert_eq!(scrub(json!({ key: "s" })), json!({ key: "s" }), "{key}");
    }
}

#[test]
fn a_key_redacts_its_whole_value() {
    let values = [
        json!(null),
        json!(true),
        json!(1),
        json!(""),
        json!("s"),
        json!(["s", {"a": 1}]),
        json!({"a": {"b": "s"}}),
    ];
    for value in values {
        let found = scrub(json!({"a": [{"password": value, "b": "kept"}]}));
        assert_eq!(found, json!({"a": [{"password": REDACTED, "b": "kept"}]}));
    }
}

#[test]
fn configured_keys_replace_the_default_ones() {
    let keys = ["Пароль", "internal.note", "pin"].map(str::to_owned);
    let scrubber = Scrubber::new(keys, []).unwrap();
    let mut value = json!({
        "ПАРОЛЬ": "s", "internal.note": "s", "internal": {"pin": 1}, "password": "4111111111111111",
    });
    scrubber.scrub_value(&mut value).unwrap();
    assert_eq!(
        value,
        json!({
            "ПАРОЛЬ": REDACTED, "internal.note": REDACTED, "internal": {"pin": REDACTED},
            "password": "4111111111111111",
        })
    );
}

#[test]
fn urls_keep_everything_but_the_secrets() {
    let cases = [
        ("/pay?token=abc&page=2", "/pay?token=█&page=2"),
        ("/pay?page=2&api_key=abc#top", "/pay?page=2&api_key=█#top"),
        (
            "/track?x=hunter2&password=hunter2",
            "/track?x=hunter2&password=█",
        ),
        ("/pay?api_key&x=p&password=p", "/pay?api_key&x=p&password=█"),
        (
            "/p?user[password]=a&user%5Bpassword%5D=b",
            "/p?user[password]=█&user%5Bpassword%5D=█",
        ),
        ("/p?PASS%57ORD=a%26b&x=1", "/p?PASS%57ORD=█&x=1"),
        ("/p?password=a;b=c?d=e&x=1", "/p?password=█&x=1"),
        ("/p?password=&x=1", "/p?password=&x=1"),
        ("/p;token=abc?x=1", "/p;token=█"),
        ("/cb#access_token=abc&state=1", "/cb#access_token=█&state=1"),
        ("https://u:p@h:8080/a?b=c", "https://█@h:8080/a?b=c"),
        ("//u:p@h/", "//█@h/"),
        ("https://ghp_abc@h", "https://█@h"),
        ("https://a@b@h/@x", "https://█@h/@x"),
        ("/a//b@c?x=@y", "/a//b@c?x=@y"),
        ("/in?next=/login?token=abc", "/in?next=/login?token=█"),
        ("/p?password=two words&x=1", "/p?password=█&x=1"),
        ("/p?pan=4111+1111+1111+1111&x=1", "/p?pan=█&x=1"),
        ("/p?pan=1234567890123&x=1", "/p?pan=█&x=1"),
        ("/orders/1234567890123/x", "/orders/1234567890123/x"),
        ("/p?a=1&&b=%zz&c=%E9&d", "/p?a=1&&b=%zz&c=%E9&d"),
        ("", ""),
        ("*", "*"),
    ];
    for (url, expected) in cases {
        assert_eq!(scrubber().scrub_url(url), with_marker(expected), "{url}");
    }
    assert_text(&cases);
    // The whole of it is the URL, and the spaces are part of the value.
    let url = "https://h/p?password=two words&x=1";
    assert_eq!(
        scrubber().scrub_url(url),
        with_marker("https://h/p?password=█&x=1")
    );
}

#[test]
fn secrets_encoded_in_other_text() {
    let nested = scrubber()
        .scrub_url("/in?next=%2Flogin%3Ftoken%3Dabc%26x%3D1&y=2")
        .into_owned();
    assert_eq!(
        nested,
        "/in?next=/login%3Ftoken%3D%3CRedacted%20by%20Sqreen%3E%26x%3D1&y=2"
    );
    assert_text(&[
        (r#"{"password": "a", "b": 1}"#, r#"{"b":1,"password":"█"}"#),
        (r#"{ "b": [1, {"c": "d"}] }"#, r#"{ "b": [1, {"c": "d"}] }"#),
        (
            r#"{"password":{"x":1},"password":2}"#,
            r#"{"password":"█"}"#,
        ),
        (r#"{"a":{"password":"x"},"a":1}"#, r#"{"a":1}"#),
        (r#"["/x?token=abc", 1]"#, r#"["/x?token=█",1]"#),
        (r#""{\"token\":\"abc\"}""#, r#""{\"token\":\"█\"}""#),
        (r#"{"pass\u0077ord":"a"}"#, r#"{"password":"█"}"#),
        // Cut off, or amid other words.
        (r#"{"a":1,"password":"hun"#, r#"{"a":1,"password":"█""#),
        (
            r#"{"a":1,"password":{"x":["hun","#,
            r#"{"a":1,"password":"█""#,
        ),
        (
            r#"{"password":["a}",{}],"b":"c"#,
            r#"{"password":"█","b":"c"#,
        ),
        (
            r#"{"pass\u0077ord": 12, "b"#,
            r#"{"pass\u0077ord": "█", "b"#,
        ),
        (
            r#"got {"token" : "a\"b", "c": 1}"#,
            r#"got {"token" : "█", "c": 1}"#,
        ),
        (r#""{\"token\":\"abc\",\"b\":1"#, r#""{\"token\":█,\"b\":1"#),
        (r#"5" disk: {"token":"abc"}"#, r#"5" disk: {"token":"█"}"#),
        (r#"data={"token":"abc"}&b=1"#, r#"data={"token":"█"}&b=1"#),
    ]);
}

#[test]
fn prose_keeps_its_words() {
    assert_text(
        &[
            (
                "I forgot my password, is it secret?",
                "I forgot my password, is it secret?",
            ),
            ("token: yes & a = b", "token: yes & a = b"),
            ("is 1+1=2 & 100% of c?", "is 1+1=2 & 100% of c?"),
            (
                "see https://h/?token=abc for more",
                "see https://h/?token=█ for more",
            ),
            ("see https://u:p@h for x@y.z", "see https://█@h for x@y.z"),
            ("mail me@example.com", "mail me@example.com"),
            ("dG9rZW4=", "dG9rZW4="),
            ("a=1 password = x", "a=1 password =█"),
            ("'password' => 'x'", "'password' =█"),
            ("line\ntoken=abc\nline", "line\ntoken=█\nline"),
            (REDACTED, REDACTED),
            ("password=█", "password=█"),
            ("https://h/?token=█x", "https://h/?token=█"),
        ]
        .map(|(text, expected)| (with_marker(text), expected))
        .each_ref()
        .map(|(t, e)| (t.as_str(), *e)),
    );
}

#[test]
fn card_numbers_alone_and_in_text() {
    assert_text(&[
        // Alone: any 13 to 16 digits.
        ("4111111111111111", "█"),
        ("4111 1111-1111  1111", "█"),
        ("1234567890123", "█"),
        ("123456789012", "123456789012"),
        ("12345678901234567", "12345678901234567"),
        // In text: only what surely is one.
        ("pan 4111 1111 1111 1111, thanks", "pan █, thanks"),
        ("4111111111111111 12/27 123", "█ 12/27 123"),
        (
            "2 cards: 5555-5555-5555-4444 378282246310005.",
            "2 cards: █ █.",
        ),
        ("amex 3782 822463 10005", "amex █"),
        (
            "order 4111111111111112 shipped",
            "order 4111111111111112 shipped",
        ),
        ("at 1732350000003 ms", "at 1732350000003 ms"),
        (
            "id a4111111111111111 4111111111111111f",
            "id a4111111111111111 4111111111111111f",
        ),
        (
            "sum 0.4111111111111111 4111111111111111.50",
            "sum 0.4111111111111111 4111111111111111.50",
        ),
        (
            "12345678-1234-1234-1234-123456789012",
            "12345678-1234-1234-1234-123456789012",
        ),
        ("4111 1111-1111 1111 x", "4111 1111-1111 1111 x"),
    ]);
    let found = scrub(json!({
        "a": 4111111111111111_u64, "b": -1234567890123_i64, "c": 4111111111111111.0,
        "d": 42, "e": 0.5, "4111111111111111": 1,
    }));
    let expected = json!({
        "a": REDACTED, "b": REDACTED, "c": REDACTED, "d": 42, "e": 0.5, REDACTED: 1,
    });
    assert_eq!(found, expected);
}

#[test]
fn configured_patterns_replace_what_they_match() {
    let patterns = [r"sk_live_\w+", "(?i)^ПИН-\\d+$", "x*"].map(str::to_owned);
    let scrubber = Scrubber::new([], patterns).unwrap();
    for (text, expected) in [
        ("use sk_live_abc1 now", "use █ now"),
        ("пин-12", "█"),
        ("/p?k=%D0%BF%D0%B8%D0%BD-12&b=1", "/p?k=█&b=1"),
        ("/p?k=пин-12&b=1", "/p?k=█&b=1"),
        ("4111111111111111", "4111111111111111"),
        ("pan 4111111111111111", "pan 4111111111111111"),
    ] {
        assert_eq!(scrubber.scrub_str(text), with_marker(expected), "{text}");
    }
}

#[test]
fn a_match_across_a_rewritten_part_redacts_all_of_it() {
    let scrubber = Scrubber::new(["token".to_owned()], ["a%20b".to_owned()]).unwrap();
    // Rewritten for its token alone, the parameter would still match the pattern.
    let found = scrubber.scrub_url("/p?x=a%20b%26token%3Dc&y=1");
    assert_eq!(found, with_marker("/p?x=█&y=1"));
}

#[test]
fn a_bad_configuration_is_named() {
    let error = Scrubber::new([], ["ok", "a(b"].map(str::to_owned)).unwrap_err();
    assert!(error.to_string().contains("\"a(b\""), "{error}");
    assert!(error.to_string().contains("unclosed group"), "{error}");
    assert!(error.source().is_some());
    let error = Scrubber::new(["ok", "--"].map(str::to_owned), []).unwrap_err();
    assert_eq!(
        error.to_string(),
        "scrubbing key \"--\" has no letter or digit"
    );
    assert!(error.source().is_none());
}

#[test]
fn queries_become_scrubbed_parameters() {
    let query = "a=1&b=x%20y+z&a=2&a=3&user%5Bpassword%5D=s&c&&token=s&token=t&=e\
                 &pan=4111+1111+1111+1111&next=%2Fx%3Fsecret%3Ds&4111111111111111=1&d=%ff";
    let expected = json!({
        "a": ["1", "2", "3"], "b": "x y z", "user[password]": REDACTED, "c": "",
        "token": REDACTED, "": "e", "pan": REDACTED, "next": with_marker("/x?secret=█"),
        REDACTED: "1", "d": "\u{fffd}",
    });
    assert_eq!(Value::Object(scrubber().scrub_query(query)), expected);
    assert!(scrubber().scrub_query("").is_empty());
}

#[test]
fn too_deep_is_an_error_and_never_half_scrubbed() {
    let nested = |depth: usize| {
        let inner = json!({"password": "s"});
        (1..depth).fold(inner, |value, _| json!([value]))
    };
    let mut value = nested(MAX_DEPTH);
    scrubber().scrub_value(&mut value).unwrap();
    assert!(!value.to_string().contains("\"s\""));

    let mut value = nested(MAX_DEPTH + 1);
    let error = scrubber().scrub_value(&mut value).unwrap_err();
    assert_eq!(error, ScrubError::TooDeep { limit: MAX_DEPTH });
    assert_eq!(error.to_string(), "value is nested deeper than 64 levels");
    let mut value = json!({ "a": nested(MAX_DEPTH) });
    scrubber().scrub_value(&mut value).unwrap_err();

    // Within text there is no error to give: what cannot be looked at is redacted.
    assert_eq!(
        scrubber().scrub_str(&nested(MAX_DEPTH + 1).to_string()),
        REDACTED
    );
    // Deeper than the JSON parser goes.
    let text = nested(500).to_string();
    assert!(!scrubber().scrub_str(&text).contains("\"s\""));
    let encoded = |times| (0..times).fold("%41".to_owned(), |text, _| text.replace('%', "%25"));
    assert_eq!(scrubber().scrub_str(&encoded(7)), encoded(7));
    assert_eq!(scrubber().scrub_str(&encoded(8)), REDACTED);
}

#[test]
fn disabled_changes_nothing() {
    let scrubber = Scrubber::disabled();
    let mut value = json!({"password": "s", "a": "4111111111111111"});
    let before = value.clone();
    scrubber.scrub_value(&mut value).unwrap();
    assert_eq!(value, before);
    for text in ["password=s", "https://u:p@h/"] {
        assert!(matches!(scrubber.scrub_str(text), Cow::Borrowed(same) if same == text));
        assert_eq!(scrubber.scrub_url(text), text);
    }
    let parameters = scrubber.scrub_query("password=s&password=t");
    assert_eq!(Value::Object(parameters), json!({"password": ["s", "t"]}));
}
