//! `token`: makes, lists and revokes tokens in the data directory.

use sqreen::protocol::Timestamp;

use super::args::Args;
use super::{Outcome, print};
use crate::auth::NewToken;
use crate::config::Settings;
use crate::state::{SqliteState, StateStore, TokenKind, TokenRecord};

/// The most bytes of a comment, and of an application's name.
const MAX_TEXT: usize = 256;

pub(super) fn run(args: &Args, settings: &Settings) -> Outcome {
    let operands: Vec<&str> = args.operands.iter().map(String::as_str).collect();
    let comment = args.value("comment");
    if comment.is_some_and(|comment| comment.len() > MAX_TEXT) {
        return Err(format!("--comment: longer than {MAX_TEXT} bytes").into());
    }
    let new = |kind, app: Option<&str>| NewToken {
        kind,
        app: app.map(str::to_owned),
        comment: comment.unwrap_or_default().to_owned(),
    };
    let new = match operands[..] {
        ["create", "org"] => new(TokenKind::Org, None),
        ["create", "api"] => new(TokenKind::Api, None),
        ["create", "app", name] if (1..=MAX_TEXT).contains(&name.len()) => {
            new(TokenKind::App, Some(name))
        }
        ["create", "app", _] => {
            return Err(format!("NAME: expected 1 to {MAX_TEXT} bytes").into());
        }
        ["list"] => return list(&*open(settings)?),
        ["revoke", id] => return revoke(&*open(settings)?, id),
        _ => return Err("token: expected create, list or revoke, see token --help".into()),
    };
    let state = open(settings)?;
    let (token, id) = new.store(&*state)?;
    print(&format!("id={id}\ntoken={}", token.0));
    state.close()?;
    Ok(true)
}

fn open(settings: &Settings) -> Result<Box<dyn StateStore>, Box<dyn std::error::Error>> {
    let dir = &settings.server.data_dir;
    std::fs::create_dir_all(dir)
        .map_err(|error| format!("data directory {}: {error}", dir.display()))?;
    Ok(Box::new(SqliteState::open(&dir.join("state.sqlite"))?))
}

fn list(state: &dyn StateStore) -> Outcome {
    print("id\tkind\tapp\tcreated\tlast used\trevoked\tcomment");
    for token in state.tokens()? {
        let TokenRecord {
            id,
            kind,
            app,
            comment,
            created_at,
            used_at,
            revoked_at,
            ..
        } = token;
        let fields = [
            id.to_string(),
            kind.name().to_owned(),
            app.unwrap_or_else(|| "-".to_owned()),
            time(Some(created_at)),
            time(used_at),
            time(revoked_at),
            // A line is one token, whatever its comment says.
            comment.replace(char::is_control, " "),
        ];
        print(&fields.join("\t"));
    }
    state.close()?;
    Ok(true)
}

fn time(micros: Option<i64>) -> String {
    micros.map_or_else(
        || "-".to_owned(),
        |micros| Timestamp::from_micros(micros).to_string(),
    )
}

fn revoke(state: &dyn StateStore, id: &str) -> Outcome {
    let parsed = id
        .parse()
        .map_err(|_| format!("ID: {id:?} is none, see token list"))?;
    if !state.revoke_token(parsed, Timestamp::now().as_micros())? {
        return Err(format!("ID: no token {id} is in force").into());
    }
    print(&format!("revoked={id}"));
    state.close()?;
    Ok(true)
}
