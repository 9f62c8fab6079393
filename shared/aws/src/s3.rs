//! Evidence in an S3 bucket with versions and Object Lock. The bucket's default retention applies to every object.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::timeout::TimeoutConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::download::{Download, Downloads};
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};

use crate::Aws;
use crate::failure::{code, reason};

/// Writers that meet at one key get 409 and try again: so often, with growing pauses of [`CONFLICT_PAUSE`].
const CONFLICT_ATTEMPTS_MAX: u32 = 8;
const CONFLICT_PAUSE: Duration = Duration::from_millis(25);
/// The deadline of a call is the connection's, and a second more for so many bytes: 2 MiB/s is slow for S3.
const BYTES_PER_SECOND: u64 = 2 * 1024 * 1024;
/// The deadline of a call that moves no body.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Entries of a page that S3 gives at most.
const PAGE_MAX: i32 = 1_000;
/// How long a download may begin after it was asked for: a browser follows at once.
const LINK_VALID: Duration = Duration::from_secs(120);
/// Pages that are read to find the oldest version of one key. Evidence has one version; a key with a hundred thousand
/// is being attacked, and somebody must look.
const VERSION_PAGES_MAX: usize = 100;

/// An evidence store in one bucket.
#[derive(Clone)]
pub struct S3Evidence {
    client: Client,
    bucket: String,
}

/// The version that counts.
struct Original {
    id: String,
    bytes: u64,
}

impl Aws {
    /// The evidence store in `bucket`.
    #[must_use]
    pub fn evidence(&self, bucket: &str) -> S3Evidence {
        let config = Builder::from(self.config()).force_path_style(self.path_style()).build();
        S3Evidence { client: Client::from_conf(config), bucket: bucket.to_owned() }
    }
}

impl S3Evidence {
    /// The oldest version of `name` that is not a delete marker. S3 lists the versions of a key newest first.
    async fn original(&self, name: &str) -> Result<Option<Original>, StoreError> {
        let mut oldest = None;
        let (mut key_marker, mut version_marker) = (None, None);
        for _ in 0..VERSION_PAGES_MAX {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(name)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(|error| unavailable(reason("s3:ListBucketVersions", &error)))?;
            for version in page.versions().iter().filter(|version| version.key() == Some(name)) {
                let id = version.version_id().unwrap_or_default().to_owned();
                let bytes = version.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX);
                oldest = Some(Original { id, bytes });
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            version_marker = page.next_version_id_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) || key_marker.as_deref() != Some(name) {
                return Ok(oldest);
            }
        }
        Err(StoreError::Corrupt { reason: format!("{name} has too many versions") })
    }

    /// Writes under the condition that the key has no visible version. S3 answers 409 while another such write is on
    /// its way.
    async fn put_conditionally(&self, name: &str, object: &Bytes) -> Result<Option<String>, StoreError> {
        let sha256 = STANDARD.encode(Sha256Digest::of(object).as_bytes());
        for attempt in 0..CONFLICT_ATTEMPTS_MAX {
            let put = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(name)
                .if_none_match("*")
                .checksum_sha256(&sha256)
                .content_type(media_type(name))
                .body(ByteStream::from(object.clone()))
                .customize()
                .config_override(aws_sdk_s3::Config::builder().timeout_config(deadline(object.len() as u64)))
                .send()
                .await;
            let error = match put {
                Ok(put) => return Ok(Some(put.version_id().unwrap_or_default().to_owned())),
                Err(error) => error,
            };
            match code(&error) {
                Some("PreconditionFailed") => return Ok(None),
                Some("ConditionalRequestConflict" | "OperationAborted") => {
                    tokio::time::sleep(CONFLICT_PAUSE * 2_u32.pow(attempt)).await;
                }
                _ => return Err(unavailable(reason("s3:PutObject", &error))),
            }
        }
        Err(unavailable("s3:PutObject: other writers are at this key".to_owned()))
    }
}

impl fmt::Debug for S3Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Evidence").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

