//! The request that a thread is polling.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::SqreenCtx;
use super::request::RequestContext;

thread_local! {
    /// The request that this thread is polling.
    static CURRENT: Cell<Option<Arc<RequestContext>>> = const { Cell::new(None) };
}

impl SqreenCtx {
    /// Runs a future with this request as the current one, so that [`current`] and
    /// [`track`](crate::track) find it, as they do not in a task of its own.
    ///
    /// ```
    /// # async fn handler(sqreen: sqreen::SqreenCtx) {
    /// tokio::spawn(sqreen.scope(async {
    ///     sqreen::track("report.generated");
    /// }));
    /// # }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        Scope {
            context: self.clone(),
            future,
        }
    }

    /// Makes this the current request of the thread until the guard is dropped.
    ///
    /// The guard swaps the two, which costs no counting of references.
    pub(crate) fn enter(&mut self) -> Entered<'_> {
        let before = swap_current(self.inner.take());
        Entered {
            context: self,
            before,
        }
    }
}

/// Restores the current request of the thread when dropped.
pub(crate) struct Entered<'a> {
    context: &'a mut SqreenCtx,
    before: Option<Arc<RequestContext>>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.context.inner = swap_current(self.before.take());
    }
}

/// On a thread that is ending, what goes in comes out again.
fn swap_current(next: Option<Arc<RequestContext>>) -> Option<Arc<RequestContext>> {
    let mut next = next;
    let swapped = CURRENT.try_with(|current| current.replace(next.take()));
    swapped.unwrap_or(next)
}

/// The request that is being handled here, if any: within the task that the layer polls, or
/// within [`SqreenCtx::scope`].
#[must_use]
pub fn current() -> Option<SqreenCtx> {
    // A thread that is ending handles no request.
    let current = CURRENT.try_with(|current| {
        let context = current.take();
        current.set(context.clone());
        context
    });
    let inner = Some(current.ok().flatten()?);
    Some(SqreenCtx { inner })
}

pin_project_lite::pin_project! {
    /// The future of [`SqreenCtx::scope`].
    #[derive(Debug)]
    pub struct Scope<F> {
        context: SqreenCtx,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.context.enter();
        this.future.poll(cx)
    }
}
