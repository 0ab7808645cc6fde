//! howdah: a daemon that runs automations written as YAML.

pub mod clock;
pub mod diagnostic;
pub mod event;
pub mod ids;
pub mod money;
pub mod secret;
pub mod units;
pub mod value;
