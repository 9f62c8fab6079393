#![doc = include_str!("../README.md")]

mod connection;
#[cfg(feature = "dynamodb")]
mod dynamodb;
#[cfg(any(feature = "dynamodb", feature = "kms", feature = "s3", feature = "secrets_manager", feature = "sqs"))]
mod failure;
mod http;
#[cfg(feature = "kms")]
mod kms;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "secrets_manager")]
mod secrets_manager;
#[cfg(feature = "sqs")]
mod sqs;

pub use self::connection::{Aws, Endpoint, KEYS, ParseEndpointError};
#[cfg(feature = "dynamodb")]
pub use self::dynamodb::DynamoTable;
#[cfg(feature = "kms")]
pub use self::kms::KmsSigner;
#[cfg(feature = "s3")]
pub use self::s3::S3Evidence;
#[cfg(feature = "secrets_manager")]
pub use self::secrets_manager::SecretsManager;
#[cfg(feature = "sqs")]
pub use self::sqs::SqsQueue;
