//! What an SDK error says that may be said: codes and kinds, never a message, an address or a header.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The reason in an error of a port.
pub(crate) fn reason<E: ProvideErrorMetadata>(call: &str, error: &SdkError<E, HttpResponse>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => format!("{call} could not be asked for"),
        SdkError::TimeoutError(_) => format!("{call} took too long"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => format!("{call}: no connection in time"),
        SdkError::DispatchFailure(_) => format!("{call}: the connection failed"),
        SdkError::ResponseError(response) => {
            format!("{call}: the answer is not readable (HTTP {})", response.raw().status().as_u16())
        }
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let code = refusal.err().code().unwrap_or("no code");
            let request = refusal.err().meta().extra("aws_request_id").unwrap_or("unknown");
            format!("{call}: {code} (HTTP {status}, request {request})")
        }
        _ => format!("{call} failed"),
    }
}

/// The service's own code, where the service answered.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
