//! The bare function that the others' start and size are compared with: nothing but the runtime and an answer.

use lambda_http::{Body, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let hello = |_: Request| async { Ok::<_, std::convert::Infallible>(Response::new(Body::from("hello"))) };
    lambda_http::run(service_fn(hello)).await
}
