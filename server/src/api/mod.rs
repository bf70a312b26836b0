//! The JSON API under `/api/v1`: bearer tokens with roles, errors as RFC 9457 problems, described by OpenAPI.

mod actions;
mod allowlist;
mod apps;
mod audit;
mod backtest;
mod body;
mod events;
mod met;
mod notifications;
mod openapi;
mod outcomes;
mod params;
mod people;
mod playbooks;
mod problem;
mod runs;
mod tokens;
mod views;

pub(crate) use self::backtest::{follow as follow_backtest, run as run_backtest};
pub(crate) use self::events::{EventView, Scans, bucket, export, live, sse_answer, sse_event};
pub(crate) use self::openapi::Described;
pub(crate) use self::params::{Given, Params};
pub(crate) use self::problem::{MAX_BODY, Problem};
use crate::routes::Needs;
use crate::state::Role;

const READ: Needs = Needs::Api(Role::Viewer);
const ACT: Needs = Needs::Api(Role::Operator);
const MANAGE: Needs = Needs::Api(Role::Admin);

/// Each route with its description, which `/api/v1/openapi.json` is made of.
pub(crate) fn routes() -> Vec<Described> {
    let mut routes = vec![openapi::route()];
    routes.extend(events::routes());
    routes.extend(views::routes());
    routes.extend(actions::routes());
    routes.extend(met::routes());
    routes.extend(allowlist::routes());
    routes.extend(playbooks::routes());
    routes.extend(backtest::routes());
    routes.extend(runs::routes());
    routes.extend(notifications::routes());
    routes.extend(people::routes());
    routes.extend(tokens::routes());
    routes.extend(audit::routes());
    routes.extend(apps::routes());
    routes.extend(outcomes::routes());
    routes
}
