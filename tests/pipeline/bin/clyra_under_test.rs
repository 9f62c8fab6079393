//! The program `clyra`, as `cli/src/main.rs` is it.

use std::process::ExitCode;

fn main() -> ExitCode {
    clyra::main()
}
