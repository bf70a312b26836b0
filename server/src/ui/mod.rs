//! The Event Explorer: one page, rendered here, without script.

use axum::Router;
use std::io;

use crate::server::App;

#[derive(Debug)]
pub(crate) struct Explorer;
impl Explorer {
    pub(crate) fn new(_lasting: bool) -> io::Result<Self> {
        Ok(Self)
    }
    pub(crate) fn link(&self) -> String {
        "/".to_owned()
    }
}
pub(crate) fn router() -> Router<App> {
    Router::new()
}
