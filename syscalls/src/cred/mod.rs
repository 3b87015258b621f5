//! Credentials: `credentials(7)`, `capabilities(7)`: the calls that show and change them.

mod caps;
mod groups;
mod ids;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use caps::{ambient, bounding_drop, bounding_read, capget, capset, set_keep_caps, set_securebits};
pub(crate) use groups::{getgroups, setgroups};
pub(crate) use ids::{
    getegid, geteuid, getgid, getresgid, getresuid, getuid, setfsgid, setfsuid, setgid, setregid, setresgid, setresuid,
    setreuid, setuid,
};
