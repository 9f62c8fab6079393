//! The template's invariants: what AWS enforces and no emulator does is checked over the template itself.

#[cfg(test)]
mod alarms;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod scanners;
#[cfg(test)]
mod template;
#[cfg(test)]
mod variables;
