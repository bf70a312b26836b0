use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use crate::context::SqreenCtx;

pin_project_lite::pin_project! {
    /// Response future of [`SqreenService`](super::SqreenService).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        context: SqreenCtx,
        // Whether this future tells the request's end. An inner layer leaves that to the outermost.
        ends: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.ends {
                this.context.end(None);
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn start(mut context: SqreenCtx, ends: bool, call: impl FnOnce() -> F) -> Self {
        let entered = context.enter();
        let inner = call();
        drop(entered);
        Self {
            inner,
            context,
            ends,
        }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.context.enter();
        let polled = this.inner.poll(cx);
        drop(entered);
        // Looked at in place: a response is too large to be moved for nothing.
        if let Poll::Ready(result) = &polled
            && std::mem::take(this.ends)
        {
            this.context.end(result.as_ref().ok().map(Response::status));
        }
        polled
    }
}
