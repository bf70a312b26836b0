//! `token`: makes, lists and revokes tokens in the data directory.

use std::sync::Arc;

use sqreen::protocol::Timestamp;

use super::args::Args;
use super::{Outcome, print};
use crate::auth::{Caller, NewToken, revoke_token};
use crate::config::Settings;
use crate::fields::FieldError;
use crate::state::{Role, SqliteState, StateStore, TokenKind, TokenRecord};

pub(super) fn run(args: &Args, settings: &Settings) -> Outcome {
    let operands: Vec<&str> = args.operands.iter().map(String::as_str).collect();
    let (kind, app) = match operands[..] {
        ["create", "org"] => (TokenKind::Org, None),
        ["create", "api"] => (TokenKind::Api, None),
        ["create", "app", name] => (TokenKind::App, Some(name.to_owned())),
        ["list"] => return list(&*open(settings)?),
        ["revoke", id] => return revoke(&*open(settings)?, id),
        _ => return Err("token: expected create, list or revoke, see token --help".into()),
    };
    let role = args.value("role").map(|_| role(args)).transpose()?;
    let comment = args.value("comment").unwrap_or_default().to_owned();
    let new = NewToken::new(kind, app, role, comment).map_err(|error| named(&error))?;
    let state = open(settings)?;
    let (token, record) = new.create(&*state, &Caller::command_line())?;
    print(&format!("id={}\ntoken={}", record.id, token.0));
    state.close()?;
    Ok(true)
}

/// The mistake by the name that it has in the shell.
fn named(error: &FieldError) -> String {
    let name = match error.field.as_str() {
        "app" => "NAME".to_owned(),
        field => format!("--{field}"),
    };
    format!("{name}: {}", error.wrong)
}

pub(super) fn open(settings: &Settings) -> Result<Arc<dyn StateStore>, Box<dyn std::error::Error>> {
    let dir = &settings.server.data_dir;
    std::fs::create_dir_all(dir)
        .map_err(|error| format!("data directory {}: {error}", dir.display()))?;
    Ok(Arc::new(SqliteState::open(&dir.join("state.sqlite"))?))
}

/// The value of `--role`.
pub(super) fn role(args: &Args) -> Result<Role, String> {
    let wrong = || "--role: expected viewer, operator or admin".to_owned();
    args.value("role").and_then(Role::of_name).ok_or_else(wrong)
}

fn list(state: &dyn StateStore) -> Outcome {
    print("id\tkind\tapp\trole\tcreated\tlast used\trevoked\tcomment");
    for token in state.tokens()? {
        let TokenRecord {
            id,
            kind,
            app,
            role,
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
            role.map_or("-", Role::name).to_owned(),
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

pub(super) fn time(micros: Option<i64>) -> String {
    micros.map_or_else(
        || "-".to_owned(),
        |micros| Timestamp::from_micros(micros).to_string(),
    )
}

fn revoke(state: &dyn StateStore, id: &str) -> Outcome {
    let parsed = id
        .parse()
        .map_err(|_| format!("ID: {id:?} is none, see token list"))?;
    if !revoke_token(state, parsed, &Caller::command_line())? {
        return Err(format!("ID: no token {id} is in force").into());
    }
    print(&format!("revoked={id}"));
    state.close()?;
    Ok(true)
}
