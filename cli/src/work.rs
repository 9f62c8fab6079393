//! What a server does beside answering: its steps, its timers, and its control socket.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::control::server::{Control, Socket};
use crate::stack::Stack;
use crate::timers;

/// Works until `stop` changes; each part finishes what it has in hand.
pub async fn run(stack: Arc<Stack>, socket: Option<Socket>, stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    for lane in stack.lanes.clone() {
        tasks.spawn(lane.run(stop.clone()));
    }
    match Control::over(Arc::clone(&stack)).await {
        Ok(control) => drop(tasks.spawn(control.run(socket, stop.clone()))),
        Err(error) => tracing::warn!(error = %error, "status, redrive and badge cannot ask this server"),
    }
    tasks.spawn(timers::run(stack, stop));
    while tasks.join_next().await.is_some() {}
}
