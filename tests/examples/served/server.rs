//! `clyra serve` as a process of its own, over a stand-in of dbt Cloud and a folder of its own.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clyra_standins::{DbtCloud, Week};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::sleep;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    /// Starts it with its configuration, `clyra.yaml`, and its data, `data`, in the folder.
    pub(crate) async fn start(clyra: &Path, folder: &Path, week: &Week, cloud: &DbtCloud) -> Result<Self, Failure> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let config = json!({
            "listen": address, "publicBaseUrl": format!("http://{address}"), "data": "data",
            "connections": [{
                "source": "dbt_cloud", "host": cloud.url(), "accountId": week.account_id.to_string(), "allowPrivate": true,
            }],
        });
        std::fs::write(folder.join("clyra.yaml"), config.to_string())?;
        let clyra = clyra.canonicalize()?;
        let child = Command::new(clyra)
            .args(["serve", "--config", "clyra.yaml"])
            .current_dir(folder)
            .env("CLYRA_DBT_CLOUD_SECRET", &week.secret)
            .env("CLYRA_DBT_CLOUD_TOKEN", &week.token)
            .env("CLYRA_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("log"))?)
            .spawn()?;
        let server = Self { child, address };
        for _ in 0..200 {
            if TcpStream::connect(&server.address).await.is_ok() {
                return Ok(server);
            }
            sleep(Duration::from_millis(25)).await;
        }
        Err("the server does not listen".into())
    }

    /// The most memory it ever had resident, in MB: `VmHWM`, Linux.
    pub(crate) fn peak_mb(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1_024)
    }

    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An earlier failure is what is reported.
        let _ = self.stop();
    }
}
