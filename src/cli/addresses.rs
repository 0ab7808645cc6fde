//! Where the daemon of a workspace answers: a small file in the state folder, there while it runs.
//!
//! The lock decides who owns the folder; this file only helps to find the owner, and one that a lost
//! process left behind is told by its process id. It holds no secret.

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The file's name in the state folder.
pub const FILE: &str = "addresses.json";

/// The largest file that is read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// What a daemon tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Its process.
    pub pid: u32,
    /// Where it is administered.
    pub admin: SocketAddr,
    /// Where webhooks arrive.
    pub hooks: SocketAddr,
    /// When it began to listen.
    pub started: Timestamp,
}

impl Addresses {
    /// What is written in this state folder; none when there is nothing that can be understood.
    /// Blocking.
    pub fn read(state_dir: &Path) -> Option<Self> {
        let path = state_dir.join(FILE);
        let known = fs::metadata(&path).ok()?;
        if !known.is_file() || known.len() > LIMIT {
            return None;
        }
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes the file as a whole, and gives what removes it again. Blocking.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn publish(&self, state_dir: &Path) -> io::Result<Published> {
        let mut file = tempfile::NamedTempFile::new_in(state_dir)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        let path = state_dir.join(FILE);
        file.persist(&path).map_err(|error| error.error)?;
        Ok(Published { path })
    }

    /// Where somebody on this machine reaches the administration: a daemon that listens everywhere
    /// also listens here.
    pub fn admin_from_here(&self) -> SocketAddr {
        let ip = match self.admin.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.admin.port())
    }
}

/// The file while its daemon runs; dropping this removes it.
#[derive(Debug)]
pub struct Published {
    path: PathBuf,
}

impl Drop for Published {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the addresses were not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(admin: &str) -> Addresses {
        Addresses {
            pid: 7,
            admin: admin.parse().unwrap(),
            hooks: "127.0.0.1:7879".parse().unwrap(),
            started: Timestamp::from_millisecond(1_000).unwrap(),
        }
    }

    #[test]
    fn the_file_is_there_while_the_daemon_runs() {
        let folder = tempfile::tempdir().unwrap();
        let written = addresses("127.0.0.1:7878");
        assert_eq!(Addresses::read(folder.path()), None);
        let published = written.publish(folder.path()).unwrap();
        assert_eq!(Addresses::read(folder.path()), Some(written));
        drop(published);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_half_written_by_others_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{\"pid\": 7,").unwrap();
        assert_eq!(Addresses::read(folder.path()), None);
    }

    #[test]
    fn a_daemon_that_listens_everywhere_is_reached_here() {
        assert_eq!(addresses("0.0.0.0:80").admin_from_here().to_string(), "127.0.0.1:80");
        assert_eq!(addresses("[::]:80").admin_from_here().to_string(), "[::1]:80");
        assert_eq!(addresses("10.0.0.7:80").admin_from_here().to_string(), "10.0.0.7:80");
    }
}
