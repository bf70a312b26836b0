use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;

use crate::context::SqreenCtx;

pin_project_lite::pin_project! {
    /// Response future of [`SqreenService`](super::SqreenService).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        context: SqreenCtx,
        // An inner layer leaves the request's end to the outermost one.
        is_outermost: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.is_outermost {
                // Without effect when the request was answered.
                this.context.abandoned();
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn start(context: SqreenCtx, is_outermost: bool, call: impl FnOnce() -> F) -> Self {
        let entered = context.enter();
        let inner = call();
        drop(entered);
        Self {
            inner,
            context,
            is_outermost,
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
        let result = ready!(this.inner.poll(cx));
        drop(entered);
        if *this.is_outermost {
            match &result {
                Ok(response) => this.context.answered(response.status()),
                Err(_) => this.context.abandoned(),
            }
        }
        Poll::Ready(result)
    }
}
