//! Serves an empty instance as ServiceNow: `standin-servicenow [PORT]`.

use std::io::{self, Write};

use clyra_standins::ServiceNow;
use clyra_standins::servicenow::Setup;

/// Where it listens unless told otherwise.
const PORT: u16 = 8802;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(PORT), |text| text.parse()).map_err(io::Error::other)?;
    let setup = Setup::default();
    let (user, password) = setup.basic.clone();
    let instance = ServiceNow::start_on(port, setup).await?;
    writeln!(io::stdout(), "{} user {user} password {password}", instance.url())?;
    tokio::signal::ctrl_c().await?;
    instance.stop().await;
    Ok(())
}