#[async_trait]
impl EvidenceWriter for S3Evidence {
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError> {
        let name = key.to_string();
        let Some(written) = self.put_conditionally(&name, &object).await? else {
            return Ok(Put::Taken);
        };
        // A delete marker re-opens a key to conditional writes: S3 accepted ours, and an older version still counts.
        match self.original(&name).await? {
            Some(original) if original.id == written => Ok(Put::Stored),
            Some(_) => Ok(Put::Taken),
            None => Err(unavailable("s3:PutObject: what was written is not listed".to_owned())),
        }
    }
}

#[async_trait]
impl EvidenceReader for S3Evidence {
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        let name = key.to_string();
        let Some(original) = self.original(&name).await? else {
            return Ok(None);
        };
        if original.bytes > bytes_max as u64 {
            return Err(StoreError::TooLarge { bytes_max });
        }
        let mut object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&name)
            .version_id(&original.id)
            .customize()
            .config_override(aws_sdk_s3::Config::builder().timeout_config(deadline(original.bytes)))
            .send()
            .await
            .map_err(|error| unavailable(reason("s3:GetObjectVersion", &error)))?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = object.body.next().await {
            let chunk = chunk.map_err(|_| unavailable(format!("s3:GetObjectVersion: {name} broke off")))?;
            if bytes.len() + chunk.len() > bytes_max {
                return Err(StoreError::TooLarge { bytes_max });
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.len() as u64 != original.bytes {
            return Err(unavailable(format!("s3:GetObjectVersion: {name} broke off")));
        }
        Ok(Some(bytes.freeze()))
    }

    async fn list(
        &self,
        prefix: &ObjectPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        let mut keys: Vec<ObjectKey> = Vec::new();
        let mut key_marker = after.map(ToString::to_string);
        let mut version_marker = None;
        while keys.len() < limit {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(prefix.to_string())
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .max_keys(page_size(limit - keys.len()))
                .send()
                .await
                .map_err(|error| unavailable(reason("s3:ListBucketVersions", &error)))?;
            for version in page.versions() {
                // Versions of one key stand together; what is no evidence (a folder made by hand) is not ours to judge.
                let Some(key) = version.key().and_then(|key| key.parse().ok()) else {
                    continue;
                };
                if keys.len() < limit && keys.last() != Some(&key) && after != Some(&key) {
                    keys.push(key);
                }
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            version_marker = page.next_version_id_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) || key_marker.is_none() {
                break;
            }
        }
        Ok(keys)
    }
}

/// Hands out past the process: S3 sends the bytes itself, by a link to the version that counts.
#[async_trait]
impl Downloads for S3Evidence {
    async fn download(&self, key: &ObjectKey, file_name: &str, bytes_max: usize) -> Result<Download, StoreError> {
        let name = key.to_string();
        let Some(original) = self.original(&name).await? else {
            return Ok(Download::Absent);
        };
        if original.bytes > bytes_max as u64 {
            return Err(StoreError::TooLarge { bytes_max });
        }
        let not_signed = || unavailable("a download link could not be signed".to_owned());
        let valid = PresigningConfig::expires_in(LINK_VALID).map_err(|_| not_signed())?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&name)
            .version_id(original.id)
            .response_content_type(media_type(&name))
            .response_content_disposition(format!("attachment; filename=\"{file_name}\""));
        let link = request.presigned(valid).await.map_err(|_| not_signed())?;
        let location = link.uri().to_owned();
        Ok(Download::SeeOther { location })
    }
}

fn page_size(wanted: usize) -> i32 {
    i32::try_from(wanted).map_or(PAGE_MAX, |wanted| wanted.min(PAGE_MAX))
}

fn deadline(bytes: u64) -> TimeoutConfig {
    let moving = Duration::from_secs(bytes / BYTES_PER_SECOND);
    TimeoutConfig::builder()
        .operation_attempt_timeout(CALL_TIMEOUT / 2 + moving)
        .operation_timeout(CALL_TIMEOUT + moving)
        .build()
}

fn media_type(name: &str) -> &'static str {
    if name.ends_with(".zip") { "application/zip" } else { "application/json" }
}

fn unavailable(reason: String) -> StoreError {
    StoreError::Unavailable { reason }
}
