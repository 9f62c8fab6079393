//! A server of Postgres for one test: its own cluster in a folder of its own, on a free port, gone when it is dropped.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// How long a cluster may take to start, in steps of 50 ms.
const STEPS_MAX: u32 = 600;

const ADMIN: &str = "admin";
const PASSWORD: &str = "insecure-password";

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts a cluster; with `tls` it also speaks TLS, by a certificate for `localhost`.
    pub(crate) async fn start(tls: bool) -> Self {
        let (folder, account) = (tempfile::tempdir().unwrap(), account());
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let password = folder.path().join("password");
        fs::File::create(&password).unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        for (path, mode) in [(folder.path(), 0o755), (data.as_path(), 0o700), (password.as_path(), 0o644)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        owned(&data, account);
        let made = command("initdb", account)
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--username",
                ADMIN,
                "--pwfile",
            ])
            .arg(&password)
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = command("postgres", account);
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        server.args(["-c", "listen_addresses=localhost", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
        if tls {
            let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/warehouses/tls");
            for (name, mode) in [("insecure-server.pem", 0o644), ("insecure-server.key", 0o600)] {
                let path = data.join(name);
                fs::copy(here.join(name), &path).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                owned(&path, account);
            }
            server.args([
                "-c",
                "ssl=on",
                "-c",
                "ssl_cert_file=insecure-server.pem",
                "-c",
                "ssl_key_file=insecure-server.key",
            ]);
        }
        // The log has every statement, each line with the application's name before it.
        server.args(["-c", "log_statement=all", "-c", "log_line_prefix=%a|", "-c", "log_error_verbosity=terse"]);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = Self { child, port, folder };
        for _ in 0..STEPS_MAX {
            if server.try_client().await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("postgres does not start");
    }

    /// A client that may do everything.
    pub(crate) async fn client(&self) -> Client {
        self.try_client().await.unwrap()
    }

    async fn try_client(&self) -> Result<Client, tokio_postgres::Error> {
        let settings = format!("host=localhost port={} user={ADMIN} password={PASSWORD} dbname=postgres", self.port);
        let (client, connection) = tokio_postgres::connect(&settings, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The statements that an application sent so far, as the log has them.
    pub(crate) fn statements_of(&self, application: &str) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let of = |line: &str| {
            let said = line.strip_prefix(application)?.strip_prefix("|LOG:  ")?;
            let sent = said
                .strip_prefix("statement: ")
                .or_else(|| said.strip_prefix("execute ")?.split_once(": ").map(|at| at.1));
            sent.map(str::to_owned)
        };
        log.lines().filter_map(of).collect()
    }

    /// Ends the server at once.
    pub(crate) fn end(&mut self) {
        // That it has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Postgres refuses to run as root, so that root gives the cluster to an ordinary account of the system.
fn account() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    if String::from_utf8_lossy(&id).trim() != "0" {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("the account postgres or nobody"))
}

fn owned(path: &Path, account: Option<(u32, u32)>) {
    if let Some((user, group)) = account {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

fn command(name: &str, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program(name));
    command.env_clear().current_dir("/");
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}

/// Where Debian puts it (`/usr/lib/postgresql/17/bin`), the newest first, or where the path leads.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name))))
        .filter(|(_, path)| path.exists())
        .collect();
    found.sort();
    let found = found.pop().map(|(_, path)| path);
    let on_path = || {
        let path = option_env!("PATH").unwrap_or_default();
        std::env::split_paths(path).map(|folder| folder.join(name)).find(|path| path.exists())
    };
    found.or_else(on_path).unwrap_or_else(|| panic!("{name} is not installed: run tests/tools"))
}
