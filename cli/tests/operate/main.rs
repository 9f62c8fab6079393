//! `status`, `redrive` and `doctor` as a person uses them: the real program over a real data folder, against stand-ins.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod deployment;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod status;
