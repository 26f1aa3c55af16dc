//! Three brokers that hold each other's replicas, each behind a proxy.
//!
//! Whoever uses [`Cluster::connection`] talks to the brokers themselves; whoever uses [`Cluster::proxied`] meets them
//! only through their proxies, which can be told to misbehave. What is acknowledged by two of three outlives one.
//! Ports and data stay the same over [`Cluster::kill`] and [`Cluster::start_again`].

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::connection::Connection;
use super::installation::Installation;
use super::node::{Java, Node};
use super::properties::{self, MemberPorts};
use super::reassignment;
use crate::proxy::Proxy;
use crate::{eventually, ports};

/// Of each broker's heap, in MiB: what they serve is small, and they are three.
const HEAP: u32 = 384;
/// One question about the replicas.
const QUESTION: Duration = Duration::from_secs(2);

/// Three brokers, each running, paused or killed.
#[derive(Debug)]
pub struct Cluster {
    brokers: Vec<Broker>,
}

#[derive(Debug)]
struct Broker {
    ports: MemberPorts,
    proxy: Proxy,
    node: Node,
}

impl Cluster {
    /// How many brokers there are.
    pub const SIZE: usize = 3;

    /// Starts three brokers and waits until they have found each other. `short_lived` as for one broker's setup.
    ///
    /// # Errors
    /// When Java or Kafka's files are missing, or a broker does not come up: the message names its log, which is kept.
    pub fn start(short_lived: bool) -> Result<Cluster> {
        let installation = Installation::find()?;
        let ports: Vec<MemberPorts> = (0..Cluster::SIZE)
            .map(|_| MemberPorts {
                direct: ports::free(),
                behind_proxy: ports::free(),
                proxy: ports::free(),
                controller: ports::free(),
            })
            .collect();
        let id = properties::cluster_id();
        let mut brokers = Vec::new();
        for (index, own) in ports.iter().enumerate() {
            let node = Node::new(installation.clone(), Java { heap: HEAP, short_lived })?;
            node.format(&properties::member(index, &ports, node.directory()), &id, &[])?;
            let proxy = Proxy::start(local(own.proxy), local(own.behind_proxy))?;
            brokers.push(Broker { ports: own.clone(), proxy, node });
        }
        let mut cluster = Cluster { brokers };
        // None answers before it has met another.
        for broker in &mut cluster.brokers {
            broker.node.launch()?;
        }
        for index in 0..Cluster::SIZE {
            cluster.wait_ready(index)?;
        }
        Ok(cluster)
    }

