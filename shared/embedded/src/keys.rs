//! Key files: one private key per role in `keys/<role>.pem`, readable by its owner only, with its public key beside it.
//!
//! A key that is not there is made, but only if its public key is not there either: a lost private key is a matter for
//! an operator, and a new one in its place would sign what no trust file knows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::role::Role;
use clyra_ports::secrets::Secret;
use clyra_ports::signer::{SignError, Signer};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use zeroize::Zeroizing;

use crate::disk::{Disk as _, OsDisk};
use crate::owner::{ForeignOwner, NO_LINK, is_ours};

/// Largest key file that is read, in bytes: a PEM of a P-256 key has about 250.
const KEY_FILE_BYTES_MAX: usize = 4_096;
/// Bytes of the key of verify links: as many as the output of its hash (RFC 2104, section 3).
const LINK_KEY_BYTES: usize = 32;

/// The folder of key files.
#[derive(Clone, Debug)]
pub struct Keys {
    dir: PathBuf,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others can read the private key; it must be replaced or its mode set to 0600 by somebody who knows who read it.
    #[error("{} has mode {mode:o}; a private key must be readable by its owner only (0600)", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to another user, who can read and change the key.
    #[error("{}: {source}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        source: ForeignOwner,
    },
    /// The public key is there and the private key is not: restore the file or rotate the key.
    #[error("{} is missing, but its public key is there: restore the file or rotate the key", path.display())]
    Lost {
        /// The private key's file.
        path: PathBuf,
    },
    /// The file holds no key, or not the one whose public key stands beside it.
    #[error("{} does not hold the expected key: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// This folder holds no keys for signing in this role.
    #[error("keys of the role {role} are not kept as P-256 key files")]
    Role {
        /// The role.
        role: Role,
    },
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl Keys {
    /// The key files in `dir`, which must exist.
    #[must_use]
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The signer of a role; its key is made if the role never had one here.
    ///
    /// # Errors
    /// When the role has no P-256 key, or its file cannot be used.
    pub fn signer(&self, role: Role) -> Result<Arc<dyn Signer>, KeyError> {
        Self::signer_at(role, &self.dir.join(format!("{role}.pem")))
    }

    /// The signer of a role with the key file `path`, whose public key stands beside it as `<name>.pub.pem`. Both are
    /// made when neither is there.
    ///
    /// # Errors
    /// When the role has no P-256 key, or the file cannot be used.
    pub fn signer_at(role: Role, path: &Path) -> Result<Arc<dyn Signer>, KeyError> {
        match role {
            Role::Receipt | Role::Verdict | Role::Approval | Role::Gate | Role::Policy | Role::Token | Role::Root => {}
            Role::Checkpoint | Role::Link => return Err(KeyError::Role { role }),
        }
        let (path, public) = (path.to_owned(), path.with_extension("pub.pem"));
        let key = match (exists(&path)?, exists(&public)?) {
            (false, true) => return Err(KeyError::Lost { path }),
            (false, false) => make(&path)?,
            (true, _) => read(&path)?,
        };
        let wrong = |reason| KeyError::Wrong { path: path.clone(), reason };
        let pem = key.verifying_key().to_public_key_pem(LineEnding::LF);
        let pem = pem.map_err(|_| wrong("its public key cannot be written"))?;
        if exists(&public)? {
            if read_text(&open(&public)?, &public)?.as_str() != pem {
                return Err(wrong("its public key is another one than the file beside it holds"));
            }
        } else {
            // After the private key: without one there is nothing to lose.
            write_new(&public, pem.as_bytes(), 0o644)?;
        }
        let spki = key.verifying_key().to_public_key_der().map_err(|_| wrong("its public key cannot be written"))?;
        let public_key = PublicKey::from_spki(spki.as_bytes()).map_err(|_| wrong("not a P-256 key"))?;
        Ok(Arc::new(FileSigner { role, key, public_key }))
    }

    /// The key of verify links (HMAC); it is made when it is not there. Links made with a lost one are dead, which
    /// costs a new link and nothing else.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn link_key(&self) -> Result<Secret, KeyError> {
        let path = self.dir.join(format!("{}.hex", Role::Link));
        if !exists(&path)? {
            let mut bytes = Zeroizing::new([0; LINK_KEY_BYTES]);
            getrandom::fill(bytes.as_mut_slice())?;
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            write_new(&path, Zeroizing::new(format!("{hex}\n")).as_bytes(), 0o600)?;
        }
        let text = read_private(&path)?;
        // A digest is 32 bytes in lower-case hexadecimal too, and its parser refuses every other form.
        let bytes = text.trim_end().parse::<Sha256Digest>().ok().map(|bytes| bytes.as_bytes().to_vec());
        let reason = "64 lower-case hexadecimal digits are expected";
        bytes.and_then(Secret::new).ok_or(KeyError::Wrong { path, reason })
    }
}

