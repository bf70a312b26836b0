use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

pin_project_lite::pin_project! {
    /// The body of a response through [`SqreenService`](crate::SqreenService): the inner service's,
    /// untouched, or that of a security response.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        body: Kind<B>,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = KindProjection]
    enum Kind<B> {
        Inner {
            #[pin]
            body: B,
        },
        // Until it is sent; never empty.
        Page {
            page: Option<Bytes>,
        },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn inner(body: B) -> Self {
        Self {
            body: Kind::Inner { body },
        }
    }

    pub(crate) fn page(page: Bytes) -> Self {
        let page = Some(page).filter(|page| !page.is_empty());
        Self {
            body: Kind::Page { page },
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::inner(B::default())
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data: From<Bytes>>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().body.project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            KindProjection::Page { page } => {
                let page = page.take();
                Poll::Ready(page.map(|page| Ok(Frame::data(page.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Page { page } => page.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kind::Inner { body } => body.size_hint(),
            Kind::Page { page } => {
                SizeHint::with_exact(page.as_ref().map_or(0, |page| page.len() as u64))
            }
        }
    }
}
