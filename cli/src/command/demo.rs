//! `clyra demo`: a week of a small team's life, played on a simulated clock through the whole of Review: real, signed
//! deliveries over artifacts of real dbt runs, with exceptions among them.

mod cast;
mod player;
mod reading;
mod summary;
mod words;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clyra_config::Config;
use clyra_evidence::time::Timestamp;
use clyra_ports::clock::{Clock as _, SimulatedClock, SystemClock};
use clyra_service::vars::MapVars;
use clyra_standins::servicenow::Setup;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use tokio::sync::watch;

use self::player::Player;
use super::serve::wait_for_signal;
use crate::background::Background;
use crate::control::server::Socket;
use crate::output::{self, Exit, Format};
use crate::server::Server;
use crate::stack::Stack;
use crate::work;

/// Where the demo listens if the port is free: the default of `clyra serve`.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8787);
/// Marks a folder as one that a demo may empty.
const MARKER: &str = ".clyra-demo";
/// How often the clock that has caught up is moved on.
const TICK: Duration = Duration::from_secs(1);

/// `clyra demo [--once] [--out DIR]`
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// End when the week has been played, instead of leaving the stack up until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Where evidence, trust file, summary and data go; an earlier demo there is replaced
    #[arg(long, value_name = "DIR", default_value = "clyra-demo")]
    out: PathBuf,
}

/// The stand-ins and what plays against them.
struct Stage {
    week: Week,
    cloud: DbtCloud,
    servicenow: ServiceNow,
    clock: SimulatedClock,
}

impl Demo {
    /// Plays.
    pub async fn run(&self, format: Format) -> Exit {
        match self.play(format).await {
            Ok(()) => Exit::Ok,
            Err(why) => {
                output::problem(
                    "the demo could not be played",
                    why,
                    "choose another folder with --out, or free the disk",
                );
                Exit::Failed
            }
        }
    }

    async fn play(&self, format: Format) -> Result<(), String> {
        prepare(&self.out)?;
        let until = SystemClock.now();
        let server = bind().await.map_err(|error| error.to_string())?;
        let address = server.address().map_err(|error| error.to_string())?;
        let stage = Stage::set(until).await.map_err(|error| error.to_string())?;
        let background = Background::start().map_err(|error| error.to_string())?;
        let stack = Arc::new(self.stack(&stage, address).await?);
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(server.run(stack.router.clone(), stopped.clone()));
        let mut player = Player::new(&stage, &stack, address, format);
        let played = async {
            player.announce();
            player.play().await?;
            let summary = summary::write(&self.out, &stack, player.last_code_change()).await?;
            player.finish(&summary, &self.out).await
        };
        let result = played.await;
        let mut working = None;
        if result.is_ok() && !self.once {
            let socket = Socket::bind(&stack.config.data);
            say_up(address, format);
            working = background.begin(work::run(Arc::clone(&stack), socket, stopped));
            linger(&stage).await;
        }
        let _ = stop.send(true);
        let _ = serving.await;
        if let Some(working) = working {
            let _ = working.await;
        }
        stage.cloud.stop().await;
        stage.servicenow.stop().await;
        if result.is_ok() {
            self.say_stopped(format);
        }
        result
    }

    async fn stack(&self, stage: &Stage, address: SocketAddr) -> Result<Stack, String> {
        let data = std::path::absolute(self.out.join("data")).map_err(|error| error.to_string())?;
        let config = cast::config(&stage.week, &stage.cloud, &stage.servicenow, &data, address);
        let scope = cast::scope(&stage.week)?;
        cast::write(&self.out, &config, &scope, &stage.week)?;
        let config = Config::from_json(&config.to_string()).map_err(|error| error.to_string())?;
        let secrets = cast::secrets(&stage.week);
        let vars = secrets.iter().fold(MapVars::default(), |vars, (name, value)| vars.with(name, value));
        let clock = Arc::new(stage.clock.clone());
        Stack::build(config, Some(scope), &vars, clock).await.map_err(|error| error.to_string())
    }

    /// Says that the links are dead now, and how they are opened again.
    fn say_stopped(&self, format: Format) {
        if format == Format::Text {
            let (secrets, data) = (self.out.join(cast::SECRETS), self.out.join("data"));
            output::line("\nThe stack has stopped, and the links above with it. To open them again:");
            output::line(format!("  . {}; clyra serve --data {}", secrets.display(), data.display()));
            output::line(format!("To see how everything stands:\n  clyra status --data {}", data.display()));
        }
    }
}

fn say_up(address: SocketAddr, format: Format) {
    if format == Format::Text {
        let text = format!("\nThe stack is up at http://{address}. Ctrl-C stops it.");
        output::line(output::styled(text, output::DIM));
    }
}

impl Stage {
    async fn set(until: Timestamp) -> std::io::Result<Self> {
        let week = Week::ending(until.unix_ms());
        let cloud = DbtCloud::start(&week.token, week.start.clone()).await?;
        let servicenow = ServiceNow::start(Setup::default()).await?;
        let first = week.moments.first().map_or(until.unix_ms(), |moment| moment.at_ms);
        let clock = SimulatedClock::starting_at(Timestamp::from_unix_ms(first).unwrap_or(until));
        Ok(Self { week, cloud, servicenow, clock })
    }
}

/// The default port, or a free one when it is taken.
async fn bind() -> std::io::Result<Server> {
    match Server::bind(LISTEN).await {
        Ok(server) => Ok(server),
        Err(_) => Server::bind(SocketAddr::new(LISTEN.ip(), 0)).await,
    }
}

/// Leaves the stack up, on the machine's time again, until it is told to stop.
async fn linger(stage: &Stage) {
    let mut tick = tokio::time::interval(TICK);
    let signal = wait_for_signal();
    tokio::pin!(signal);
    loop {
        tokio::select! {
            () = &mut signal => return,
            _ = tick.tick() => stage.clock.advance_to(SystemClock.now()),
        }
    }
}

/// Makes the folder, or empties the one of an earlier demo. A folder that no demo made is left alone.
fn prepare(out: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", out.display());
    let marker = out.join(MARKER);
    if out.exists() {
        let is_empty = std::fs::read_dir(out).map_err(told)?.next().is_none();
        if !is_empty && !marker.exists() {
            return Err(format!("{} exists, is not empty, and was not made by a demo", out.display()));
        }
        std::fs::remove_dir_all(out.join("data")).or_else(absent_is_fine).map_err(told)?;
    }
    std::fs::create_dir_all(out).map_err(told)?;
    std::fs::write(&marker, "A demo of Clyra made this folder and may replace what is in it.\n").map_err(told)
}

fn absent_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
