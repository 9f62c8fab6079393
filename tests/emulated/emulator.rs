//! The emulator: one per test process, on a free port of the loopback address, ended with the process.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// How long the emulator may take to answer: on a busy machine Python needs a while.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// The emulator's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emulator {
    pub(crate) port: u16,
}

impl Emulator {
    /// The one of this process.
    pub(crate) fn shared() -> Self {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        *SHARED.get_or_init(Self::start)
    }

    pub(crate) fn url(self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    #[expect(clippy::zombie_processes, reason = "the shell lives as long as this process and ends with it")]
    fn start() -> Self {
        let program = root().join(".tools/emulated/bin/ministack");
        assert!(program.exists(), "{} is missing: `make tools` installs it", program.display());
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("clyra-emulator-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        // Statics are not dropped: the shell ends the emulator when our end of its standard input closes.
        let mut shell = Command::new("sh")
            .args(["-c", "\"$0\" >emulator.log 2>&1 & emulator=$!; cat >/dev/null; kill $emulator"])
            .arg(&program)
            .current_dir(&folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::mem::forget(shell.stdin.take());
        let begun = tokio::time::Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(begun.elapsed() < START_PATIENCE, "the emulator did not start: see {}", folder.display());
            std::thread::sleep(Duration::from_millis(100));
        }
        Self { port }
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let infra = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra").canonicalize().unwrap();
    infra.parent().unwrap().to_owned()
}
