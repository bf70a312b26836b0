use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The start of a request's body, as far as it was read.
#[derive(Debug)]
pub(crate) struct BodyCapture {
    limit: usize,
    bytes: Mutex<Vec<u8>>,
}

impl BodyCapture {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Mutex::new(Vec::new()),
        }
    }

    fn add(&self, data: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.limit.saturating_sub(bytes.len());
        bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

pin_project_lite::pin_project! {
    /// A request body whose start is kept for events that collect it. Its frames, errors and
    /// hints are those of the body within.
    #[derive(Debug)]
    pub struct CollectedBody<B> {
        #[pin]
        inner: B,
        capture: Option<Arc<BodyCapture>>,
    }
}

impl<B> CollectedBody<B> {
    pub(super) const fn new(inner: B, capture: Option<Arc<BodyCapture>>) -> Self {
        Self { inner, capture }
    }
}

impl<B: Body<Data = Bytes>> Body for CollectedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(Ok(frame)), Some(capture)) = (&frame, this.capture)
            && let Some(data) = frame.data_ref()
        {
            capture.add(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
