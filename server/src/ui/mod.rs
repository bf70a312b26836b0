//! The pages: the Event Explorer, actors, the security responses, delivery and applications. They are rendered here and
//! can be read and used without script; what HTML cannot do is in the modules under `assets`.

mod access;
mod account;
mod actions;
mod actor;
mod answer;
mod apps;
mod assets;
mod audit;
mod delivery;
mod event;
mod explorer;
mod notifications;
mod page;
mod people;
mod playbooks;
mod room;
mod signin;
mod slow;
mod text;
mod tokens;
mod views;

pub(crate) use self::access::{forbidden, foreign, signed_out};
pub(crate) use self::answer::finish;
use crate::routes::{Endpoint, Needs, get, post};
use crate::state::Role;

pub(crate) fn routes() -> Vec<Endpoint> {
    const OPEN: Needs = Needs::Nothing;
    const READ: Needs = Needs::Page(Role::Viewer);
    const ACT: Needs = Needs::Page(Role::Operator);
    const MANAGE: Needs = Needs::Page(Role::Admin);
    vec![
        get("/", READ, explorer::show),
        get("/event/{id}", READ, event::show),
        get("/export", READ, explorer::export),
        get("/live", READ, explorer::live),
        get("/complete", READ, explorer::complete),
        get("/views", READ, views::show),
        post("/views", ACT, views::save_view),
        post("/views/{id}/remove", ACT, views::remove_view),
        get("/delivery", READ, delivery::show),
        get("/apps", READ, apps::show),
        post("/apps/tokens", MANAGE, tokens::make),
        post("/apps/tokens/{id}/revoke", MANAGE, tokens::revoke),
        get("/actor", READ, actor::show),
        get("/actor/live", READ, actor::live),
        get("/actions", READ, actions::show),
        post("/actions", ACT, actions::create),
        post("/actions/{id}/lift", ACT, actions::lift),
        post("/actions/settings", MANAGE, actions::set),
        post("/actions/allowlist", ACT, actions::allow),
        post("/actions/allowlist/{id}/remove", ACT, actions::disallow),
        get("/signin", OPEN, signin::show),
        post("/signin", OPEN, signin::by_password),
        get("/signin/link", OPEN, signin::by_link),
        post("/signin/link", OPEN, signin::set_password),
        post("/signout", READ, signin::sign_out),
        get("/account", READ, account::show),
        post("/account/password", READ, account::set_password),
        post("/account/sessions/{id}/end", READ, account::end_session),
        get("/people", MANAGE, people::show),
        post("/people", MANAGE, people::add),
        post("/people/{id}", MANAGE, people::change),
        post("/people/{id}/link", MANAGE, people::link),
        get("/audit", MANAGE, audit::show),
        get("/notifications", ACT, notifications::show),
        post("/notifications", MANAGE, notifications::add),
        post("/notifications/{id}", MANAGE, notifications::change),
        get(
            "/notifications/{id}/edit",
            MANAGE,
            notifications::edit::show,
        ),
        post(
            "/notifications/{id}/edit",
            MANAGE,
            notifications::edit::save,
        ),
        post("/notifications/{id}/remove", MANAGE, notifications::remove),
        post(
            "/notifications/{id}/secret",
            MANAGE,
            notifications::change_secret,
        ),
        post(
            "/notifications/{id}/former-secret",
            MANAGE,
            notifications::end_former_secret,
        ),
        post("/notifications/{id}/test", ACT, notifications::test),
        get(
            "/notifications/deliveries/{id}",
            ACT,
            notifications::delivery,
        ),
        post(
            "/notifications/deliveries/{id}/replay",
            ACT,
            notifications::replay,
        ),
        get("/playbooks", READ, playbooks::show),
        get("/playbooks/new", ACT, playbooks::new),
        post("/playbooks/new", ACT, playbooks::add),
        get("/playbooks/{slug}/edit", ACT, playbooks::edit),
        post("/playbooks/{slug}/edit", ACT, playbooks::save),
        get("/playbooks/{slug}", READ, playbooks::one),
        post("/playbooks/{slug}/stage", ACT, playbooks::stage),
        post("/playbooks/{slug}/undo", ACT, playbooks::undo),
        post("/playbooks/{slug}/remove", ACT, playbooks::remove),
        get("/runs", READ, playbooks::runs),
        get("/runs/{id}", READ, playbooks::run),
        post("/runs/{id}/undo", ACT, playbooks::undo_run),
        get("/assets/{name}", OPEN, assets::get),
    ]
}
