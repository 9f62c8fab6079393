//! The control socket: how `clyra status`, `clyra redrive` and `clyra badge` reach a running server.
//!
//! It is a Unix socket `control.sock` in the data folder, so the rights on files say who may ask: the folder can be
//! entered by its owner only (0700, socket 0600), and whoever enters it could read the keys anyway. An address on
//! loopback would be weaker: a reverse proxy on the same machine makes every stranger a neighbour, and any local user
//! may connect. It speaks HTTP, so that `curl --unix-socket clyra-data/control.sock http://clyra/status` works, too.

pub mod client;
pub mod server;

/// The socket's name in the data folder.
pub const SOCKET: &str = "control.sock";

/// How the state of everything is asked for: `GET`, answered with [`crate::status::report::Report`].
pub(crate) const STATUS: &str = "/status";
/// How things are asked for again: `POST` of [`crate::redrive::Wanted`].
pub(crate) const REDRIVE: &str = "/redrive";
/// How a badge is revoked or restored: `POST` of [`crate::revoke::Wanted`].
pub(crate) const BADGE: &str = "/badge";
