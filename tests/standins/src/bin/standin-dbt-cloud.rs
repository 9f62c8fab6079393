//! Serves a finished week as dbt Cloud: `standin-dbt-cloud [PORT]`.

use std::io::{self, Write};

use clyra_standins::{DbtCloud, Week};

/// The week it serves ends here: the same answers whenever it is started.
const UNTIL_MS: i64 = 1_795_132_800_000; // 2026-11-20T00:00:00Z
/// Where it listens unless told otherwise.
const PORT: u16 = 8801;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(PORT), |text| text.parse()).map_err(io::Error::other)?;
    let week = Week::ending(UNTIL_MS);
    let cloud = DbtCloud::start_on(port, &week.token, week.finished()).await?;
    writeln!(io::stdout(), "{} account {} token {}", cloud.url(), week.account_id, week.token)?;
    tokio::signal::ctrl_c().await?;
    cloud.stop().await;
    Ok(())
}
