#![doc = include_str!("../README.md")]

pub mod background;
pub mod command;
pub mod control;
pub mod deployment;
pub mod health;
pub mod links;
pub mod offload;
pub mod output;
pub mod redrive;
pub mod revoke;
pub mod runner;
pub mod server;
pub mod setup;
pub mod stack;
pub mod status;
pub mod timers;
pub mod view;
pub mod work;

use std::process::ExitCode;

use clap::Parser;

use crate::output::{Exit, Format};

/// Provable change control for data and automation.
#[derive(Debug, Parser)]
#[command(name = "clyra", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Clyra {
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Play a week of a small data team's life through the whole of Clyra, on this machine
    Demo(command::demo::Demo),
    /// Run Review on this machine: webhooks in, evidence, tickets, badges and verify pages out
    Serve(command::serve::Serve),
    /// Say what is stuck, and how everything else stands
    Status(command::status::Status),
    /// Ask again for what is stuck
    Redrive(command::redrive::Redrive),
    /// Take a badge back, or give it back
    Badge(command::badge::Badge),
    /// Say what is misconfigured, before it hurts
    Doctor(command::doctor::Doctor),
    /// Say what changed between two manifests of dbt, and why it matters
    Diff(command::diff::Diff),
    /// Check an evidence bundle, or a signed document that stands alone, offline
    #[command(alias = "verify-bundle")]
    Verify(command::verify::Verify),
    /// Evaluate the controls again over a bundle's own facts
    Attest(command::attest::Attest),
    /// Make the trust file of a deployment whose keys are elsewhere
    Trust(command::trust::Trust),
}

/// Reads the command line, does what it asks for, and gives the exit code.
pub fn main() -> ExitCode {
    let clyra = Clyra::parse();
    let format = if clyra.json { Format::Json } else { Format::Text };
    ExitCode::from(run(&clyra.command, format).code())
}

fn run(command: &Command, format: Format) -> Exit {
    match command {
        Command::Demo(demo) => blocking(demo.run(format)),
        Command::Serve(serve) => blocking(serve.run(format)),
        Command::Status(status) => blocking(status.run(format)),
        Command::Redrive(redrive) => blocking(redrive.run(format)),
        Command::Badge(badge) => blocking(badge.run(format)),
        Command::Doctor(doctor) => blocking(doctor.run(format)),
        Command::Diff(diff) => diff.run(format),
        Command::Verify(verify) => verify.run(format),
        Command::Attest(attest) => attest.run(format),
        Command::Trust(trust) => blocking(trust.run(format)),
    }
}

/// Runs a command that waits for other things than files.
fn blocking(command: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            output::problem("clyra cannot start", error, "check the limits of this process (threads, open files)");
            Exit::Failed
        }
    }
}