    /// To the brokers themselves.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.all(|ports| ports.direct)
    }

    /// To the brokers through their proxies, and only so.
    #[must_use]
    pub fn proxied(&self) -> Connection {
        self.all(|ports| ports.proxy)
    }

    /// What stands before the broker at `index`, from 0.
    #[must_use]
    pub fn proxy(&self, index: usize) -> &Proxy {
        &self.brokers[index].proxy
    }

    /// Ends a broker as a crash would (`SIGKILL`).
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill(&mut self, index: usize) {
        self.brokers[index].node.kill();
    }

    /// Starts a killed broker on the same ports and data, and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self, index: usize) -> Result<()> {
        self.brokers[index].node.launch()?;
        self.wait_ready(index)
    }

    /// Stops a broker's time (`SIGSTOP`): its connections stay open, and nothing answers.
    pub fn pause(&mut self, index: usize) {
        self.brokers[index].node.signal(libc::SIGSTOP);
    }

    /// Lets a paused broker go on.
    pub fn resume(&mut self, index: usize) {
        self.brokers[index].node.signal(libc::SIGCONT);
    }

    /// Waits until every partition of every topic has all of its replicas in sync: then the next broker may be lost.
    ///
    /// # Errors
    /// A message that names those that are behind when the deadline passes.
    pub fn wait_in_sync(&self, deadline: Duration) -> Result<(), String> {
        let client: BaseConsumer = self.connection().client().create().map_err(|error| error.to_string())?;
        eventually::poll("all replicas to be in sync", deadline, || {
            let cluster = client.fetch_metadata(None, QUESTION).map_err(|error| error.to_string())?;
            let mut behind = BTreeMap::new();
            for topic in cluster.topics() {
                let lacking = |isr: &[i32]| isr.len() < Cluster::SIZE;
                let lacking = topic.partitions().iter().filter(|partition| lacking(partition.isr())).count();
                if lacking > 0 {
                    behind.insert(topic.name().to_owned(), lacking);
                }
            }
            if behind.is_empty() { Ok(()) } else { Err(format!("partitions that lack a replica: {behind:?}")) }
        })
    }

    /// Gives the partitions of a topic to these brokers, by their indices: for each partition its replicas, of which the first
    /// leads if it can. Waits until they are in sync, and one of them leads.
    ///
    /// # Errors
    /// When the brokers refuse, or it has not come true by the deadline.
    pub fn reassign(&self, topic: &str, replicas: &[Vec<usize>], deadline: Duration) -> Result<()> {
        let id = |index: &usize| i32::try_from(index + 1).expect("one of three");
        let replicas: Vec<Vec<i32>> = replicas.iter().map(|own| own.iter().map(id).collect()).collect();
        let running = self.brokers.iter().find(|broker| broker.node.process().is_some());
        reassignment::ask(local(running.context("no broker runs")?.ports.direct), topic, &replicas)?;
        let client: BaseConsumer = self.connection().client().create()?;
        eventually::poll(&format!("the partitions of {topic} to be at {replicas:?}"), deadline, || {
            let cluster = client.fetch_metadata(Some(topic), QUESTION).map_err(|error| error.to_string())?;
            let partitions = cluster.topics().first().map_or(&[][..], rdkafka::metadata::MetadataTopic::partitions);
            let mut found: Vec<_> =
                partitions.iter().map(|of| (of.id(), of.replicas(), of.isr().len(), of.leader())).collect();
            found.sort_by_key(|(id, ..)| *id);
            let moved = |((_, found, in_sync, leader), wanted): (&(i32, &[i32], usize, i32), &Vec<i32>)| {
                *found == wanted.as_slice() && *in_sync == wanted.len() && wanted.contains(leader)
            };
            let all = found.len() == replicas.len() && found.iter().zip(&replicas).all(moved);
            if all { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .map_err(|message| anyhow!(message))
    }

    /// Why a broker has ended by itself, if one has.
    pub fn failure(&mut self) -> Option<anyhow::Error> {
        let failures = self.brokers.iter_mut().enumerate();
        let mut failures = failures.filter_map(|(index, broker)| {
            let error = broker.node.failure()?;
            Some(anyhow!("broker {} ended by itself: {error}\n{}", index + 1, broker.node.log_tail()))
        });
        failures.next()
    }

    /// The logs of all brokers.
    #[must_use]
    pub fn log_files(&self) -> Vec<PathBuf> {
        self.brokers.iter().map(|broker| broker.node.log_file()).collect()
    }

    fn all(&self, port: impl Fn(&MemberPorts) -> u16) -> Connection {
        let addresses: Vec<String> = self.brokers.iter().map(|b| format!("127.0.0.1:{}", port(&b.ports))).collect();
        Connection::plaintext(&addresses.join(","))
    }

    fn wait_ready(&mut self, index: usize) -> Result<()> {
        let broker = &mut self.brokers[index];
        let itself = Connection::plaintext(&format!("127.0.0.1:{}", broker.ports.direct));
        broker.node.wait_ready(&[itself], &AtomicBool::new(false)).map_err(|error| {
            broker.node.keep();
            let (log, tail) = (broker.node.log_file(), broker.node.log_tail());
            anyhow!("broker {}: {error:#}\nIts log is {}, and ends with:\n{tail}", index + 1, log.display())
        })
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
