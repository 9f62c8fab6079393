//! `clyra serve` as a process of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clyra_standins::{DbtCloud, ServiceNow, Week};

use crate::house;

/// The program, built with this test.
pub(crate) fn clyra() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clyra-under-test"))
}

/// A configuration on disk, from which a server can be started again and again.
pub(crate) struct Deployment {
    pub(crate) folder: tempfile::TempDir,
    variables: [(&'static str, String); 4],
    pub(crate) address: String,
}

impl Deployment {
    pub(crate) fn of(week: &Week, cloud: &DbtCloud, servicenow: &ServiceNow) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut config = house::config(week, cloud, servicenow, folder.path(), &address);
        config["scope"] = "scope.yaml".into();
        // JSON is YAML.
        std::fs::write(folder.path().join("clyra.yaml"), config.to_string()).unwrap();
        std::fs::write(folder.path().join("scope.yaml"), house::scope(week).to_string()).unwrap();
        Self { folder, variables: house::variables(week), address }
    }

    pub(crate) fn start(&self) -> Server {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(clyra())
            .args(["serve", "--config"])
            .arg(self.folder.path().join("clyra.yaml"))
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
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
