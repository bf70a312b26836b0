//! Middleware that captures each request for the agent.

mod body;
mod future;
mod layer;
mod service;

pub(crate) use self::body::BodyCapture;
pub use self::body::CollectedBody;
pub use self::future::ResponseFuture;
pub use self::layer::{Collecting, PeerAddr, SqreenLayer, Untouched};
pub use self::service::SqreenService;
