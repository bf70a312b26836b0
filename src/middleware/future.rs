use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;

use crate::blocking::ResponseBody;
use crate::context::SqreenCtx;

pin_project_lite::pin_project! {
    /// Response future of [`SqreenService`](super::SqreenService).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Inner<F>,
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

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = InnerProjection]
    enum Inner<F> {
        Called {
            #[pin]
            future: F,
        },
        // The inner service was not called: the request is stopped.
        Stopped,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn start(mut context: SqreenCtx, ends: bool, call: impl FnOnce() -> F) -> Self {
        let entered = context.enter();
        let future = call();
        drop(entered);
        Self {
            inner: Inner::Called { future },
            context,
            ends,
        }
    }

    /// The security response to a request that the inner service never sees.
    pub(super) const fn stopped(context: SqreenCtx) -> Self {
        Self {
            inner: Inner::Stopped,
            context,
            ends: true,
        }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.inner.project() {
            InnerProjection::Stopped => Ok(stop(this.context)),
            InnerProjection::Called { future } => {
                let entered = this.context.enter();
                let result = ready!(future.poll(cx));
                drop(entered);
                // Whatever the handler answers, a blocked user gets nothing of it; nor of its error,
                // which an outer layer may word.
                if *this.ends && this.context.verdict().is_some() {
                    Ok(stop(this.context))
                } else {
                    result.map(|response| response.map(ResponseBody::inner))
                }
            }
        };
        if std::mem::take(this.ends) {
            this.context.end(result.as_ref().ok().map(Response::status));
        }
        Poll::Ready(result)
    }
}

fn stop<B>(context: &SqreenCtx) -> Response<ResponseBody<B>> {
    let answer = context
        .answer()
        .unwrap_or_else(|| Response::new(Bytes::new()));
    answer.map(ResponseBody::page)
}
