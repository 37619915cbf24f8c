//! Launchers: processes of this machine and a real Slurm on one node, tested alike; Slurm's own ways
//! (preemption, requeue, controllers that go away, generic resources); what is refused, and at what size.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../program/mod.rs"]
mod program;

mod cluster;
mod elsewhere;
mod local;
mod refusals;
mod scale;
mod site;
mod slurm;
mod story;
