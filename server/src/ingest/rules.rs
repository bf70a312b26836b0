//! The rules that old agents are given: none that holds code.
//!
//! Node and Go agents track without rules, and verify those they are sent against a key that went with Sqreen's
//! service. Python agents do nothing without rules: even `track` is hooked by one. Theirs name functions to hook and
//! the agent's own classes to run there, and are taken unsigned with `SQREEN_RULES_SIGNATURE=0`. The hooked functions
//! are those that fit the arguments which the classes of the agent's last version (1.27.4) read; tried with that
//! version on Flask 1.1, Django 3.2 and Pyramid 1.10.

use serde_json::{Value, json};
use sqreen::protocol::LoginRequest;

/// Which rules an agent is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RulePack {
    /// None, as everyone but Python.
    #[default]
    Empty,
    /// Those of the Python agent with this framework.
    Python(Framework),
}

/// A Python web framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framework {
    Flask,
    Django,
    /// Before 1.10, whose middlewares were others.
    OldDjango,
    Pyramid,
    /// Another, or none: SDK calls are hooked, requests are not.
    Other,
}

/// A function that is hooked, and the class that runs there.
#[derive(Clone, Copy, Debug)]
struct Hook {
    name: &'static str,
    /// Module, or module and class.
    klass: &'static str,
    method: &'static str,
    callback: &'static str,
    strategy: &'static str,
}

const fn hook(name: &'static str, klass: &'static str, method: &'static str) -> Hook {
    Hook {
        name,
        klass,
        method,
        callback: "",
        strategy: "import_hook",
    }
}

impl Hook {
    const fn runs(self, callback: &'static str) -> Self {
        Self { callback, ..self }
    }

    /// The framework's own way to hook; the function must be the one that it expects.
    const fn by(self, strategy: &'static str) -> Self {
        Self { strategy, ..self }
    }
}

/// Must run before the others of its function: they look at the request that it records.
const RECORD: &str = "record_context";
const BLOCK_IP: &str = "ip_block";
const ERROR_PAGE: &str = "error_page";

const SDK: [Hook; 5] = [
    hook("sdk_track", "sqreen.sdk.events", "_track").runs("SDKTrackEvent"),
    hook("sdk_identify", "sqreen.sdk.auth", "_identify").runs("SDKIdentify"),
    hook("sdk_auth", "sqreen.sdk.auth", "_auth_track").runs("SDKAuthTrack"),
    hook("sdk_signup", "sqreen.sdk.auth", "_signup_track").runs("SDKSignupTrack"),
    hook("user_block", "sqreen.sdk.auth", "_identify").runs("SecurityResponsesUser"),
];

const FLASK: [Hook; 3] = {
    const APP: &str = "flask.app::Flask";
    [
        hook(BLOCK_IP, APP, "preprocess_request").runs("SecurityResponsesIP"),
        hook(RECORD, APP, "full_dispatch_request").runs("RecordRequestContextFlask"),
        hook(ERROR_PAGE, APP, "handle_user_exception").runs("SqreenErrorPageFlask"),
    ]
};

const DJANGO_HANDLER: &str = "django.core.handlers.base::BaseHandler";
const DJANGO_RECORD: Hook = hook(RECORD, DJANGO_HANDLER, "load_middleware")
    .runs("RecordRequestContextDjango")
    .by("django");
const DJANGO_BLOCK: Hook = hook(BLOCK_IP, DJANGO_HANDLER, "load_middleware")
    .runs("SecurityResponsesIP")
    .by("django");

const DJANGO: [Hook; 3] = [
    DJANGO_RECORD,
    DJANGO_BLOCK,
    hook(
        ERROR_PAGE,
        "django.core.handlers.exception",
        "response_for_exception",
    )
    .runs("SqreenErrorPageDjangoNewStyle"),
];

const OLD_DJANGO: [Hook; 3] = [
    DJANGO_RECORD,
    DJANGO_BLOCK,
    hook(ERROR_PAGE, DJANGO_HANDLER, "handle_uncaught_exception").runs("SqreenErrorPageDjango"),
];

const PYRAMID: [Hook; 3] = [
    hook(RECORD, "pyramid.config.tweens::Tweens", "__call__")
        .runs("RecordRequestContextPyramid")
        .by("pyramid"),
    // Within what is recorded: a request that is blocked where it is recorded is never closed, and the next one of
    // the thread is taken for it.
    hook(BLOCK_IP, "pyramid.router::Router", "handle_request").runs("SecurityResponsesIP"),
    hook(ERROR_PAGE, "pyramid.view", "_call_view").runs("SqreenErrorPagePyramid"),
];

impl RulePack {
    /// The rules of the agent that logs in so.
    pub(super) fn of(login: &LoginRequest) -> Self {
        if login.agent_type != "python" {
            return Self::Empty;
        }
        Self::Python(match login.framework_type.to_ascii_lowercase().as_str() {
            "flask" => Framework::Flask,
            "django" if is_before_1_10(login.framework_version.as_deref()) => Framework::OldDjango,
            "django" => Framework::Django,
            "pyramid" => Framework::Pyramid,
            _ => Framework::Other,
        })
    }

    /// The name of the pack, which agents echo.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Empty => "",
            Self::Python(Framework::Flask) => "python-flask-1",
            Self::Python(Framework::Django) => "python-django-1",
            Self::Python(Framework::OldDjango) => "python-django-old-1",
            Self::Python(Framework::Pyramid) => "python-pyramid-1",
            Self::Python(Framework::Other) => "python-1",
        }
    }

    /// The rules as they are sent.
    pub(super) fn rules(self) -> Vec<Value> {
        let Self::Python(framework) = self else {
            return Vec::new();
        };
        let hooks: &[Hook] = match framework {
            Framework::Flask => &FLASK,
            Framework::Django => &DJANGO,
            Framework::OldDjango => &OLD_DJANGO,
            Framework::Pyramid => &PYRAMID,
            Framework::Other => &[],
        };
        SDK.iter()
            .chain(hooks)
            .map(|hook| self.rule(hook))
            .collect()
    }

    fn rule(self, hook: &Hook) -> Value {
        let values = if hook.name == ERROR_PAGE {
            json!([{"type": "custom_error_page", "status_code": 403}])
        } else {
            json!([])
        };
        let mut rule = json!({
            "name": hook.name,
            "rulespack_id": self.id(),
            "block": true,
            "test": false,
            "data": {"values": values},
            "metrics": [],
            "conditions": {},
            "callbacks": {},
            "call_count_interval": 0,
            "hookpoint": {
                "klass": hook.klass,
                "method": hook.method,
                "callback_class": hook.callback,
                "strategy": hook.strategy,
            },
        });
        if let (RECORD, Some(rule)) = (hook.name, rule.as_object_mut()) {
            rule.insert("priority".to_owned(), json!(1));
        }
        rule
    }
}

fn is_before_1_10(version: Option<&str>) -> bool {
    let mut parts = version
        .unwrap_or_default()
        .split('.')
        .map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(1)), Some(Ok(0..=9))))
}
