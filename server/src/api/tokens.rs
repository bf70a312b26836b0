//! `/api/v1/tokens`: the tokens of agents and of the API. Those of the configuration are not among them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sqreen::protocol::Timestamp;

use super::MANAGE;
use super::body::{Body, FromFields};
use super::openapi::{Described, Operation, Tag, Time};
use super::params::ItemId;
use super::problem::Problem;
use crate::auth::{Caller, MAX_TOKEN_TEXT, NewToken, TokenError};
use crate::fields::{FieldError, Fields};
use crate::routes::{delete, get, post};
use crate::server::{App, blocking};
use crate::state::{Id, Role, TokenKind, TokenRecord};

const PATH: &str = "/api/v1/tokens";

pub(super) fn routes() -> Vec<Described> {
    let example = json!({"kind": "api", "role": "viewer", "comment": "dashboard"});
    vec![
        get(PATH, MANAGE, list).described(
            Operation::new(Tag::Access, "listTokens", "The tokens without their texts")
                .answer::<Tokens>(200, "All of them, the newest first"),
        ),
        post(PATH, MANAGE, create).described(
            Operation::new(
                Tag::Access,
                "createToken",
                "Makes a token for agents or the API",
            )
            .body::<TokenBody>(example)
            .answer::<MadeToken>(201, "The token, with its text, which is shown here alone")
            .conflict("As many tokens are in force as there may be"),
        ),
        delete("/api/v1/tokens/{id}", MANAGE, revoke).described(
            Operation::new(
                Tag::Access,
                "revokeToken",
                "Ends a token for ever, and the sessions that began with it",
            )
            .answer::<TokenView>(200, "The token; one that had ended stays as it was"),
        ),
    ]
}

/// A token with every key, but without its text.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(super) struct TokenView {
    id: Id,
    #[schemars(with = "TokenKind")]
    kind: &'static str,
    /// The one application that a token of kind `app` is for.
    app: Option<String>,
    /// What a token of kind `api` may do.
    #[schemars(with = "Option<Role>")]
    role: Option<&'static str>,
    comment: String,
    #[schemars(with = "Time")]
    created_at: Timestamp,
    /// To the hour.
    #[schemars(with = "Option<Time>")]
    used_at: Option<Timestamp>,
    #[schemars(with = "Option<Time>")]
    revoked_at: Option<Timestamp>,
}

impl From<TokenRecord> for TokenView {
    fn from(record: TokenRecord) -> Self {
        Self {
            id: record.id,
            kind: record.kind.name(),
            app: record.app,
            role: record.role.map(Role::name),
            comment: record.comment,
            created_at: Timestamp::from_micros(record.created_at),
            used_at: record.used_at.map(Timestamp::from_micros),
            revoked_at: record.revoked_at.map(Timestamp::from_micros),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tokens {
    tokens: Vec<TokenView>,
}

/// A token that was made just now.
#[derive(Debug, Serialize, JsonSchema)]
struct MadeToken {
    /// What agents or programs send.
    token: String,
    #[serde(flatten)]
    view: TokenView,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct TokenBody {
    /// `org`: for agents of any application, `app`: for those of one, `api`: for the API.
    kind: TokenKind,
    /// For the kind `app` alone, which needs it.
    #[schemars(length(min = 1, max = MAX_TOKEN_TEXT))]
    app: Option<String>,
    /// For the kind `api` alone, which needs it.
    role: Option<Role>,
    #[schemars(length(min = 1, max = MAX_TOKEN_TEXT))]
    comment: Option<String>,
}

impl FromFields for TokenBody {
    fn read(fields: &mut Fields) -> Result<Self, FieldError> {
        let kind = fields.named("kind", TokenKind::ALL, TokenKind::name)?;
        Ok(Self {
            kind: kind.ok_or_else(|| FieldError::new("kind", "missing: org, app or api"))?,
            app: fields.text("app", MAX_TOKEN_TEXT)?,
            role: fields.named("role", Role::ALL, Role::name)?,
            comment: fields.text("comment", MAX_TOKEN_TEXT)?,
        })
    }
}

async fn list(State(app): State<App>) -> Result<Json<Tokens>, Problem> {
    let shared = Arc::clone(&app);
    let records = blocking(move || shared.tokens.all()).await??;
    let tokens = records.into_iter().rev().map(TokenView::from).collect();
    Ok(Json(Tokens { tokens }))
}

async fn create(
    by: Caller,
    State(app): State<App>,
    Body(new): Body<TokenBody>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let TokenBody {
        kind,
        app: name,
        role,
        comment,
    } = new;
    let new = NewToken::new(kind, name, role, comment.unwrap_or_default())?;
    let shared = Arc::clone(&app);
    let made = blocking(move || shared.tokens.create(new, &by)).await?;
    let (token, record) = made.map_err(|error: TokenError| Problem::from(error))?;
    let made = MadeToken {
        token: token.0,
        view: record.into(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn revoke(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<TokenView>, Problem> {
    let shared = Arc::clone(&app);
    let token = blocking(move || shared.tokens.revoke(id, &by)).await??;
    let token = token.ok_or_else(Problem::not_found)?;
    Ok(Json(token.into()))
}
