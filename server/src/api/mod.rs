//! The JSON API under `/api/v1`: bearer tokens with roles, errors as RFC 9457 problems.

mod actions;
mod allowlist;
mod audit;
mod backtest;
mod events;
mod notifications;
mod params;
mod people;
mod playbooks;
mod problem;
mod runs;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

pub(crate) use self::backtest::run as run_backtest;
pub(crate) use self::events::{EventView, Scans, bucket, export, live, sse_event};
pub(crate) use self::params::{Given, Params};
pub(crate) use self::problem::Problem;
use crate::routes::{Endpoint, Needs, delete, get, patch, post, put};
use crate::server::App;
use crate::state::Role;

pub(crate) fn routes() -> Vec<Endpoint> {
    const READ: Needs = Needs::Api(Role::Viewer);
    const ACT: Needs = Needs::Api(Role::Operator);
    const MANAGE: Needs = Needs::Api(Role::Admin);
    let mut routes = events::routes();
    routes.extend(notifications::routes());
    routes.extend([
        get("/api/v1/outcomes", READ, outcomes),
        get("/api/v1/actions", READ, actions::list),
        post("/api/v1/actions", ACT, actions::create),
        get("/api/v1/actions/settings", READ, actions::settings),
        put("/api/v1/actions/settings", MANAGE, actions::set),
        get("/api/v1/actions/{id}", READ, actions::get),
        delete("/api/v1/actions/{id}", ACT, actions::lift),
        get("/api/v1/allowlist", READ, allowlist::list),
        post("/api/v1/allowlist", ACT, allowlist::add),
        delete("/api/v1/allowlist/{id}", ACT, allowlist::remove),
        get("/api/v1/playbooks", READ, playbooks::list),
        post("/api/v1/playbooks/backtest", READ, backtest::backtest),
        get("/api/v1/playbooks/templates", READ, playbooks::templates),
        get("/api/v1/playbooks/{slug}", READ, playbooks::get),
        put("/api/v1/playbooks/{slug}", ACT, playbooks::put),
        delete("/api/v1/playbooks/{slug}", ACT, playbooks::remove),
        put("/api/v1/playbooks/{slug}/stage", ACT, playbooks::stage),
        get(
            "/api/v1/playbooks/{slug}/versions",
            READ,
            playbooks::versions,
        ),
        post("/api/v1/playbooks/{slug}/undo", ACT, playbooks::undo),
        get("/api/v1/runs", READ, runs::list),
        get("/api/v1/runs/{id}", READ, runs::get),
        post("/api/v1/runs/{id}/undo", ACT, runs::undo),
        get("/api/v1/people", MANAGE, people::list),
        post("/api/v1/people", MANAGE, people::add),
        get("/api/v1/people/{id}", MANAGE, people::get),
        patch("/api/v1/people/{id}", MANAGE, people::change),
        post("/api/v1/people/{id}/password-link", MANAGE, people::link),
        get("/api/v1/audit", MANAGE, audit::list),
    ]);
    routes
}

/// Reads a body that is a JSON object.
fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::field("body", format!("body: not a JSON object: {error}")))
}

async fn outcomes(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "outcomes": app.ledger.rows(),
        "ignored": app.intake.ignored.rows(),
        "limited": app.intake.rates.rows(),
    }))
}
