//! `GET /api/v1/actions/met`: what an address or a user meets now.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::READ;
use super::actions::ActionView;
use super::allowlist::AllowView;
use super::openapi::{Described, Operation, Param, Tag};
use super::params::Given;
use super::problem::Problem;
use crate::actions::user;
use crate::routes::get;
use crate::server::{App, blocking};

pub(super) fn routes() -> Vec<Described> {
    let user = "All identifiers of a user, as JSON: an action meets who has exactly those";
    vec![
        get("/api/v1/actions/met", READ, met).described(
            Operation::new(
                Tag::Actions,
                "listActionsMet",
                "What an address, a user, or both meet now",
            )
            .query([
                Param::text("ip", "An address", "203.0.113.7"),
                Param::text("user", user, r#"{"email":"ann@example.com"}"#),
                Param::text("app", "In this application alone", "shop"),
            ])
            .answer::<Met>(
                200,
                "Actions in force, and what keeps the address from them",
            ),
        ),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Met {
    /// First those that the address meets, the most specific network first.
    actions: Vec<ActionView>,
    /// The entries of the allow list that the address is in: it is never stopped.
    allowed: Vec<AllowView>,
}

async fn met(State(app): State<App>, mut given: Given) -> Result<Json<Met>, Problem> {
    let ip = given.text("ip").map(|text| text.parse::<IpAddr>());
    let wrong = |_| Problem::field("ip", "ip: not an IPv4 or IPv6 address");
    let ip = ip.transpose().map_err(wrong)?;
    let ip = ip.map(|ip| ip.to_canonical());
    let identifiers = given.text("user").map(|text| {
        let value = serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))?;
        user(value)
    });
    let wrong = |wrong| Problem::field("user", format!("user: {wrong}"));
    let user = identifiers.transpose().map_err(wrong)?;
    let of = given.text("app");
    given.end()?;
    if ip.is_none() && user.is_none() {
        return Err(Problem::field("ip", "ip: missing, and so is user"));
    }
    let mut allowed = app.actions.allowed();
    allowed.retain(|entry| {
        let mut nets = entry.ips.iter();
        ip.is_some_and(|ip| nets.any(|net| net.contains(&ip)))
    });
    let shared = Arc::clone(&app);
    let actions = blocking(move || shared.actions.met(of.as_deref(), ip, user.as_ref())).await??;
    Ok(Json(Met {
        actions: actions.into_iter().map(ActionView::from).collect(),
        allowed: allowed.into_iter().map(AllowView::from).collect(),
    }))
}
