//! What an action does to a request: the verdict, the answer that the client gets, and the event
//! that reports it.

mod answer;
mod report;
mod response_body;
mod verdict;

pub use self::answer::BlockedRequest;
pub(crate) use self::answer::{AnswerFn, answer};
pub(crate) use self::report::{Actor, LIMITS, report};
pub use self::response_body::ResponseBody;
pub use self::verdict::Blocked;
pub(crate) use self::verdict::Verdict;
