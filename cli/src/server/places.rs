//! Who may be connected: so many in all, so many of one peer, and some that only deliveries may use.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    common: Arc<Semaphore>,
    intake: Arc<Semaphore>,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer_connections_max: usize,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// Whether it may only deliver.
    pub(super) intake_only: bool,
    _permit: OwnedSemaphorePermit,
}

/// A connection is counted as its peer's until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
}

impl Places {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            common: Arc::new(Semaphore::new(limits.connections_max)),
            intake: Arc::new(Semaphore::new(limits.intake_connections_max)),
            peers: Arc::default(),
            peer_connections_max: limits.peer_connections_max,
        }
    }

    /// A place for the next connection; waits while there is none. `None` never comes: the semaphores stay open.
    pub(super) async fn next(&self) -> Option<Place> {
        let (permit, intake_only) = tokio::select! {
            biased;
            permit = Arc::clone(&self.common).acquire_owned() => (permit, false),
            permit = Arc::clone(&self.intake).acquire_owned() => (permit, true),
        };
        Some(Place { intake_only, _permit: permit.ok()? })
    }

    /// Counts a connection of `peer`; `None` when it has all that one may have.
    pub(super) fn count(&self, peer: IpAddr) -> Option<Counted> {
        let peer = network(peer);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let held = peers.get(&peer).copied().unwrap_or_default();
        if held >= self.peer_connections_max && !peer.is_loopback() {
            return None;
        }
        peers.insert(peer, held + 1);
        Some(Counted { peers: Arc::clone(&self.peers), peer })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        match peers.get_mut(&self.peer) {
            Some(held) if *held > 1 => *held -= 1,
            _ => drop(peers.remove(&self.peer)),
        }
    }
}

/// The address that stands for one peer: of IPv6 the first 64 bits, the least that anybody is given (RFC 6177).
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_share_and_gets_it_back() {
        let places = Places::of(&Limits { peer_connections_max: 2, ..Limits::default() });
        let count = |peer: &str| places.count(peer.parse().unwrap());
        let held = [count("192.0.2.1"), count("::ffff:192.0.2.1")];
        assert!(held.iter().all(Option::is_some) && count("192.0.2.1").is_none(), "one peer in both spellings");
        assert!(count("192.0.2.2").is_some(), "another peer");
        let six = [count("2001:db8::1"), count("2001:db8::2")];
        assert!(six.iter().all(Option::is_some) && count("2001:db8::3").is_none(), "one network");
        assert!(count("2001:db8:0:1::1").is_some(), "another network");
        drop(held);
        assert!(count("192.0.2.1").is_some());
        drop(six);
        let near: Vec<_> = (0..9).map(|_| count("127.0.0.1")).chain((0..9).map(|_| count("::1"))).collect();
        assert!(near.iter().all(Option::is_some), "a proxy on this machine is everybody");
        drop(near);
        assert!(places.peers.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn the_last_places_are_for_deliveries() {
        let places = Places::of(&Limits { connections_max: 1, intake_connections_max: 1, ..Limits::default() });
        let (first, second) = (places.next().await.unwrap(), places.next().await.unwrap());
        assert!(!first.intake_only && second.intake_only);
        drop(first);
        assert!(!places.next().await.unwrap().intake_only);
    }
}
