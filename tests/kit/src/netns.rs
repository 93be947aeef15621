//! Networks of a test's own: Linux network namespaces, the cables between them, and what goes wrong on a cable.
//!
//! It promises: nothing outside of the namespaces changes; names are this process's own; a namespace and its cables go with the value;
//! where the machine does not permit it, the test fails and says what it lacks.

use std::{
    fs::{self, File},
    net::{IpAddr, Ipv4Addr},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::command::tell;

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";
const PREFIX: &str = "parapet";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network namespace with a loopback of its own.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// An empty one.
    ///
    /// # Panics
    /// When this machine does not permit it.
    pub fn new() -> Self {
        sweep();
        let name = format!("{PREFIX}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name]);
        let netns = Self { name };
        ip(&["-n", &netns.name, "link", "set", "lo", "up"]);
        netns
    }

    /// Lays a cable to another namespace. Returns the address of this end, and that of the other.
    ///
    /// # Panics
    /// As [`Netns::new`].
    pub fn connect(&self, other: &Self) -> (IpAddr, IpAddr) {
        let cable = NEXT.fetch_add(1, Ordering::Relaxed);
        // Unique among the cables of this process, which is all that its namespaces see: a /30 of 10.0.0.0/8 each.
        let net = 0x0a4d_0000 + (cable % 0x4000) * 4;
        let address = |end: u32| Ipv4Addr::from(net + end);
        // At most 15 bytes: the kernel's limit. They exist outside for a moment, so the process's id is part of them.
        let id = (std::process::id() % 0x10_0000) * 0x100 + cable % 0x100;
        let (here, there) = (format!("pa{id:x}"), format!("pb{id:x}"));
        ip(&["link", "add", &here, "netns", &self.name, "type", "veth", "peer", "name", &there, "netns", &other.name]);
        for (netns, link, end) in [(self, &here, 1), (other, &there, 2)] {
            ip(&["-n", &netns.name, "address", "add", &format!("{}/30", address(end)), "dev", link]);
            ip(&["-n", &netns.name, "link", "set", link, "up"]);
        }
        (address(1).into(), address(2).into())
    }

    /// Runs `work` on a thread inside: sockets that it opens, and processes and threads that it starts, are inside as well.
    ///
    /// # Panics
    /// As `work` does; or when the thread can't be moved inside.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = Path::new(NAMES).join(&self.name);
        let done = std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                let moved = File::open(&path).and_then(|file| {
                    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).map_err(Into::into)
                });
                moved.unwrap_or_else(|e| panic!("{} can't be entered: {e}; {LACKS}", path.display()));
                work()
            });
            inside.join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Cuts every cable of it, in both directions: packets vanish, and nobody is told.
    ///
    /// # Panics
    /// When the machine does not permit it.
    pub fn cut(&self) {
        for chain in ["INPUT", "OUTPUT"] {
            self.iptables(&["-A", chain, "!", "-i", "lo", "-j", "DROP"], chain);
        }
    }

    /// Loses this share of all packets on its cables, 0 to 1, in both directions.
    ///
    /// # Panics
    /// When the machine does not permit it.
    pub fn lose(&self, share: f64) {
        let share = share.to_string();
        for chain in ["INPUT", "OUTPUT"] {
            let rule = ["-A", chain, "!", "-i", "lo", "-m", "statistic", "--mode", "random", "--probability", &share];
            self.iptables(&[&rule[..], &["-j", "DROP"]].concat(), chain);
        }
    }

    /// Takes back what [`Netns::cut`] and [`Netns::lose`] did.
    ///
    /// # Panics
    /// When the machine does not permit it.
    pub fn heal(&self) {
        self.run("iptables", &["-w", "-F"]);
    }

    /// How many packets were dropped since it was cut, or began to lose.
    ///
    /// # Panics
    /// When the machine does not permit it.
    pub fn lost(&self) -> u64 {
        let rules = self.run("iptables", &["-w", "-nvxL"]);
        let drops = rules.lines().filter(|line| line.contains(" DROP "));
        drops.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }

    fn iptables(&self, rule: &[&str], chain: &str) {
        // A packet that leaves has no interface that it came in by.
        let way = if chain == "OUTPUT" { "-o" } else { "-i" };
        let rule: Vec<&str> = rule.iter().map(|word| if *word == "-i" { way } else { word }).collect();
        self.run("iptables", &[&["-w"], &rule[..]].concat());
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        self.inside(|| run(program, arguments))
    }
}

impl Default for Netns {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // The cables go with it, once the last process inside has ended.
        delete(&self.name);
    }
}

const LACKS: &str = "this test needs network namespaces and iptables: run it as root (CAP_SYS_ADMIN and CAP_NET_ADMIN), with iproute2 and iptables installed";

fn ip(arguments: &[&str]) {
    run("ip", arguments);
}

fn run(program: &str, arguments: &[&str]) -> String {
    let installed = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(program));
    let Some(path) = installed.into_iter().find(|path| path.exists()) else {
        panic!("{program} is not installed; {LACKS}")
    };
    let told = tell(Command::new(path).args(arguments), Duration::from_secs(20));
    assert_eq!(told.code, Some(0), "{program} {}: {}; {LACKS}", arguments.join(" "), told.all());
    told.out
}

fn delete(name: &str) {
    // Fails when it is gone already, which is what is wanted.
    Command::new("ip").args(["netns", "delete", name]).status().ok();
}

/// Deletes what tests that were killed have left behind.
fn sweep() {
    let names: Vec<PathBuf> = fs::read_dir(NAMES).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    for name in names.iter().filter_map(|path| path.file_name()?.to_str()) {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').nth(1)?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            delete(name);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::{net::UdpSocket, process::Command};

    use super::*;

    #[test]
    fn packets_cross_a_cable_until_it_is_cut_and_again_when_it_is_healed() {
        let (site, camera) = (Netns::new(), Netns::new());
        let (here, there) = site.connect(&camera);
        let listener = camera.inside(|| UdpSocket::bind((there, 4000)).unwrap());
        let sender = site.inside(|| UdpSocket::bind((here, 0)).unwrap());
        listener.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let arrives = || {
            sender.send_to(b"x", (there, 4000)).unwrap();
            listener.recv(&mut [0; 8]).is_ok()
        };
        assert!(arrives());
        camera.cut();
        assert!(!arrives());
        assert!(camera.lost() >= 1);
        camera.heal();
        assert!(arrives());
        camera.lose(0.5);
        for _ in 0..40 {
            sender.send_to(b"x", (there, 4000)).unwrap();
        }
        let lost = camera.lost();
        assert!((5..36).contains(&lost), "{lost} of 40 lost");
    }

    #[test]
    fn nothing_is_left_behind() {
        let netns = Netns::new();
        let path = Path::new(NAMES).join(&netns.name);
        assert!(path.exists());
        drop(netns);
        assert!(!path.exists());
        let mut dead = Command::new("true").spawn().unwrap();
        let orphan = format!("{PREFIX}-{}-0", dead.id());
        dead.wait().unwrap();
        ip(&["netns", "add", &orphan]);
        let _next = Netns::new();
        assert!(!Path::new(NAMES).join(&orphan).exists());
    }
}
