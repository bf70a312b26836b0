use serde_json::json;

use super::*;
use crate::store::{EventId, StoredEvent};

fn parse(text: &str) -> Filter {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn is(field: Field, check: Check) -> Filter {
    Filter::Is(Test { field, check })
}

fn equals(dimension: Dimension, text: &str) -> Filter {
    let check = Check::Equals(vec![text.to_owned()]);
    is(Field::Dimension(dimension), check)
}

#[test]
fn every_form_is_read() {
    let amount = Field::Json(JsonField::Properties, vec!["amount".to_owned()]);
    for (text, filter) in [
        ("", Filter::All(Vec::new())),
        ("  ( ) ", Filter::All(Vec::new())),
        (
            "() or () name:a",
            Filter::Any(vec![
                Filter::All(Vec::new()),
                Filter::All(vec![Filter::All(Vec::new()), equals(Dimension::Name, "a")]),
            ]),
        ),
        ("name:a", equals(Dimension::Name, "a")),
        (" (( name : a )) ", equals(Dimension::Name, "a")),
        (
            "name:a ip:::ffff:192.0.2.1",
            Filter::All(vec![
                equals(Dimension::Name, "a"),
                equals(Dimension::Ip, "192.0.2.1"),
            ]),
        ),
        (
            "name:a AND app:b or path:/c?d=e:f",
            Filter::Any(vec![
                Filter::All(vec![
                    equals(Dimension::Name, "a"),
                    equals(Dimension::App, "b"),
                ]),
                equals(Dimension::Path, "/c?d=e:f"),
            ]),
        ),
        (
            "not(-name:or)",
            Filter::Not(Box::new(Filter::Not(Box::new(equals(
                Dimension::Name,
                "or",
            ))))),
        ),
        (
            "name:a , b,\"c,d\\\"\\\\\\n\" app:x",
            Filter::All(vec![
                is(
                    Field::Dimension(Dimension::Name),
                    Check::Equals(vec!["a".to_owned(), "b".to_owned(), "c,d\"\\\n".to_owned()]),
                ),
                equals(Dimension::App, "x"),
            ]),
        ),
        (
            "ip:203.0.113.7/24,2001:db8::1",
            is(
                Field::Dimension(Dimension::Ip),
                Check::In(vec![
                    "203.0.113.0/24".parse().unwrap(),
                    "2001:db8::1/128".parse().unwrap(),
                ]),
            ),
        ),
        (
            "properties.amount >= -1.5e3",
            is(amount.clone(), Check::Number(Comparison::AtLeast, -1500.0)),
        ),
        (
            "properties.amount:10.0.0.0/8",
            is(
                amount.clone(),
                Check::In(vec!["10.0.0.0/8".parse().unwrap()]),
            ),
        ),
        (
            "properties.amount:\"10.0.0.0/8\"",
            is(amount.clone(), Check::Equals(vec!["10.0.0.0/8".to_owned()])),
        ),
        ("path:10.0.0.0/8", equals(Dimension::Path, "10.0.0.0/8")),
        (
            "has:user.\"e. mail\".x",
            is(
                Field::Json(JsonField::User, vec!["e. mail".to_owned(), "x".to_owned()]),
                Check::Exists,
            ),
        ),
        (
            "status^4",
            is(
                Field::Dimension(Dimension::Status),
                Check::Prefix("4".to_owned()),
            ),
        ),
    ] {
        assert_eq!(parse(text), filter, "{text}");
        assert_eq!(parse(&filter.to_string()), filter, "{filter}");
    }
    let words =
        "(name~\"x y\" or path~\"x y\" or ip~\"x y\" or user~\"x y\" or properties~\"x y\")";
    assert_eq!(parse("\"x y\" app:a").to_string(), format!("{words} app:a"));
    assert_eq!(
        parse("bob@example.com").to_string(),
        words[1..words.len() - 1].replace("\"x y\"", "bob@example.com")
    );
}

#[test]
fn an_error_says_where_what_and_what_could_be() {
    for (text, position, found, expected) in [
        ("name:", 5, "the end", "a value"),
        ("name: )", 6, "`)`", "a value"),
        ("(name:a", 7, "the end", "a test or `)`"),
        ("name:a)", 6, "`)`", "a test or the end"),
        ("name:a or", 9, "the end", "a test on both sides of `or`"),
        ("or name:a", 0, "`or`", "a test on both sides of `or`"),
        ("(a or or b)", 6, "`or`", "a test on both sides of `or`"),
        ("name:a and", 10, "the end", "a test after `and`"),
        ("and", 0, "`and`", "a test"),
        ("-", 1, "the end", "a test"),
        ("ä nmae:x", 3, "unknown field `nmae`", "one of app, name, "),
        ("http://a", 0, "unknown field `http`", "one of app"),
        ("path.x:a", 0, "`path.x`", "`path` alone"),
        ("user..x:a", 0, "`user..x`", "a name after each dot"),
        ("has:", 4, "no name", "a field"),
        ("has:colour", 4, "unknown field `colour`", "one of app"),
        ("name=a", 4, "`=`", "an operator: `:` equals"),
        ("status!=200", 6, "`!`", "an operator: `:` equals"),
        (
            "user.email",
            0,
            "the field `user.email` alone",
            "an operator",
        ),
        (":a", 0, "`:`", "a test"),
        ("name:a,", 7, "the end", "a value"),
        ("name:'a'", 5, "`'`", "a value, quoted by `\"`"),
        ("name:a(b)", 6, "`(`", "a space"),
        ("name:\"a\"b", 8, "`b`", "a space"),
        ("name:\"a", 5, "a quote that nothing closes", "another `\"`"),
        (
            "name:\"a\\",
            5,
            "a quote that nothing closes",
            "another `\"`",
        ),
        ("name:\"é\\x\"", 9, "`x`", "one of `\"`"),
        ("ip:1.2.3", 3, "`1.2.3`", "an address, or a network"),
        ("ip:10.0.0.1,10.0.0.0/33", 12, "`10.0.0.0/33`", "an address"),
        ("properties.a:10.0.0.0/8,x", 24, "`x`", "an address"),
        ("status:4xx", 7, "`4xx`", "a status; `status^4`"),
        ("aggregated:yes", 11, "`yes`", "`true` or `false`"),
        ("properties.a>x", 13, "`x`", "a number"),
        ("properties.a>nan", 13, "`nan`", "a number"),
        ("properties.a>1e999", 13, "`1e999`", "a number"),
        ("name>1", 4, "a comparison of `name`", "`:`, `~` or `^`"),
        ("properties.a=>1", 12, "`=`", "an operator"),
    ] {
        let error = text.parse::<Filter>().unwrap_err();
        assert_eq!(
            (error.position(), error.found()),
            (position, found),
            "{text}: {error}"
        );
        assert!(error.expected().starts_with(expected), "{text}: {error}");
    }
    let long = "x".repeat(1000);
    let error = format!("{long}:a").parse::<Filter>().unwrap_err();
    assert!(error.to_string().len() < 400, "{error}");
}

#[test]
fn limits_hold_where_they_say() {
    let deep = |levels| format!("{}name:a{}", "(".repeat(levels), ")".repeat(levels));
    assert!(deep(Filter::MAX_DEPTH).parse::<Filter>().is_ok());
    let error = deep(Filter::MAX_DEPTH + 1).parse::<Filter>().unwrap_err();
    assert_eq!((error.position(), error.found()), (33, "one level more"));
    assert!("-".repeat(10_000).parse::<Filter>().is_err());
    let tests = |count| "name:a ".repeat(count);
    assert!(tests(Filter::MAX_TESTS).parse::<Filter>().is_ok());
    let error = tests(Filter::MAX_TESTS + 1).parse::<Filter>().unwrap_err();
    assert_eq!(error.found(), "one test more");
    let long = |length: usize| format!("name:{}", "a".repeat(length - 5));
    assert!(long(Filter::MAX_LENGTH).parse::<Filter>().is_ok());
    let error = long(Filter::MAX_LENGTH + 1).parse::<Filter>().unwrap_err();
    assert_eq!((error.position(), error.found()), (0, "16385 bytes"));
}

#[test]
fn a_field_is_read_and_printed() {
    for name in Field::names().chain(["properties.\"a b\".c", "headers.X-Y", "body.\"\""]) {
        let field: Field = name.parse().unwrap();
        assert_eq!(field.to_string(), name);
    }
    for (text, position) in [
        ("", 0),
        ("ip.x", 0),
        ("name:a", 4),
        ("user.", 0),
        (" ip", 0),
    ] {
        let error = text.parse::<Field>().unwrap_err();
        assert_eq!(error.position(), position, "{text}: {error}");
    }
}

fn event() -> StoredEvent {
    let mut event = StoredEvent::new(EventId::from_bytes([1; 16]), 1, 2, "shop", "users.login");
    event.ip = Some("203.0.113.7".parse().unwrap());
    event.path = Some("/Admin/login.php".to_owned());
    event.status = Some(404);
    event.user = serde_json::from_value(
        json!({"email": "Bob@example.com", "id": 9_007_199_254_740_993_u64}),
    )
    .unwrap();
    event.properties = serde_json::from_value(json!({
        "amount": 42, "ratio": 0.5, "text": "42", "none": null, "on": true, "list": ["a", 1],
        "deep": {"er": {"x": "y"}}, "peer": "10.1.2.3", "a.b": "dotted", "quote": "say \"hi\"",
    }))
    .unwrap();
    event.headers = Some(json!([["X-Id", "one"], ["x-id", "two"], ["Accept", "*/*"]]));
    event.params = Some(json!({"query": {"q": "a"}, "form": {}}));
    event.body = Some(serde_json::Value::Null);
    event
}

#[test]
fn an_event_meets_what_is_true_of_it() {
    let event = event();
    for text in [
        "",
        "app:shop",
        "name:x,users.login",
        "path~LOGIN",
        "path^/Admin",
        "-path^/admin",
        "ip:203.0.113.0/24",
        "ip:::ffff:203.0.113.7",
        "ip^203.",
        "status:404",
        "status:0404",
        "status>=404 status<=404 status>403 status<405",
        "status^4",
        "aggregated:false has:aggregated",
        "-has:method -method:GET -method~\"\" -method^\"\"",
        "has:ip has:user has:body has:properties.none",
        "user:Bob@example.com",
        "user.email~@EXAMPLE",
        "user.id:9007199254740993 -user.id:9007199254740992",
        "properties.amount:42 properties.amount:42.0 properties.amount:4.2e1",
        "properties:42 properties>41 -properties>42 properties^0. properties:10.0.0.0/8",
        "properties.text:42 -properties.text:42.0 -properties.text>1",
        "properties.none:null properties.on:true",
        "properties.list:\"[\\\"a\\\",1]\" properties.list~\"\\\"A\"",
        "properties.deep.er.x:y has:properties.deep.er",
        "-has:properties.deep.er.x.y -has:properties.list.a",
        "properties.peer:10.0.0.0/8 -properties.text:0.0.0.0/0",
        "properties.\"a.b\":dotted -has:properties.a.b",
        "properties~er -properties~\"say \\\"hi\" properties.quote~\"say \\\"hi\"",
        "headers.X-ID:one headers.x-id:two headers.accept:*/* headers:two",
        "-headers.accept:one",
        "params.query.q:a -params:a params^{",
        "body:null",
        "bob@example.com",
        "admin 203.0.113",
        "-nothing",
        "name:a or app:shop",
        "(name:a or app:shop) -(name:a or app:b)",
    ] {
        assert!(parse(text).matches(&event), "{text}");
        assert!(!parse(&format!("-({text})")).matches(&event), "-({text})");
    }
    let mut object = event.clone();
    object.headers = Some(json!({"X-Id": "one"}));
    assert!(parse("headers.x-id:one has:headers.X-ID headers:one").matches(&object));
    let degenerate = [
        (Filter::Any(Vec::new()), false),
        (
            is(Field::Dimension(Dimension::App), Check::Equals(Vec::new())),
            false,
        ),
        (
            is(Field::Dimension(Dimension::Ip), Check::In(Vec::new())),
            false,
        ),
        (
            Filter::All(vec![Filter::default(), Filter::default()]),
            true,
        ),
        (Filter::Any(vec![Filter::All(Vec::new())]), true),
    ];
    for (filter, matches) in degenerate {
        assert_eq!(filter.matches(&event), matches, "{filter}");
        assert_eq!(
            parse(&filter.to_string()).matches(&event),
            matches,
            "{filter}"
        );
    }
}
