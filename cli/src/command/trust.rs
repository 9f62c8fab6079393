//! `clyra trust`: the trust file of a deployment whose keys are elsewhere, such as in a cloud account's key store.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clyra_embedded::keys::Keys;
use clyra_evidence::key::PublicKey;
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;
use serde_json::json;

use super::verify::read_limited;
use crate::deployment::first_trust;
use crate::output::{self, Exit, Format};

/// Largest file with a public key, in bytes: a PEM of a P-256 key has under 200.
const KEY_FILE_BYTES_MAX: usize = 4_096;

/// The roles that a deployment signs in; the root's key is made here.
const ROLES: [Role; 3] = [Role::Receipt, Role::Verdict, Role::Token];

/// `clyra trust init …`
#[derive(Debug, clap::Args)]
pub struct Trust {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make and sign the first trust file from public keys
    Init(Init),
}

/// `clyra trust init --key receipt=FILE --key verdict=FILE --key token=FILE --root root.pem --deployment HOST --out FILE`
#[derive(Debug, clap::Args)]
struct Init {
    /// A public key with its role, as PEM or as its base64 alone; the roles receipt, verdict and token are needed
    #[arg(long = "key", required = true, value_name = "ROLE=FILE")]
    keys: Vec<KeyFile>,
    /// The offline root's private key, made when it is not there: keep it where no server reads it
    #[arg(long)]
    root: PathBuf,
    /// The deployment's name, for example its public host
    #[arg(long)]
    deployment: String,
    /// Base of predicate URIs, as the deployment has it
    #[arg(long, default_value_t = SpecBase::default())]
    spec_base: SpecBase,
    /// The trust file, which must not be there yet
    #[arg(long)]
    out: PathBuf,
}

#[derive(Clone, Debug)]
struct KeyFile {
    role: Role,
    path: PathBuf,
}

impl FromStr for KeyFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (role, path) = text.split_once('=').ok_or("ROLE=FILE is expected")?;
        let role = ROLES.into_iter().find(|known| known.as_str() == role);
        let role = role.ok_or("the role is receipt, verdict or token")?;
        Ok(Self { role, path: path.into() })
    }
}

impl Trust {
    /// Makes the file and says what stands in it.
    pub async fn run(&self, format: Format) -> Exit {
        let What::Init(init) = &self.what;
        match init.make().await {
            Ok(keys) => init.print(&keys, format),
            Err(why) => {
                output::problem(
                    "the trust file was not made",
                    why,
                    "nothing was written; correct it and run this again",
                );
                Exit::Failed
            }
        }
    }
}

impl Init {
    async fn make(&self) -> Result<Vec<(Role, PublicKey)>, String> {
        let mut keys = Vec::new();
        for role in ROLES {
            let mut given = self.keys.iter().filter(|file| file.role == role);
            let (Some(file), None) = (given.next(), given.next()) else {
                return Err(format!("one key of the role {role} is needed: --key {role}=FILE"));
            };
            keys.push((role, public_key(&file.path)?));
        }
        if self.out.exists() {
            return Err(format!("{} is there already", self.out.display()));
        }
        let root = Keys::signer_at(Role::Root, &self.root).map_err(|error| error.to_string())?;
        let made = first_trust(root.as_ref(), &self.spec_base, &self.deployment, &keys).await;
        let made = made.map_err(|error| error.to_string())?;
        // What cannot be read back would stop every function of the deployment.
        clyra_attach::Trust::first(made.clone(), &self.spec_base).map_err(|error| error.to_string())?;
        let out = OpenOptions::new().write(true).create_new(true).open(&self.out);
        let written = out.and_then(|mut out| out.write_all(&made).and_then(|()| out.sync_all()));
        written.map_err(|error| format!("{}: {error}", self.out.display()))?;
        keys.push((Role::Root, root.public_key().await.map_err(|error| error.to_string())?));
        Ok(keys)
    }

    fn print(&self, keys: &[(Role, PublicKey)], format: Format) -> Exit {
        match format {
            Format::Json => {
                let keys: Vec<_> = keys.iter().map(|(role, key)| json!({ "role": role, "keyid": key.id() })).collect();
                output::json(&json!({ "file": self.out, "deployment": self.deployment, "serial": 1, "keys": keys }));
            }
            Format::Text => {
                for (role, key) in keys {
                    output::line(format!("{:<8} {}", role.as_str(), key.id()));
                }
                output::line(format!("\n{} is signed. Store it as trust/1.json.", self.out.display()));
                output::line(format!("Take {} offline now: it signs trust files only.", self.root.display()));
            }
        }
        Exit::Ok
    }
}

/// A public key as PEM ("PUBLIC KEY", RFC 7468, section 13), or as the base64 that stands in one.
fn public_key(path: &Path) -> Result<PublicKey, String> {
    let wrong = |why: String| format!("{}: {why}", path.display());
    let bytes = read_limited(path, KEY_FILE_BYTES_MAX).map_err(wrong)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not text".to_owned()))?;
    let base64: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    PublicKey::try_from(base64).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Public key files of a deployment in `folder`, and the arguments that name them.
    fn init(folder: &Path) -> Init {
        let keys = ROLES.map(|role| {
            Keys::signer_at(role, &folder.join(format!("{role}.pem"))).unwrap();
            KeyFile { role, path: folder.join(format!("{role}.pub.pem")) }
        });
        Init {
            keys: keys.to_vec(),
            root: folder.join("root.pem"),
            deployment: "evidence.example.com".to_owned(),
            spec_base: SpecBase::default(),
            out: folder.join("trust.json"),
        }
    }

    #[tokio::test]
    async fn a_trust_file_lists_every_key_and_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let init = init(folder.path());
        let keys = init.make().await.unwrap();
        let bytes = std::fs::read(&init.out).unwrap();
        let trust = clyra_attach::Trust::first(bytes.into(), &init.spec_base).unwrap().file;
        assert_eq!((trust.serial, trust.deployment.as_str(), trust.keys.len()), (1, "evidence.example.com", 4));
        for (role, key) in keys {
            assert_eq!(trust.key(key.id()).map(|listed| listed.role), Some(role));
        }
        assert!(init.make().await.unwrap_err().contains("is there already"));
    }

    #[tokio::test]
    async fn keys_are_pem_or_its_base64_and_one_of_each_role() {
        let folder = tempfile::tempdir().unwrap();
        let mut init = init(folder.path());
        let pem = std::fs::read_to_string(&init.keys[0].path).unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        std::fs::write(&init.keys[0].path, base64).unwrap();
        assert!(init.make().await.is_ok());

        std::fs::remove_file(&init.out).unwrap();
        std::fs::write(&init.keys[1].path, "not a key").unwrap();
        assert!(init.make().await.unwrap_err().contains("verdict.pub.pem"));
        let token = init.keys.pop().unwrap();
        init.keys.remove(1);
        init.keys.push(token);
        assert!(init.make().await.unwrap_err().contains("--key verdict=FILE"));
        assert!(!init.out.exists(), "nothing is written when something is wrong");
        for bad in ["receipt.pub", "root=root.pem", "link=x"] {
            assert!(bad.parse::<KeyFile>().is_err(), "{bad}");
        }
    }
}
