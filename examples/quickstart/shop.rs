use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sqreen::{Event, Identify, Sqreen, SqreenCtx, UserIdentifiers};
use sqreen_server::playbooks::file::Entry;
use sqreen_server::playbooks::{Stage, templates};

/// The shop, with the layer around all of its routes.
pub(crate) fn router(sqreen: &Sqreen) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/products/{id}", get(product))
        .route("/login", post(login))
        .route("/signup", post(signup))
        .route("/checkout", post(checkout))
        .route("/me", get(me))
        .route("/crash", get(crash))
        .layer(sqreen.layer().collect_body())
}

/// Six wrong passwords block the address that they come from.
pub(crate) fn guard() -> Option<Entry> {
    let slug = "guessed-passwords";
    let template = templates()
        .iter()
        .find(|template| template.entry.playbook.slug == slug)?;
    let mut entry = template.entry.clone();
    entry.stage = Some(Stage::Enforce);
    // Whoever tries the demo comes from this machine, which is never blocked otherwise.
    entry.playbook.rails.allow_critical = true;
    Some(entry)
}

async fn home() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn product(sqreen: SqreenCtx, Path(id): Path<String>) -> Json<Value> {
    let answer = json!({"product": id});
    sqreen.track(Event::from("product.viewed").property("product_id", id));
    Json(answer)
}

#[derive(Deserialize)]
struct Login {
    email: String,
    password: String,
}

async fn login(sqreen: SqreenCtx, Form(login): Form<Login>) -> (StatusCode, &'static str) {
    let success = login.password == "letmein";
    sqreen.auth_track(success, UserIdentifiers::new("email", login.email));
    if success {
        (StatusCode::OK, "welcome")
    } else {
        (StatusCode::UNAUTHORIZED, "wrong password")
    }
}

#[derive(Deserialize)]
struct Signup {
    email: String,
}

async fn signup(sqreen: SqreenCtx, Form(signup): Form<Signup>) -> &'static str {
    sqreen.signup_track(UserIdentifiers::new("email", signup.email));
    "account created"
}

/// The demo's session: whoever the `x-demo-user` header says.
struct DemoUser {
    email: String,
}

impl<S: Sync> FromRequestParts<S> for DemoUser {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let header = parts.headers.get("x-demo-user");
        let email = header.and_then(|value| value.to_str().ok());
        let email = email.filter(|email| !email.is_empty());
        let missing = (
            StatusCode::UNAUTHORIZED,
            "x-demo-user: expected an email address",
        );
        let email = email.ok_or(missing)?.to_owned();
        Ok(Self { email })
    }
}

impl From<&DemoUser> for UserIdentifiers {
    fn from(user: &DemoUser) -> Self {
        Self::new("email", user.email.clone())
    }
}

async fn checkout(
    _: Identify<DemoUser>,
    sqreen: SqreenCtx,
    Json(cart): Json<Value>,
) -> &'static str {
    let items = cart.get("items").and_then(Value::as_array).map(Vec::len);
    let event = Event::from("cart.checkout").property("items", items);
    sqreen.track(event.collect_body(true));
    "thank you"
}

async fn me(Identify(user): Identify<DemoUser>) -> Json<Value> {
    Json(json!({"user": user.email}))
}

/// Shows that a panic loses no event: the client sees a closed connection, the backend the event.
async fn crash(sqreen: SqreenCtx) {
    sqreen.track("crash.triggered");
    panic!("asked for by GET /crash");
}
