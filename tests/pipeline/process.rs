//! `clyra serve` as a process of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clyra_standins::{DbtCloud, Week};
use serde_json::json;

/// The program, built with this test.
pub(crate) fn clyra() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clyra-under-test"))
}

/// A configuration on disk, from which a server can be started again and again.
pub(crate) struct Deployment {
    folder: tempfile::TempDir,
    secret: String,
    token: String,
    pub(crate) address: String,
}

impl Deployment {
    pub(crate) fn of(week: &Week, cloud: &DbtCloud) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = json!({
            "listen": address,
            "publicBaseUrl": format!("http://{address}"),
            "data": folder.path().join("data"),
            "connections": [{
                "source": "dbt_cloud", "host": cloud.url(), "accountId": week.account_id.to_string(), "allowPrivate": true,
            }],
        });
        std::fs::write(folder.path().join("clyra.yaml"), config.to_string()).unwrap();
        Self { folder, secret: week.secret.clone(), token: week.token.clone(), address }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What the last server wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn start(&self) -> Server {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(clyra())
            .args(["serve", "--config"])
            .arg(self.folder.path().join("clyra.yaml"))
            .env("CLYRA_DBT_CLOUD_SECRET", &self.secret)
            .env("CLYRA_DBT_CLOUD_TOKEN", &self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Server { child: child.unwrap() }
    }
}

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// SIGKILL: nothing of the process runs any more, and what the kernel holds stays.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as from a service manager; waits for the end.
    pub(crate) fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success(), "the server had ended by itself");
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "the server ended with {ended}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
