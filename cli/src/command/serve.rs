//! `clyra serve`: Review as a real deployment of one machine.

use std::net::SocketAddr;
use std::sync::Arc;

use clyra_ports::clock::SystemClock;
use clyra_service::vars::ProcessVars;
use tokio::sync::watch;

use crate::background::Background;
use crate::control::server::Socket;
use crate::output::{self, Exit, Format};
use crate::server::Server;
use crate::setup::{Folder, Setup};
use crate::stack::{Stack, StackError};
use crate::work;

/// `clyra serve [--listen 127.0.0.1:8787] [--data DIR] [--config FILE]`
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    folder: Folder,
    /// Address and port to listen at, instead of the configuration's
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    /// Runs until it is told to stop.
    pub async fn run(&self, format: Format) -> Exit {
        if let Err(error) = clyra_service::telemetry::init(&ProcessVars) {
            output::problem("the log settings are wrong", error, "correct the variables it names");
            return Exit::Failed;
        }
        let background = match Background::start() {
            Ok(background) => background,
            Err(error) => {
                output::problem("clyra cannot start", error, "check the limit of threads of this user");
                return Exit::Failed;
            }
        };
        let Some(stack) = self.stack().await else { return Exit::Failed };
        let server = match Server::bind(stack.config.listen).await {
            Ok(server) => server,
            Err(error) => {
                let what = format!("{} cannot be listened at", stack.config.listen);
                output::problem(what, error, "choose another address with --listen, or stop what uses this one");
                return Exit::Failed;
            }
        };
        let socket = Socket::bind(&stack.config.data);
        announce(&stack, &server, format);
        run_until_stopped(stack, server, socket, &background).await;
        Exit::Ok
    }

    async fn stack(&self) -> Option<Stack> {
        let Setup { mut config, scope, path, is_configured } = match self.folder.read() {
            Ok(setup) => setup,
            Err(refusal) => {
                let _ = refusal.print();
                return None;
            }
        };
        if !is_configured {
            let why = "a server needs its configuration; without one nothing would be kept as you want it";
            output::problem(format!("{} is not there", path.display()), why, "name it with --config");
            return None;
        }
        config.listen = self.listen.unwrap_or(config.listen);
        match Stack::build(config, scope, &ProcessVars, Arc::new(SystemClock)).await {
            Ok(stack) => Some(stack),
            Err(error) => {
                output::problem("clyra does not start", &error, what_to_do(&error));
                None
            }
        }
    }
}

fn what_to_do(error: &StackError) -> &'static str {
    match error {
        StackError::Open(_) => "name another folder with --data, or put this one in order",
        StackError::Deployment(_) => "follow what it says; nothing was changed",
        StackError::Journal(_) => "check that the disk is there, writable and not full",
        StackError::Key(_) => "restore the key file from your backup",
        StackError::Settings(_) | StackError::Attach(_) | StackError::Targets(_) => {
            "set what is missing in the environment or correct the configuration"
        }
    }
}

fn announce(stack: &Stack, server: &Server, format: Format) {
    let address = server.address().map_or_else(|_| stack.config.listen.to_string(), |address| address.to_string());
    if format == Format::Json {
        output::json_line(&serde_json::json!({"event": "listening", "address": address}));
        return;
    }
    output::line(format!("Clyra Review {} listens at http://{address}", env!("CARGO_PKG_VERSION")));
    output::line(format!("  data      {}", stack.config.data.display()));
    let days = output::count(stack.embedded.retention_days.into(), "day", "days");
    output::line(format!("  evidence  kept {days}"));
    for connection in &stack.config.connections {
        let path = if connection.name.as_str() == "default" { String::new() } else { format!("/{}", connection.name) };
        output::line(format!("  webhook   POST {}{path}  ({})", clyra_fn_dbt_cloud::PATH, connection.host));
    }
    if stack.config.connections.is_empty() {
        output::line("  no connection is configured: every webhook is answered 404");
    }
    if stack.scope.is_none() {
        output::line("  no scope is declared: no period is attested and no badge is green");
    }
    if stack.config.targets.is_empty() {
        output::line("  no ticket target is configured: tickets wait");
    }
}

/// Runs server, steps and timers until Ctrl-C or SIGTERM, then lets them finish what they have in hand.
async fn run_until_stopped(stack: Stack, server: Server, socket: Option<Socket>, background: &Background) {
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(server.run(stack.router.clone(), stopped.clone()));
    let working = background.begin(work::run(Arc::new(stack), socket, stopped));
    wait_for_signal().await;
    let _ = stop.send(true);
    let _ = serving.await;
    if let Some(working) = working {
        let _ = working.await;
    }
}

/// Returns at Ctrl-C, or at SIGTERM from a service manager.
pub async fn wait_for_signal() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(interrupt.await),
    }
}
