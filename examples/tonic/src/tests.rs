use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower_layer::Layer as _;

use super::*;

/// A message in gRPC's framing: a `StringValue` of less than 128 bytes.
fn message(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    let head = [0, 0, 0, 0, length + 2, 0x0a, length];
    [head.as_slice(), text.as_bytes()].concat()
}

#[tokio::test]
async fn a_call_is_answered_and_tracked() {
    // Nobody is there: what is tracked is counted all the same.
    let config = Config::builder()
        .token("token")
        .url("http://127.0.0.1:1")
        .shutdown_timeout(std::time::Duration::ZERO);
    let sqreen = Sqreen::new(config.build().unwrap()).unwrap();
    let mut service = sqreen.layer().layer(Greeter);
    let body = Full::new(Bytes::from(message("ann")));
    let request =
        http::Request::post("/demo.Greeter/Hello").header("content-type", "application/grpc");
    let response = service
        .call(request.body(Body::new(body)).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let answer = response.into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(answer.to_bytes(), message("hello ann"));
    let stats = sqreen.shutdown().await.stats;
    assert_eq!((stats.tracked, stats.dropped["shutdown"]), (1, 1));
}