/// Signs with a key from a file.
struct FileSigner {
    role: Role,
    key: SigningKey,
    public_key: PublicKey,
}

#[async_trait]
impl Signer for FileSigner {
    fn role(&self) -> Role {
        self.role
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        Ok(self.public_key.clone())
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signature: Signature = self
            .key
            .sign_prehash(digest.as_bytes())
            .map_err(|error| SignError::Unavailable { reason: error.to_string() })?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

impl std::fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSigner").field("role", &self.role).field("public_key", &self.public_key).finish()
    }
}

fn make(path: &Path) -> Result<SigningKey, KeyError> {
    let secret = loop {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice())?;
        // All but 2⁻³² of the numbers of 256 bits are keys (FIPS 186-5, A.2.2).
        if let Ok(secret) = p256::SecretKey::from_slice(bytes.as_slice()) {
            break secret;
        }
    };
    let wrong = |_| KeyError::Wrong { path: path.to_owned(), reason: "it cannot be written as PKCS#8" };
    let pem = secret.to_pkcs8_pem(LineEnding::LF).map_err(wrong)?;
    write_new(path, pem.as_bytes(), 0o600)?;
    Ok(SigningKey::from(secret))
}

fn read(path: &Path) -> Result<SigningKey, KeyError> {
    let text = read_private(path)?;
    SigningKey::from_pkcs8_pem(&text)
        .map_err(|_| KeyError::Wrong { path: path.to_owned(), reason: "a PKCS#8 PEM of a P-256 key is expected" })
}

/// Opens a file of ours; what is looked at from here on is the open file, which nobody can exchange.
fn open(path: &Path) -> Result<File, KeyError> {
    let file = OpenOptions::new().read(true).custom_flags(NO_LINK).open(path).map_err(io_error(path))?;
    let metadata = file.metadata().map_err(io_error(path))?;
    is_ours(&metadata).map_err(|source| KeyError::Foreign { path: path.to_owned(), source })?;
    Ok(file)
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let file = open(path)?;
    let mode = file.metadata().map_err(io_error(path))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    read_text(&file, path)
}

fn exists(path: &Path) -> Result<bool, KeyError> {
    path.try_exists().map_err(io_error(path))
}

fn read_text(file: &File, path: &Path) -> Result<Zeroizing<String>, KeyError> {
    // Made large enough at once, so that no copy of a key is left behind when it grows.
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX + 1));
    file.take(KEY_FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(io_error(path))?;
    if text.len() > KEY_FILE_BYTES_MAX {
        return Err(KeyError::Wrong { path: path.to_owned(), reason: "the file is too long" });
    }
    Ok(text)
}

/// Writes a file whole and durably, or not at all, and never over another.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let unfinished = path.with_extension("unfinished");
    let write = || {
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        OsDisk.publish(&unfinished, path)?;
        path.parent().map_or(Ok(()), |dir| OsDisk.sync_dir(dir))
    };
    write().map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    move |source| KeyError::Io { path: path.to_owned(), source }
}
